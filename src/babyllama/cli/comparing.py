"""`babyllama compare` and `report`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.outputs import (
    refuse_inputs,
    refuse_unwritable_file,
    refuse_unwritable_folder,
)
from babyllama.cli.showing import print_table
from babyllama.console import print_json, print_line, print_result, table

if TYPE_CHECKING:
    from babyllama.report.between_runs import BetweenRuns
    from babyllama.scores.entrants import Source

# Columns that a narrow terminal does without first.
_LESS = ("p", "other UIDs too", "guessing", "smallest detectable")
_LONGEST_NAME = 120  # characters of a folder's name


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Result files, runs, models of runs, or NAME=PATH for a name of your own; a "
            "folder of result files holds the seeds of one recipe."
        ),
    ],
    correction: Annotated[
        Literal["holm", "bh"],
        typer.Option(help="Correction for many comparisons: Holm, or Benjamini and Hochberg."),
    ] = "holm",
    out: Annotated[Path | None, typer.Option(help="Also write a Markdown page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the first model or recipe with each other one: differences, intervals and tests.

    Result files are written by `evaluate --out` and `finetune --out`; a run has its models' own.
    Models are paired item by item where their files hold the same items. If all are runs, the
    settings that differ and the models of each role come first; otherwise a run is its student.

    Example: `babyllama compare runs/mini/students/twin runs/mini/students/distilled`
    """
    from babyllama.report import comparisons as words
    from babyllama.report.section import given
    from babyllama.runs.files import write_atomically
    from babyllama.scores.compare import compare as compare_files

    if out:
        refuse_unwritable_file(out)
        refuse_inputs([out, *([out.parent] if out.suffix == ".json" else [])], results)
    sources = [_source(path) for path in results]
    found = compare_files(sources, correction=correction)
    between = _between_runs(sources)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        first, tables = (
            (between.sentences, given(between.settings, between.models)) if between else ((), ())
        )
        write_atomically(out, words.markdown(found, correction, first=first, tables=tables))
    if as_json:
        data = words.as_data(found)
        print_json({**asdict(between), "comparisons": data} if between else data)
        return
    if between:
        _show(between)
    for sentence in words.sentences(found):
        print_line(sentence)
    for title, head, rows in words.titled_rows(found):
        print_line()
        print_result(table(title, head, rows, less=_LESS))
    print_line()
    for sentence in words.cautions(found, correction):
        print_line(sentence)


def _beside(runs: list[Path]) -> Path:
    """The default folder of a report, beside the first run: RUN-report, or RUN-and-RUN-report.

    A run called `.` or `..` is named after its folder. If the name would be too long, it has the
    first run's name, the number of the others and a digest.
    """
    from babyllama.report.labelled import labels_of
    from babyllama.runs.files import digest_of_json

    places = [run if run.name not in ("", "..") else run.resolve() for run in runs]
    labels = [label.replace("/", "-") for label in labels_of(places)]
    name = "-and-".join(labels)
    if len(name) > _LONGEST_NAME:
        name = f"{labels[0]}-and-{len(runs) - 1}-more-{digest_of_json({'runs': labels})[:8]}"
    return places[0].with_name(f"{name}-report")


def _between_runs(sources: "Sequence[Source]") -> "BetweenRuns | None":
    """What differs between runs, if all are runs, under the names that the user gave them."""
    from babyllama.report.between_runs import compared
    from babyllama.runs.layout import Layout
    from babyllama.scores.entrants import NamedSource

    folders = [each.path if isinstance(each, NamedSource) else each for each in sources]
    runs = [each for each in folders if isinstance(each, Path) and Layout(each).is_run]
    names = [each.name if isinstance(each, NamedSource) else "" for each in sources]
    return compared(runs, names=names) if 1 < len(runs) == len(sources) else None


def _show(between: "BetweenRuns") -> None:
    """Print the settings in which runs differ, what follows, and their models role by role."""
    if between.settings:
        print_table(between.settings)
        print_line()
    for sentence in between.sentences:
        print_line(sentence)
    if between.models:
        print_line()
        print_table(between.models)
    print_line()


def _source(path: Path) -> "Source":
    """A path, or NAME=PATH."""
    from babyllama.scores.entrants import NamedSource

    name, equals, named = str(path).partition("=")
    return NamedSource(name, Path(named)) if equals and named and not path.exists() else path


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write. Default: RUN-report beside the run, and of several runs "
            "RUN-and-RUN-report beside the first."
        ),
    ] = None,
) -> None:
    """Write a report on a run, or on what differs between runs: index.html, report.md, figures.

    With several runs, the first is the one that the others are compared with. An earlier report in
    the folder is replaced.

    Example: `babyllama report runs/mini`
    """
    from babyllama.report import refuse_other_folder, write_report
    from babyllama.runs.layout import PAGE

    out = out or _beside(runs)
    refuse_unwritable_folder(out)
    refuse_inputs([out], runs)
    refuse_other_folder(out)
    facts = write_report(runs, out)
    print_line(facts["first_sentence"])
    print_line(f"Report: {out / PAGE}")
