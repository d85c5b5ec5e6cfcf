"""`babyllama evaluate`: benchmarks of log-likelihoods."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from babyllama.cli.arguments import (
    RulesName,
    benchmark_and_path,
    named_models,
    refuse_duplicates,
    refuse_launcher,
    refuse_missing,
)
from babyllama.cli.asked import asked_of
from babyllama.cli.completing import benchmarks_beginning_with
from babyllama.cli.outputs import (
    refuse_inputs,
    refuse_one_place,
    refuse_result_file,
    refuse_unwritable_file,
    refuse_unwritable_folder,
)
from babyllama.console import (
    bars_of,
    output_width,
    print_json,
    print_line,
    print_result,
    print_status,
    styled,
    table,
)
from babyllama.errors import InputError
from babyllama.wrapping import cells

if TYPE_CHECKING:
    from babyllama.cli.asked import AskedModel
    from babyllama.scores.results import Interval, ModelResult

_LABEL = len("preferred") + 2  # columns before the words of a sentence
Masking = Literal["original", "within_word"]
MeanOf = Literal["logits", "probabilities"]


def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(help="Model folders, runs, or NAME=FOLDER for a name of your own."),
    ],
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=PATH: a benchmark's name, or any other name for minimal pairs of your own; "
            "repeatable. By default those of the runs' recipes, if all have the same.",
            autocompletion=benchmarks_beginning_with,
        ),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Also score the average of the models.")
    ] = False,
    rules: Annotated[
        RulesName | None,
        typer.Option(help="Which scoring rules. By default the run's, else honest."),
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            help="The precision of the models. In bfloat16 close items are scored again in float32."
        ),
    ] = "float32",
    masking: Annotated[
        Masking, typer.Option(help="Masked models: mask a token, or the rest of its word too.")
    ] = "original",
    mean_of: Annotated[
        MeanOf, typer.Option(help="What --ensemble averages over the models.")
    ] = "logits",
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut the start of texts that are too long.")
    ] = False,
    worst: Annotated[
        int, typer.Option(min=0, help="Show this many of the worst errors of each model.")
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the scores to this JSON file.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write one JSON line per item to this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what --out would write.")] = False,
) -> None:
    """Score models on benchmarks, with 95% intervals and the score of chance.

    Benchmarks: blimp, blimp_filtered, blimp_fast, blimp_supplement, blimp_supplement_fast, ewok,
    ewok_2026, comps, entity_tracking, global_piqa_parallel, global_piqa_nonparallel, wug_adj,
    wug_past, reading, aoa, aoa_2025, lambada, syntaxgym, perplexity, blimp_nl, zhoblimp, turblimp.
    Any other name stands for minimal pairs of your own: a .jsonl, .csv, .tsv or .txt file, a folder
    of them or a zip.

    A run stands for its finished models and its teachers' ensemble. Models of a run are also
    measured on its dev text: calibration, agreement with the teachers, copying and so on.

    Example: `babyllama evaluate twin --benchmark blimp=data/blimp --out twin.json`
    """
    from babyllama.runs.kept import parts_folder
    from babyllama.runs.lock import locked
    from babyllama.runs.manifests import refuse_damaged_input
    from babyllama.scores.results import as_written, write_results

    refuse_launcher("evaluate")
    given = [benchmark_and_path(each) for each in benchmark or ()]
    if mean_of != "logits" and not ensemble:
        raise InputError(
            "--mean-of needs --ensemble",
            why="It sets what --ensemble averages.",
            mend="Add --ensemble, or omit --mean-of.",
        )
    refuse_duplicates("--benchmark", [name for name, _ in given])
    named_models(models)  # refuses two of one name
    refuse_missing([path for _, path in given])  # before the slow imports
    asked = asked_of(models, mean_of=mean_of if ensemble else None)
    chosen = asked.models
    refuse_duplicates("model", [each.name for each in chosen])
    benchmarks = dict(given) or asked.benchmarks
    if not benchmarks:
        raise InputError(
            "nothing to score on: no --benchmark is given",
            why=asked.why_none,
            mend="For example: --benchmark blimp=data/blimp",
        )
    rules = rules or asked.rules
    folders = list(dict.fromkeys(path for each in chosen for path in each.folders))
    for path in (*folders, *benchmarks.values()):
        refuse_damaged_input(path)
    _refuse_places(out, predictions, [each.name for each in chosen], benchmarks, folders)
    options = {
        "rules": rules, "precision": precision, "masking": masking, "truncate": truncate,
        "worst": worst,
    }  # fmt: skip
    parts = parts_folder(out) if out else None
    results = []
    with locked(parts, shown=out, mend="choose another --out") if parts else nullcontext():
        for each in chosen:
            into = _predictions_of(each.name, predictions, alone=len(chosen) == 1)
            with bars_of(each.name):
                results.append(_scored(each, benchmarks, options, into, parts))
        if out and parts:
            write_results(results, out)
            shutil.rmtree(parts, ignore_errors=True)
    if as_json:
        print_json(as_written(results))
        return
    show_scores(results)
    show_groups(results)
    show_remarks(results)
    show_measures(results)
    for result in results:
        if result.worst:
            show_worst(result)


def _predictions_of(name: str, predictions: Path | None, *, alone: bool) -> Path | None:
    return predictions if predictions is None or alone else predictions / name


def _refuse_places(
    out: Path | None,
    predictions: Path | None,
    names: list[str],
    benchmarks: Mapping[str, Path],
    models: list[Path],
) -> None:
    """Refuse what cannot be written, before any model is loaded."""
    from babyllama.runs.kept import parts_folder
    from babyllama.runs.layout import predictions_file

    inputs = [*models, *benchmarks.values()]
    if out is not None:
        refuse_result_file(out, inputs)
        refuse_unwritable_folder(parts_folder(out))
    for name in names:
        into = _predictions_of(name, predictions, alone=len(names) == 1)
        if into is not None:
            refuse_unwritable_folder(into)
            refuse_inputs([into], inputs)
            for benchmark in benchmarks:
                refuse_unwritable_file(predictions_file(into, benchmark))
    if out is not None and predictions is not None:
        refuse_one_place(out, predictions)


def _scored(
    model: "AskedModel",
    benchmarks: Mapping[str, Path],
    options: dict[str, Any],
    predictions: Path | None,
    parts: Path | None,
) -> "ModelResult":
    """Score one model; with --out, reuse the result of an interrupted command."""
    from babyllama.evaluation.evaluate import evaluate as score
    from babyllama.evaluation.measures.in_run import known_text
    from babyllama.runs.kept import kept
    from babyllama.runs.layout import predictions_file
    from babyllama.runs.manifests import digest
    from babyllama.scores.results import SCORING_VERSION, model_result

    name, paths, mixing = model.name, model.folders, model.mixing
    known = known_text(paths)

    def make() -> "ModelResult":
        found = score(
            paths, benchmarks, name=name, predictions=predictions, mixing=mixing, **options
        )
        return found.with_measures(known.measures(paths, mixing)) if known else found

    if parts is None:
        return make()
    key = {
        "name": name,
        "models": [digest(path) for path in paths],
        "benchmarks": {each: digest(path) for each, path in benchmarks.items()},
        "options": {**options, **mixing.model_dump(mode="json")},
        "scoring": SCORING_VERSION,
        **({"dev": known.key()} if known else {}),
    }
    part = parts / f"{name}.json"
    files = [predictions_file(predictions, each) for each in benchmarks] if predictions else []
    found = kept(part, key, lambda: make().written(), files=files)
    return model_result(found, str(part), name=name)


def show_scores(results: "list[ModelResult]") -> None:
    """Print one row per model and benchmark, then the other averages of the same answers."""
    from babyllama.scores.chance import is_at_chance
    from babyllama.scores.remarks import with_part

    rows = [
        [
            each.model,
            with_part(name, scores),
            f"{scores.score:.1f}",
            _spanned(scores.interval) + ", at chance" * is_at_chance(scores),
            _spanned(scores.interval_clustered),
            f"{scores.chance:.1f}",
            scores.unit,
            f"{scores.n:,}",
        ]
        for each in results
        for name, scores in each.benchmarks.items()
    ]
    wider = "other UIDs too"
    columns = ["model", "benchmark", "score", "95% interval", wider, "guessing", "unit", "n"]
    if not any(row[4] for row in rows):
        for row in (*rows, columns):
            del row[4]
    title = f"Scores, rules: {results[0].rules['name']}"
    print_result(table(title, columns, rows, less=("n", "unit", wider, "guessing")))
    if wider in columns:
        print_line(f'"{wider}": the interval over other phenomena of the same kind as well.')
    averages = {
        (each.model, name): scores.aggregates
        for each in results
        for name, scores in each.benchmarks.items()
        if len(scores.subtasks) > 1 and scores.aggregates
    }
    kinds = list(dict.fromkeys(kind for of_one in averages.values() for kind in of_one))
    if averages:
        lines = [
            (*who, *(f"{of_one[kind]:.2f}" if kind in of_one else "" for kind in kinds))
            for who, of_one in averages.items()
        ]
        print_result(
            table("The same answers, averaged over", ("model", "benchmark", *kinds), lines)
        )


def show_groups(results: "list[ModelResult]") -> None:
    """Print the scores of each benchmark by group, such as BLiMP's phenomena: a column a model."""
    for name in dict.fromkeys(name for each in results for name in each.benchmarks):
        groups = {
            each.model: each.benchmarks[name].groups for each in results if name in each.benchmarks
        }
        rows = [
            (group, *(f"{of[group].score:.1f}" if group in of else "" for of in groups.values()))
            for group in dict.fromkeys(group for of in groups.values() for group in of)
        ]
        if len(rows) > 1:
            print_result(table(f"{name} by group", ("group", *groups), rows))


