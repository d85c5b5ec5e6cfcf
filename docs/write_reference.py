"""Write docs/reference/ from the code, and docs/lesson/ from the lesson's papers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from babyllama import lesson
from babyllama.cli import app
from babyllama.evaluation.finetuning import settings as finetuning
from babyllama.recipe import (
    card,
    combining,
    controls,
    given,
    ordering,
    sequences,
    shapes,
    sources,
    teaching,
    text,
    training,
    tree,
)

HERE = Path(__file__).parent


def main() -> None:
    """Write all pages."""
    for name, written in pages().items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(written, encoding="utf-8")


def pages() -> dict[str, str]:
    """Every page by its path below docs/: commands, recipes, and what the lesson has to read."""
    papers = (lesson.WORKSHEET, lesson.ANSWERS, lesson.TEACHER)
    return {
        "reference/commands.md": commands_page(),
        "reference/recipes.md": recipes_page(),
        **{f"lesson/{name}": lesson.paper(name) for name in papers},
    }


def commands_page() -> str:
    """One section per command: what it does, its example, its arguments and options."""
    parts = ["# Commands\n", "Written by `make docs` from the command line itself.\n"]
    panel = ""
    for of, name, command in _commands(typer.main.get_command(app), "babyllama"):
        if of != panel:
            panel = of
            parts.append(f"## {panel}\n")
        parts.append(f"### `{name}`\n")
        parts.append(_paragraphs(command.help or "") + "\n")
        rows = [_parameter_row(p) for p in command.params if p.name != "help"]
        parts.append("| argument or option | what | default |\n|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def recipes_page() -> str:
    """One table per part of a recipe."""
    written_from = "`babyllama/recipe/` and `babyllama/evaluation/finetuning/`"
    parts = ["# Recipes\n", f"Written by `make docs` from {written_from}.\n"]
    parts.append(f"## extends, defaults, like\n\n{_paragraphs(combining.__doc__ or '')}\n")
    for model in _models():
        parts.append(f"## {model.__name__}\n")
        parts.append(_paragraphs(model.__doc__ or "") + "\n")
        rows = [
            f"| `{name}` | {_escape(info.description or '')} | {_default(info)} |\n"
            for name, info in model.model_fields.items()
        ]
        parts.append("| field | what | default |\n|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _commands(command: Any, name: str, panel: str = "") -> Iterator[tuple[str, str, Any]]:
    """Panel, name and command, in the order of `--help`."""
    for part in command.list_commands(None):
        child = command.commands[part]
        of = panel or child.rich_help_panel
        if hasattr(child, "commands"):
            yield from _commands(child, f"{name} {part}", of)
        else:
            yield of, f"{name} {part}", child


def _models() -> Iterator[type[BaseModel]]:
    for module in (
        tree,
        given,
        text,
        sources,
        shapes,
        training,
        ordering,
        teaching,
        sequences,
        controls,
        card,
        finetuning,
    ):
        for value in vars(module).values():
            ours = isinstance(value, type) and value.__module__ == module.__name__
            if ours and value.model_fields and not value.__name__.startswith("_"):
                yield value


def _parameter_row(parameter: Any) -> str:
    names = ", ".join(f"`{opt}`" for opt in parameter.opts)
    default = "" if parameter.default in (None, ()) or parameter.required else parameter.default
    return f"| {names} | {_escape(getattr(parameter, 'help', '') or '')} | {default} |\n"


def _default(info: Any) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    return "" if isinstance(value, BaseModel) else f"`{value}`"


def _paragraphs(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(lines)


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
