"""`babyllama evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from babyllama.cli.arguments import name_and_path, refuse_twice, refuse_unwritable_place
from babyllama.console import show, table

Rules = Literal["honest", "2023", "2024", "2025"]


def evaluate(
    models: Annotated[list[Path], typer.Argument(help="Model folders.")],
    benchmark: Annotated[
        list[str], typer.Option(help="NAME=PATH of minimal pairs: a jsonl, a folder or a zip.")
    ],
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Also score the models averaged as one.")
    ] = False,
    rules: Annotated[Rules, typer.Option(help="Whose scoring rules.")] = "honest",
    out: Annotated[Path | None, typer.Option(help="Write the scores to this JSON file.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write a line an item into this folder.")
    ] = None,
) -> None:
    """Score models on minimal pairs, in percent with 95% intervals.

    Example: `babyllama evaluate twin --benchmark blimp=data/blimp --out twin.json`
    """
    from babyllama.evaluation import evaluate as score

    benchmarks = dict(name_and_path(each) for each in benchmark)
    chosen = [(path.resolve().name, [path]) for path in models]
    if ensemble:
        chosen.append(("ensemble", models))
    refuse_twice("--benchmark", [each.partition("=")[0] for each in benchmark])
    refuse_twice("model", [name for name, _ in chosen])
    for place in (out, predictions):
        if place is not None:
            refuse_unwritable_place(place)
    results = []
    for name, paths in chosen:
        alone = len(chosen) == 1
        into = predictions if predictions is None or alone else predictions / name
        results.append(score(paths, benchmarks, name=name, rules=rules, predictions=into))
    _write_results(results, out)


def _write_results(results: list[dict[str, Any]], out: Path | None) -> None:
    from babyllama.artefact import write_atomically

    if out:
        whole = results[0] if len(results) == 1 else {each["model"]: each for each in results}
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    rows = [
        (
            each["model"],
            name,
            f"{scores['score']:.1f}",
            "{:.1f} to {:.1f}".format(*scores["interval"]),
            f"{scores['n']:,}",
        )
        for each in results
        for name, scores in each["benchmarks"].items()
    ]
    columns = ("model", "benchmark", "score", "95% interval", "pairs")
    show(table(f"Scores in percent, rules: {results[0]['rules']['name']}", columns, rows))