def show_remarks(results: "list[ModelResult]") -> None:
    """Print what limits the scores; a sentence that holds for several models once for each."""
    from babyllama.scores.remarks import remarks

    for each in results:
        of_model = f"{each.model}, " if len(results) > 1 else ""
        for name, scores in each.benchmarks.items():
            for remark in remarks(name, scores):
                print_status(f"{of_model}{remark}")


def _spanned(interval: "Interval | None") -> str:
    return "" if interval is None else "{:.1f} to {:.1f}".format(*interval)


def show_measures(results: "list[ModelResult]") -> None:
    """Print what was measured on the dev text of the models' run, without the parts of the text."""
    from babyllama.scores.measures import CROSS_ENTROPY

    rows = [
        [
            result.model,
            each.name.replace("_", " "),
            f"{each.value:.3f}",
            "{:.3f} to {:.3f}".format(*each.interval) if each.interval else "",
            each.unit,
        ]
        for result in results
        for each in result.measures
        if not each.name.startswith(f"{CROSS_ENTROPY}/")
    ]
    if rows:
        columns = ["model", "measure", "value", "95% interval", "unit"]
        print_result(table("Predictions of unseen text, the run's dev text", columns, rows))


def show_worst(result: "ModelResult") -> None:
    """Print the worst errors of a model; words with high surprisal are coloured."""
    title = f"Worst errors of {result.model}; the number below a word is its surprisal in nats"
    print_status(title, style="bold")
    for each in result.worst:
        print_status(f"{each.benchmark} {each.UID} {each.pairID}: {each.margin:.1f} nats")
        for line in _beside_each_other({"right": each.right, "preferred": each.preferred}):
            print_result(styled(*line))


