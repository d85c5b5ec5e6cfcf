"""Write a submission from what `babyllama run`, `evaluate` and `finetune` wrote; score nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from babyllama.console import print_status
from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError, command
from babyllama.evaluation.suites.aoa_2025 import read_children
from babyllama.publish.choosing import chosen_model, published_files
from babyllama.publish.submission.acquisition import acquisition_score
from babyllama.publish.submission.checking import (
    MAIN,
    PREDICTIONS,
    check_submission,
    missing_predictions,
    refuse,
    wrong_predictions,
)
from babyllama.publish.submission.copying import (
    copy_revisions,
    refuse_existing,
    unfinished,
)
from babyllama.publish.submission.fast import checkpoint_results, fast_results
from babyllama.publish.submission.form import FORM, leaderboard_form, unknown_fields
from babyllama.publish.submission.official import (
    FORMATS,
    RULES,
    SubmissionFormat,
    Track,
    revisions,
)
from babyllama.publish.submission.predictions import (
    PredictionFiles,
    acquisition_surprisals,
    glue_predictions,
    zero_shot_predictions,
)
from babyllama.report.model_card import card_facts, model_card
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import CARD
from babyllama.runs.run import Model, Run, read_run
from babyllama.runs.undamaged import rebuild, refuse_damaged
from babyllama.scores.results import BenchmarkResult, ModelResult, model_result, read_results


def write_submission(
    folder: Path,
    out: Path,
    *,
    model: str | None = None,
    track: Track = "strict-small",
    year_format: SubmissionFormat = FORMATS["2025"],
    predictions: Sequence[Path] = (),
    results: Sequence[Path] = (),
    data: Mapping[str, Path] | None = None,
    children: Path | None = None,
    partial: bool = False,
) -> list[str]:
    """Write a submission: a file of predictions, a folder for each revision, the card in `main`.

    For 2026 also leaderboard.json, the fields of the leaderboard's form.

    Args:
        folder: a run.
        model: one of its teachers or students; by default its only distilled student.
        predictions: folders with NAME.jsonl or MODEL/NAME.jsonl, and for checkpoints
            chck_1M/NAME.jsonl or MODEL/chck_1M/NAME.jsonl. They take precedence over the run's own
            predictions, which are used only if they were scored by the rules of 2025.
        results: result files besides the run's own: of the model, for the card, and of its
            checkpoints.
        data: the data of benchmarks whose predictions have no texts; by default the recipe's.
        children: a Wordbank table, with which 2026 correlates the ages of acquisition.
        partial: write what is available, and null for the rest.

    Returns:
        what is missing; empty unless `partial`.

    Raises:
        InputError: the model is unknown or not trained, `out` exists, predictions are wrong, or
            something is missing (the message has the commands that make it).
    """
    refuse_damaged(folder, "babyllama submission runs/mini --out submission")
    run = read_run(folder)
    chosen = chosen_model(run, model)
    refuse_existing(out)
    if children and not year_format.has_aoa_score:
        raise InputError(
            f"--children {children} is only used by BabyLM 2026",
            why="2026 submits the score that it computes from surprisals, 2025 the surprisals.",
            mend="Add --year 2026, or leave it out.",
        )
    home = run.layout.models(run.recipe)[chosen.name]
    words_seen = _words_seen(run, chosen)
    steps = revisions(track, words_seen)
    files = _prediction_files(run, chosen, predictions, data or {})
    given = [result for file in results for result in read_results(file)]
    content = _predictions(files, steps, year_format, chosen.name)
    content["fast_eval_results"] = fast_results(
        steps, year_format, checkpoint_results(given, chosen.name), files.data
    )
    if year_format.has_aoa_score:
        content["aoa"] = _aoa_score(home, content[year_format.aoa_key], children)
    refuse(
        list(wrong_predictions(content, year_format)),
        f"{folder}: predictions of {chosen.name} do not fit BabyLM {year_format.year}",
        "Score the benchmarks' own files, all items in their order.",
    )
    published = {step: published_files(chosen.manifest, step) for step in steps}
    absent = [step for step, records in published.items() if not records]
    missing = [
        *missing_predictions(content, steps, year_format),
        *(f"{step}: the run has no such checkpoint" for step in absent),
    ]
    if not partial:
        what = f"{folder}: missing for a submission of {chosen.name}"
        refuse(missing, what, _commands(home, chosen.name))

    own = _own_results(run, chosen, given)
    wanted = {MAIN: published_files(chosen.manifest)}
    wanted |= {step: records for step, records in published.items() if records}
    with unfinished(out) as place:
        copy_revisions(home, place, wanted, mend=rebuild(folder))
        card = replace(card_facts(home), results=own, rules=chosen.evaluation.get("rules", {}))
        write_atomically(
            place / MAIN / CARD,
            model_card(card, name="ORGANISATION/NAME", tags=("babylm", track), is_repository=True),
        )
        if year_format.has_form:
            _write_form(place / FORM, leaderboard_form(run, chosen, home, track=track))
        write_atomically(place / PREDICTIONS, json.dumps(content, ensure_ascii=False))
        check_submission(
            place, track=track, words_seen=words_seen, year_format=year_format,
            partial=bool(missing),
        )  # fmt: skip
    return missing


def _words_seen(run: Run, model: Model) -> int:
    words = model.facts.get("words_seen")
    if not isinstance(words, int):
        raise InputError(
            f"the manifest of {model.name} in {run.folder} has no words_seen",
            why="They decide which checkpoints a submission needs.",
            mend=rebuild(run.folder),
        )
    return words


def _prediction_files(
    run: Run, model: Model, given: Sequence[Path], data: Mapping[str, Path]
) -> PredictionFiles:
    folders = [path for folder in given for path in (folder / model.name, folder)]
    # Under other rules a model may choose other texts than in the pipeline.
    if model.evaluation.get("rules", {}).get("name") == RULES:
        folders.append(run.layout.predictions(model.name))
    return PredictionFiles(folders, {**run.recipe.evaluation.benchmarks, **data})


def _predictions(
    files: PredictionFiles, steps: Sequence[str], year_format: SubmissionFormat, model: str
) -> Facts:
    content: Facts = {
        benchmark.key: zero_shot_predictions(benchmark, files, year_format)
        for benchmark in year_format.zero_shot
    }
    content[year_format.aoa_key] = acquisition_surprisals(files, steps, model)
    content["glue"] = {}
    for task in year_format.glue:
        content["glue"] |= glue_predictions(task, files) or {}
    return content


def _write_form(file: Path, form: Facts) -> None:
    write_atomically(file, json.dumps(form, indent=2, ensure_ascii=False) + "\n")
    unknown = ", ".join(unknown_fields(form))
    print_status(f"  {FORM}: fill in {unknown}, which the run does not know", style="yellow")


def _aoa_score(home: Path, surprisals: Facts | None, children: Path | None) -> Facts | None:
    """Null without surprisals or a table of children's ages."""
    if surprisals is None or children is None:
        return None
    table = read_children(children)
    return {"aoa": acquisition_score(surprisals, table, load_tokenizer(home))}


