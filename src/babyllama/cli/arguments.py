"""What several commands share: options, checks of arguments, completing one stage."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from babyllama.errors import InputError

if TYPE_CHECKING:
    from babyllama.runs.artefact import Stage
    from babyllama.runs.launched import Launched

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a field of the recipe: key.path=value.")
]
RecipeName = Annotated[str, typer.Argument(help="A built-in recipe's name, or a YAML file.")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write.")]
Tokens = Annotated[Path, typer.Option("--tokens", help="A folder written by `tokenize`.")]
Tokenizer = Annotated[
    Path, typer.Option("--tokenizer", help="A folder written by `tokenizer train`.")
]


def complete_stage(stage: "Stage") -> None:
    """Make one stage's folder, unless it is complete, and print where it is.

    Raises:
        InputError: the folder belongs to something else, is in use, or cannot be written.
    """
    from babyllama.pipeline.run import make_stage, refuse_other_stage, refuse_unwritable
    from babyllama.runs.layout import run_of
    from babyllama.runs.lock import locked

    launched = launched_process()
    if launched.rank > 0:
        make_stage(stage, launched)
        return
    refuse_unwritable(stage.out)
    refuse_other_stage(stage)
    refuse_unwritable_place(stage.out)
    with locked(run_of(stage.out), mend="write elsewhere"):
        make_stage(stage, launched)
    print(stage.out)


def launched_process() -> "Launched":
    """This process's rank and the number of processes, as a launcher sets them."""
    from babyllama.runs.launched import Launched

    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    return Launched(rank, count)


def refuse_twice(what: str, names: list[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"{what} {twice[0]} is named twice",
            why="Results go by the name, so one would overwrite the other.",
            mend="Give them different names.",
        )


def refuse_absent(paths: list[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(f"there is no {path}", mend="Name what is there.")


def refuse_unwritable_place(path: Path) -> None:
    parents = path.absolute().parents
    existing = next(parent for parent in parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(
            f"{path} cannot be written: {existing} is no folder that is yours to write in",
            mend="Name another place.",
        )


def name_and_place(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise InputError(f"{option} {text}: is not NAME=PATH", mend=f"For example: {example}")
    return name, place


def benchmark_and_path(text: str) -> tuple[str, Path]:
    name, place = name_and_place(text, "--benchmark", "--benchmark blimp=data/blimp")
    return name, Path(place)


def write_results(results: list[dict[str, Any]], out: Path) -> None:
    """One model's results as they are, several by the models' names."""
    from babyllama.runs.artefact import write_atomically

    whole = results[0] if len(results) == 1 else {each["model"]: each for each in results}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
