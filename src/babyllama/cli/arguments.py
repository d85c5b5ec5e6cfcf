"""What several commands share: options, checks of arguments, building one stage."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.completing import recipes_beginning_with
from babyllama.cli.outputs import refuse_overlap, refuse_unwritable_folder
from babyllama.console import overall, print_line
from babyllama.errors import InputError, quoted
from babyllama.runs.launched import Launched, launched_from

if TYPE_CHECKING:
    from babyllama.runs.artefact import Stage

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a field of the recipe: key.path=value.")
]


RecipeName = Annotated[
    str,
    typer.Argument(
        help="The name of a built-in recipe, or a YAML file.",
        autocompletion=recipes_beginning_with,
    ),
]
Out = Annotated[Path, typer.Option("--out", help="The folder to write.")]
Tokens = Annotated[Path, typer.Option("--tokens", help="A folder written by `tokenize`.")]
Tokenizer = Annotated[
    Path, typer.Option("--tokenizer", help="A folder written by `tokenizer train`.")
]
RulesName = Literal["honest", "2023", "2024", "2025"]


def complete_stage(stage: "Stage", *, check: Callable[[], object] = lambda: None) -> None:
    """Make one stage's folder, unless it is complete, and print its path.

    Args:
        check: refuses wrong inputs; called after the checks of the output, before any writing.

    Raises:
        InputError: the folder holds something else, is in use, is an input or cannot be written.
    """
    from babyllama.pipeline.making import make_stage
    from babyllama.pipeline.run import refuse_other_stage, refuse_unwritable
    from babyllama.runs.artefact import partial_folder
    from babyllama.runs.layout import run_of
    from babyllama.runs.lock import locked

    launched = launched_process()
    if stage.together and not launched.is_alone:
        from babyllama.training.processes import join_processes

        join_processes(launched)
    if launched.rank > 0:
        make_stage(stage, launched)
        return
    refuse_overlap(stage.out, stage.inputs.values())
    refuse_unwritable(stage.out)
    refuse_other_stage(stage)
    for place in (stage.out, partial_folder(stage.out)):
        refuse_unwritable_folder(place)
    check()
    shown = overall(lambda: f"{stage.name} is being made")
    with locked(run_of(stage.out), mend="use another folder"), shown:
        make_stage(stage, launched)
    print_line(str(stage.out))


def launched_process() -> Launched:
    """This process's rank and the number of processes, as a launcher sets them.

    Raises:
        InputError: a launcher's variable that is empty, odd or missing.
    """
    return launched_from(os.environ)


def refuse_launcher(name: str, mend: str = "Start it without a launcher.") -> None:
    """Refuse to do the same work in several processes, which would write the same files.

    Args:
        name: the command.

    Raises:
        InputError: a launcher started several.
    """
    if not launched_process().is_alone:
        raise InputError(
            f"{name} runs in one process only",
            why="Several would do the same work and write the same files.",
            mend=mend,
        )


def refuse_duplicates(what: str, names: list[str]) -> None:
    """Refuse two models, benchmarks or tasks of one name.

    Raises:
        InputError: names the first duplicate.
    """
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"{what} {twice[0]} is given twice",
            why="Results are stored by name, so one would overwrite the other.",
            mend="Give each a different name.",
        )


def named_models(given: list[Path]) -> dict[str, Path]:
    """Model folders by name: `NAME=FOLDER`, else a folder is called by its own name.

    A name may have parts, `distilled/chck_1M`. A link is called by the link's name.

    Raises:
        InputError: a name that no file can have, or two models of one name.
    """
    named = [name_and_folder(path) for path in given]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        folders = [path for name, path in named if name == twice]
        example = " ".join(quoted(f"{twice}-{n}={path}") for n, path in enumerate(folders, 1))
        is_one = len({path.resolve() for path in folders}) == 1
        raise InputError(
            f"model {twice} is given twice",
            why="Models are told apart by their names.",
            mend=f"Name {folders[0]} once." if is_one else f"Give each its own name: {example}",
        )
    return dict(named)


def name_and_folder(path: Path) -> tuple[str, Path]:
    """The name of a model and its folder, from `NAME=FOLDER` or a folder alone.

    Raises:
        InputError: a name that no file can have.
    """
    from babyllama.recipe.names import benchmark_name_fault

    name, equals, folder = str(path).partition("=")
    if path.exists() or not equals:
        own = Path(os.path.abspath(path)).name or str(path)
        # Of a commit on the hub, ORG/NAME@COMMIT, the name alone.
        return own if path.exists() else own.partition("@")[0], path
    fault = next(filter(None, map(benchmark_name_fault, name.split("/"))), "")
    if fault or not folder:
        raise InputError(
            f"{path} is neither a folder nor NAME=FOLDER",
            why=_why_not_named(name, fault),
            mend="For example: small=runs/small/students/distilled",
        )
    return name, Path(folder)


def _why_not_named(name: str, fault: str) -> str:
    if not name:
        return "The name is missing before the =."
    return f"The model's {fault}." if fault else "The folder is missing after the name."


def refuse_missing(paths: list[Path]) -> None:
    """Refuse paths that do not exist, before anything slow is imported.

    Raises:
        InputError: names the first of them.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} not found", mend="Check the path.")


def name_and_value(text: str, option: str, example: str) -> tuple[str, str]:
    """Split `NAME=VALUE`, as an option takes it.

    Raises:
        InputError: a part is missing; shows the example.
    """
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise InputError(f"{option} {text} is not NAME=PATH", mend=f"For example: {example}")
    return name, value


def benchmark_and_path(text: str) -> tuple[str, Path]:
    """Split `--benchmark NAME=PATH`.

    Raises:
        InputError: a part is missing, or no file can have the name.
    """
    from babyllama.recipe.names import benchmark_name_fault

    name, path = name_and_value(text, "--benchmark", "--benchmark blimp=data/blimp")
    if fault := benchmark_name_fault(name):
        raise InputError(
            f"--benchmark {text}: {fault}",
            why="Files of predictions and scores are named after their benchmark.",
            mend="For example: --benchmark blimp=data/blimp",
        )
    return name, Path(path)