def _own_results(
    run: Run, model: Model, given: Sequence[ModelResult]
) -> dict[str, BenchmarkResult]:
    """The model's results: those of the run's own evaluation, replaced by those that are given."""
    found: dict[str, BenchmarkResult] = {}
    if model.evaluation:
        where = str(run.layout.scores(model.name))
        found |= model_result(model.evaluation, where, name=model.name).benchmarks
    for result in given:
        if result.model.split("/")[-1] == model.name:
            found |= result.benchmarks
    return found


def _commands(home: Path, name: str) -> str:
    rules = ("--rules", "2025", "--predictions")
    evaluate = command("evaluate", home, *rules, f"PREDICTIONS/{name}", "--benchmark")
    finetune = command("finetune", home, "--settings", *rules[1:], f"PREDICTIONS/{name}")
    checkpoints = f"{command('evaluate', home)}/chck_* {' '.join(rules)} PREDICTIONS"
    return (
        "Add --partial to write what is available, and null for the rest. To make the rest:\n  "
        f"{evaluate} blimp_filtered=PATH and so on\n  "
        f"{finetune} --task glue=PATH --out glue.json\n  "
        f"{checkpoints} --out checkpoints.json --benchmark blimp_fast=PATH and so on\n  "
        "babyllama submission ... --predictions PREDICTIONS --results checkpoints.json\n  "
        "Checkpoints need students.NAME.training.word_checkpoints=babylm in the recipe."
    )