def _beside_each_other(
    sentences: Mapping[str, Sequence[tuple[str, float]]],
) -> Iterator[list[str | tuple[str, str]]]:
    """Lines of sentences one below the other, word below word, each over its surprisal.

    What does not fit into the width goes on below.
    """
    longest = max(map(len, sentences.values()))
    sizes = [
        max(cells(text) for words in sentences.values() for text in _two_lines(words, place))
        for place in range(longest)
    ]
    for places in _rows_of(sizes, output_width() - _LABEL):
        for title, words in sentences.items():
            here = [place for place in places if place < len(words)]
            label = f"{title:>9}  " if places[0] == 0 else " " * _LABEL
            line: list[str | tuple[str, str]] = [label]
            below: list[str | tuple[str, str]] = [" " * _LABEL]
            for place in here:
                word, number = _two_lines(words, place)
                line.append(
                    (word + " " * (sizes[place] - cells(word) + 1), _shade(words[place][1]))
                )
                below.append((f"{number:<{sizes[place]}} ", "dim"))
            if here:
                yield line
                yield below


def _two_lines(words: Sequence[tuple[str, float]], place: int) -> tuple[str, str]:
    """A word and its surprisal; nothing after the sentence's end."""
    return (words[place][0], f"{words[place][1]:.1f}") if place < len(words) else ("", "")


def _rows_of(sizes: Sequence[int], width: int) -> Iterator[list[int]]:
    """Places of words that fit into a row, each with a space behind it."""
    row: list[int] = []
    for place, size in enumerate(sizes):
        if row and sum(sizes[each] + 1 for each in row) + size > width:
            yield row
            row = []
        row.append(place)
    if row:
        yield row


def _shade(surprisal: float) -> str:
    """Plain, yellow or red: 4 nats are a probability of 1 in 55, 8 nats 1 in 3,000."""
    return "bold red" if surprisal > 8 else "yellow" if surprisal > 4 else ""
