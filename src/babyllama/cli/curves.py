"""`babyllama curves`: scores of a run's checkpoints."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.cli.arguments import (
    RulesName,
    benchmark_and_path,
    refuse_duplicates,
    refuse_launcher,
)
from babyllama.cli.outputs import refuse_unwritable_folder
from babyllama.console import print_json, print_line, print_result, table
from babyllama.errors import InputError, command

if TYPE_CHECKING:
    from babyllama.recipe import Recipe
    from babyllama.runs.points import Point


def curves(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=PATH: a benchmark's name, or any other name for minimal pairs of your own; "
            "repeatable. By default all that the run's models are evaluated on."
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A teacher or student; all by default; repeatable.")
    ] = None,
    rules: Annotated[
        RulesName | None, typer.Option(help="Which scoring rules. By default the run's.")
    ] = None,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut the start of texts that are too long.")
    ] = False,
    children: Annotated[
        Path | None,
        typer.Option(help="A Wordbank table, for the ages of acquisition of aoa_2025."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score every saved checkpoint of a run, by the number of words seen.

    Each score is saved in RUN/curves at once; a second call scores new checkpoints only.

    Example: `babyllama curves runs/strict-small --benchmark blimp_fast=data/blimp_fast`
    """
    from babyllama.evaluation.learning_curves import ACQUIRED, acquisitions, learning_curves
    from babyllama.evaluation.suites.aoa_2025 import read_children
    from babyllama.runs.layout import Layout
    from babyllama.runs.lock import locked
    from babyllama.runs.manifests import refuse_damaged_input

    refuse_launcher("curves")
    benchmarks = dict(benchmark_and_path(each) for each in benchmark or ())
    refuse_duplicates("--benchmark", [each.partition("=")[0] for each in benchmark or ()])
    layout = Layout(run)
    recipe = layout.load_recipe("babyllama curves runs/mini")
    rules = rules or recipe.evaluation.rules
    benchmarks = benchmarks or _benchmarks_of(run, recipe)
    if children and ACQUIRED not in benchmarks:
        raise InputError(
            f"--children {children} is only used by aoa_2025",
            mend="Add this benchmark: --benchmark aoa_2025=CONTEXTS",
        )
    for name, path in layout.models(recipe).items():
        if not model or name in model:
            refuse_damaged_input(path)
    refuse_unwritable_folder(layout.curves)
    children_ages = read_children(children) if children else {}
    with locked(run, mend="use a copy of the run"):
        points = learning_curves(
            run, benchmarks, rules=rules, truncate=truncate, models=model or ()
        )
        found = acquisitions(run, points, children_ages, rules=rules) if children_ages else {}
    if as_json:
        print_json({
            "rules": rules,
            "points": [asdict(each) for each in _in_order(points)],
            "acquisitions": {name: each.written() for name, each in found.items()},
        })  # fmt: skip
        return
    _show_points(points, rules)
    if found:
        rows = [
            (name, f"{each.score:.1f}", str(each.n), str(each.words_asked))
            for name, each in found.items()
        ]
        columns = ("model", "Pearson x 100", "words", "of")
        print_result(table("Ages of acquisition, model compared with children", columns, rows))
    print_line(f"Points: {layout.curves}")


def _benchmarks_of(run: Path, recipe: "Recipe") -> dict[str, Path]:
    """Those of a run's evaluation, the grammar's own pairs included."""
    from babyllama.pipeline.stages import benchmarks_of

    found = benchmarks_of(recipe, run)
    if not found:
        raise InputError(
            f"{run} has no benchmarks",
            why="Its recipe names none, and its text is not from the built-in grammar.",
            mend=f"Name one: {command('curves', run, '--benchmark', 'blimp_fast=data/blimp_fast')}",
        )
    return found


def _in_order(points: "list[Point]") -> "list[Point]":
    return sorted(points, key=lambda p: (p.place.model, p.benchmark, p.place.words))


def _show_points(points: "list[Point]", rules: str) -> None:
    from babyllama.scores.chance import is_at_chance
    from babyllama.scores.remarks import with_part
    from babyllama.scores.results import BenchmarkResult

    rows = []
    for point in _in_order(points):
        result = BenchmarkResult.model_validate(point.scores)
        rows.append((
            point.place.model,
            with_part(point.benchmark, result),
            f"{point.place.words:,}",
            f"{result.score:.1f}",
            "{:.1f} to {:.1f}".format(*point.scores["interval"])
            + ", at chance" * is_at_chance(result),
            f"{point.scores['chance']:.1f}",
            point.scores["unit"],
        ))  # fmt: skip
    columns = ("model", "benchmark", "words seen", "score", "95% interval", "guessing", "unit")
    print_result(table(f"Learning curves, rules: {rules}", columns, rows))
