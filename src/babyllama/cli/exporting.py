"""`babyllama export`: models in the formats of other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.arguments import refuse_launcher, refuse_missing
from babyllama.cli.outputs import refuse_unwritable_file, refuse_unwritable_folder
from babyllama.console import print_line, print_status
from babyllama.errors import InputError, command, listed

if TYPE_CHECKING:
    from babyllama.recipe import Mixing


def export(
    models: Annotated[
        list[Path],
        typer.Argument(help="A model's folder; with --ensemble several, or a run's folder."),
    ],
    out: Annotated[
        Path,
        typer.Argument(help="NAME.gguf, NAME.onnx, or a folder for ONNX with the tokenizer."),
    ],
    to: Annotated[Literal["gguf", "onnx"], typer.Option(help="The format.")],
    kind: Annotated[
        Literal["f32", "f16", "q8_0"] | None,
        typer.Option("--type", help="GGUF: the type of the matrices; f32 by default."),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="ONNX: the average of the models, as one graph.")
    ] = False,
    mean_of: Annotated[
        Literal["logits", "probabilities"] | None,
        typer.Option(help="What --ensemble averages; of a run, what its recipe says."),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="A text file for the check; by default the run's dev text."),
    ] = None,
    allow_different_text: Annotated[
        bool,
        typer.Option(
            "--allow-different-text", help="GGUF: export even if llama.cpp gives other tokens."
        ),
    ] = False,
) -> None:
    """Write a model for llama.cpp (GGUF) or for ONNX runtimes, and check that it is the same model.

    The same token ids for 2,000 lines and the same logits within 0.001 are required of an f32 file;
    what was compared is printed. A file that differs is not kept.

    Example: `babyllama export runs/mini/students/distilled distilled.gguf --to gguf --type f16`
    """
    refuse_launcher("export")
    _refuse_options(to, kind, ensemble, mean_of, allow_different_text)
    _refuse_place(out, to)
    refuse_missing([*models, *([text] if text else [])])
    folders, mixing = _chosen(models, ensemble, mean_of)
    for folder in folders:
        _check_manifest(folder)
    from babyllama.publish.export import export_gguf, export_onnx

    if to == "gguf":
        found = export_gguf(
            folders[0], out, kind=kind or "f32", allow_different_text=allow_different_text,
            text=text,
        )  # fmt: skip
    else:
        found = export_onnx(folders, out, mixing=mixing, text=text)
    for line in found:
        print_status(f"  {line}", style="yellow" if line.startswith("not verified") else None)
    print_line(str(out))


def _refuse_options(
    to: str, kind: str | None, ensemble: bool, mean_of: str | None, allow_different_text: bool
) -> None:
    """Refuse options that would do nothing."""
    if to == "gguf" and ensemble:
        raise InputError(
            "an ensemble cannot be exported to GGUF",
            why="llama.cpp runs one model, and cannot average several.",
            mend="Export it with --to onnx, or export the student that was distilled from it.",
        )
    if mean_of and not ensemble:
        raise InputError(
            "--mean-of needs --ensemble",
            why="It sets what --ensemble averages.",
            mend="Add --ensemble, or omit --mean-of.",
        )
    for option, given in (("--type", kind), ("--allow-different-text", allow_different_text)):
        if to == "onnx" and given:
            raise InputError(f"{option} is for --to gguf only", mend=f"Omit {option}.")


def _refuse_place(out: Path, to: str) -> None:
    """Refuse a place that exists, cannot be written, or has the name of another format."""
    if to == "gguf" and out.suffix != ".gguf":
        raise InputError(
            f"{out} does not end in .gguf",
            why="Programs find GGUF files by this ending.",
            mend=f"Name a file: {out}.gguf",
        )
    if to == "onnx" and out.suffix == ".gguf":
        raise InputError(
            f"{out} ends in .gguf, and --to onnx writes ONNX",
            mend=f"Name {out.with_suffix('.onnx')}, or use --to gguf.",
        )
    if out.is_symlink() or out.exists():
        raise InputError(f"{out} exists", mend="Choose another path, or remove it.")
    if out.suffix in (".gguf", ".onnx"):
        refuse_unwritable_file(out)
    else:
        refuse_unwritable_folder(out)


def _chosen(models: list[Path], ensemble: bool, mean_of: str | None) -> tuple[list[Path], "Mixing"]:
    """The folders to export and how they are averaged."""
    from babyllama.recipe import EQUAL_WEIGHTS, Mixing, mixing_of
    from babyllama.runs.layout import Layout

    run = Layout(models[0])
    average = ("OUT", "--to", "onnx", "--ensemble")
    if not ensemble:
        if len(models) > 1:
            raise InputError(
                f"{len(models)} models are given, and one can be exported",
                mend="Export one after the other, or their average: --to onnx --ensemble",
            )
        if run.is_run:
            found = run.models(run.load_recipe(command("export", models[0], *average)))
            raise InputError(
                f"{models[0]} is a run, not a model",
                why=f"Its models: {listed([*found.values()])}.",
                mend="Name one of them, or export the average of its teachers: "
                "--to onnx --ensemble",
            )
        return models, EQUAL_WEIGHTS
    folders, mixing = models, EQUAL_WEIGHTS
    if len(models) == 1 and run.is_run:
        recipe = run.load_recipe(command("export", models[0], *average))
        folders, mixing = [*run.teachers(recipe).values()], mixing_of(recipe.signal)
        refuse_missing(folders)
    if len(folders) < 2:
        raise InputError(
            "--ensemble needs two models or more", mend="Name more, or a run with two teachers."
        )
    if mean_of is not None:
        mixing = Mixing.model_validate({"weights": mixing.weights, "mean_of": mean_of})
    return folders, mixing


def _check_manifest(folder: Path) -> None:
    """Compare a folder with its manifest, or say that it has none."""
    from babyllama.runs.manifests import read_manifest, refuse_damaged_input

    refuse_damaged_input(folder)
    if all(read_manifest(each) is None for each in (folder, folder.absolute().parent)):
        print_status(
            f"  {folder} has no manifest, so its files cannot be checked for damage",
            style="yellow",
        )
