"""`babyllama curves`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.cli.arguments import benchmark_and_path, refuse_twice
from babyllama.cli.evaluation import Rules
from babyllama.console import print_result, table
from babyllama.errors import InputError

if TYPE_CHECKING:
    from babyllama.runs.points import Point


def curves(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    benchmark: Annotated[
        list[str],
        typer.Option(help="NAME=PATH: a benchmark's name, or one of your own for minimal pairs."),
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="A teacher or student; all by default; repeatable.")
    ] = None,
    rules: Annotated[Rules, typer.Option(help="Whose scoring rules.")] = "honest",
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut the beginnings of texts that are too long.")
    ] = False,
    children: Annotated[
        Path | None,
        typer.Option(help="With aoa_2025: a Wordbank table, to say when words are learnt."),
    ] = None,
) -> None:
    """Score every kept checkpoint of a run: score against words seen.

    A point is kept in RUN/curves as soon as it is scored; a second call scores what is new.

    Example: `babyllama curves runs/strict-small --benchmark blimp_fast=data/blimp_fast`
    """
    from babyllama.evaluation.learning_curves import ACQUIRED, acquisitions, learning_curves
    from babyllama.evaluation.suites.aoa_2025 import read_children
    from babyllama.runs.layout import Layout
    from babyllama.runs.lock import locked

    benchmarks = dict(benchmark_and_path(each) for each in benchmark)
    refuse_twice("--benchmark", [each.partition("=")[0] for each in benchmark])
    if children and ACQUIRED not in benchmarks:
        raise InputError(
            f"--children {children}: is of use to aoa_2025 alone",
            mend="Add the words in contexts: --benchmark aoa_2025=CONTEXTS",
        )
    layout = Layout(run)
    layout.load_recipe("babyllama curves runs/mini --benchmark NAME=PATH")
    heard = read_children(children) if children else {}
    with locked(run, mend="copy the run"):
        points = learning_curves(
            run, benchmarks, rules=rules, truncate=truncate, models=model or ()
        )
        found = acquisitions(run, points, heard, rules=rules) if heard else {}
    _show_points(points, rules)
    if found:
        rows = [
            (name, f"{each['score']:.1f}", str(each["n"]), str(each["words_asked"]))
            for name, each in found.items()
        ]
        columns = ("model", "pearson x 100", "words", "of")
        print_result(table("Ages at which words are learnt, model against children", columns, rows))
    print(f"Points: {layout.curves}")


def _show_points(points: "list[Point]", rules: str) -> None:
    rows = [
        (
            point.place.model,
            point.benchmark,
            f"{point.place.words:,}",
            "{:.1f}".format(point.scores["score"]),
            "{:.1f} to {:.1f}".format(*point.scores["interval"]),
            "{:.1f}".format(point.scores["chance"]),
            point.scores["unit"],
        )
        for point in sorted(points, key=lambda p: (p.place.model, p.benchmark, p.place.words))
    ]
    columns = ("model", "benchmark", "words seen", "score", "95% interval", "random", "unit")
    print_result(table(f"Learning curves, rules: {rules}", columns, rows))
