"""Typer's own messages on how a command is used: with the value that is wrong, and with hints."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from typer.core import TyperArgument, TyperOption

from babyllama.console import visible_cell
from babyllama.errors import InputError

# What people type for something that is called otherwise here.
_COMMANDS = {
    "version": "The version: babyllama --version",
    "sweep": "Many trainings are a study: babyllama studies lists some",
    "chat": "To let a model write: babyllama generate RUN; on a page: babyllama play RUN",
    "open": "A report is a page: babyllama show RUN says where; babyllama report RUN writes one",
    "train": "A recipe from text to scores: babyllama run mini; one model: babyllama pretrain",
    "list": "The runs here: babyllama ls; the recipes: babyllama recipes",
}
_OPTIONS = {
    (
        "run",
        "--seeds",
    ): "Several seeds are a study: babyllama study replication --scale mini --seeds 3",
    ("run", "--seed"): "Set it so: --set seed=1",
}


@contextmanager
def legible_usage_errors(arguments: Sequence[str]) -> Iterator[None]:
    """Add the value that is wrong, or a hint; show control characters of the arguments.

    Args:
        arguments: of `babyllama`, as they were typed.
    """
    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)  # typer's own base class is not public
        if isinstance(message, str) and hasattr(error, "format_message"):
            hint = _hint(message, arguments)
            if hint and hasattr(error, "possibilities"):
                vars(error)["possibilities"] = None  # of names that look alike
            value = _value(error, arguments)
            text = f"{value} is wrong. {message}" if value and value not in message else message
            text = f"{text.partition(' Did you mean')[0]} {hint}" if hint else text
            vars(error)["message"] = visible_cell(InputError(text).what)
        raise


def legible_types() -> None:
    """Have typer's help write `<path>` for `<list[Path]>`, and nothing for what takes no value."""
    for kind in (TyperOption, TyperArgument):
        show = getattr(kind, "display_type_rich", None)  # older versions write other types
        if show is not None and not getattr(show, "is_ours", False):
            setattr(kind, "display_type_rich", _in_words(show))  # noqa: B010


def _in_words(show: Callable[..., Any]) -> Callable[..., Any]:
    def in_words(given: Any, *more: Any, **named: Any) -> Any:
        if getattr(given, "is_flag", False):
            return None
        shown = show(given, *more, **named)
        return re.sub(r"<(?:list\[)?(\w+)(?: range)?\]?>", lambda of: f"<{of[1].lower()}>", shown)

    in_words.is_ours = True  # type: ignore[attr-defined]
    return in_words


def _hint(message: str, arguments: Sequence[str]) -> str:
    """What is meant by a command or option that does not exist; "" where nobody knows."""
    if found := re.match(r"No such command '(.*?)'", message):
        return _COMMANDS.get(found[1], "")
    if found := re.match(r"No such option: (\S+)", message):
        return _OPTIONS.get((next(iter(arguments), ""), found[1]), "")
    return ""


def _value(error: Exception, arguments: Sequence[str]) -> str:
    """The value that was given to the option which an error is about; "" if that is unknown."""
    names = getattr(getattr(error, "param", None), "opts", ())
    for place, each in enumerate(arguments):
        name, equals, value = each.partition("=")
        if name in names:
            return value if equals else "".join(arguments[place + 1 : place + 2])
    return ""
