"""Write a submission from what `babyllama run`, `evaluate` and `finetune` wrote; score nothing."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from babyllama.errors import InputError
from babyllama.publish.submission.card import CARD, model_card
from babyllama.publish.submission.checking import (
    MAIN,
    PREDICTIONS,
    check_submission,
    missing_predictions,
    refuse,
    wrong_predictions,
)
from babyllama.publish.submission.official import (
    FORMATS,
    SubmissionFormat,
    Track,
    ZeroShotBenchmark,
    revisions,
)
from babyllama.publish.submission.predictions import (
    PredictionFiles,
    acquisition_surprisals,
    glue_predictions,
    zero_shot_predictions,
)
from babyllama.runs.artefact import MANIFEST, Facts, write_atomically
from babyllama.runs.layout import TRAINING_LOG
from babyllama.runs.run import Model, Run, read_run
from babyllama.scores.results import BenchmarkResult, model_result, read_results

_RULES = "2025"
_NOT_PUBLISHED = {MANIFEST, TRAINING_LOG}

Results = Mapping[str, BenchmarkResult]  # by benchmark


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
    partial: bool = False,
) -> list[str]:
    """Write a submission: a file of predictions, a folder for each revision, the card in `main`.

    Args:
        folder: a run.
        model: one of its teachers or students; by default its only distilled student.
        predictions: folders with NAME.jsonl or MODEL/NAME.jsonl, and for checkpoints
            chck_1M/NAME.jsonl or MODEL/chck_1M/NAME.jsonl. They take precedence over the run's own
            predictions, which are used only if they were scored by the rules of 2025.
        results: result files besides the run's own: of the model, for the card, and of its
            checkpoints.
        data: the data of benchmarks whose predictions have no texts; by default the recipe's.
        partial: write what is available, and null for the rest.

    Returns:
        what is missing; empty unless `partial`.

    Raises:
        InputError: the model is unknown or not trained, `out` exists, predictions are wrong, or
            something is missing (the message has the commands that make it).
    """
    run = read_run(folder)
    chosen = _chosen_model(run, model)
    home = run.layout.models(run.recipe)[chosen.name]
    if out.exists():
        raise InputError(f"{out} already exists", mend="Choose a new folder.")
    files = _prediction_files(run, chosen, predictions, data or {})
    by_model = _read_results(results)
    own = _run_results(run, chosen) | by_model.get(chosen.name, {})

    words_seen = int(chosen.facts["words_seen"])
    steps = revisions(track, words_seen)
    content = _predictions(files, steps, year_format, chosen.name)
    content["fast_eval_results"] = _fast_results(steps, year_format, by_model)
    refuse(
        list(wrong_predictions(content, year_format)),
        f"{folder}: predictions of {chosen.name} do not fit BabyLM {year_format.year}",
        "Score the benchmarks' own files, all items in their order.",
    )
    absent = [step for step in steps if not (home / step).is_dir()]
    missing = [
        *missing_predictions(content, steps, year_format),
        *(f"{step}: the run has no such checkpoint" for step in absent),
    ]
    if not partial:
        what = f"{folder}: missing for a submission of {chosen.name}"
        refuse(missing, what, _commands(home, chosen.name))

    _copy_model(home, out / MAIN)
    for step in steps:
        if step not in absent:
            _copy_model(home / step, out / step)
    write_atomically(out / MAIN / CARD, model_card(run, chosen, own, track=track))
    write_atomically(out / PREDICTIONS, json.dumps(content, ensure_ascii=False))
    check_submission(
        out, track=track, words_seen=words_seen, year_format=year_format, partial=partial
    )
    return missing


def _chosen_model(run: Run, name: str | None) -> Model:
    models = [model for model in run.models if model.role != "ensemble"]
    if name is None:
        students = [model for model in models if model.role == "student"]
        if len(students) != 1:
            raise InputError(
                f"{run.folder} has {len(students)} distilled students",
                mend=f"Choose a model: --model {models[0].name}"
                + "".join(f" | {other.name}" for other in models[1:]),
            )
        return _trained(run, students[0])
    for model in models:
        if model.name == name:
            return _trained(run, model)
    raise InputError(
        f"{run.folder} has no model {name}",
        mend=f"Choose one of {', '.join(model.name for model in models)}.",
    )


def _trained(run: Run, model: Model) -> Model:
    if not model.manifest:
        raise InputError(
            f"{model.name} of {run.folder} is not trained yet",
            mend=f"Run: babyllama run {run.layout.recipe}",
        )
    return model


def _prediction_files(
    run: Run, model: Model, given: Sequence[Path], data: Mapping[str, Path]
) -> PredictionFiles:
    folders = [path for folder in given for path in (folder / model.name, folder)]
    # Under other rules a model may choose other texts than in the pipeline.
    if model.evaluation.get("rules", {}).get("name") == _RULES:
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


def _fast_results(
    steps: Sequence[str], year_format: SubmissionFormat, by_model: Mapping[str, Results]
) -> Facts:
    """For each fast benchmark the scores at each checkpoint."""
    return {
        benchmark.key: [_shares(benchmark, by_model.get(step, {})) for step in steps]
        for benchmark in year_format.zero_shot
        if benchmark.our_fast_names
    }


def _shares(benchmark: ZeroShotBenchmark, results: Results) -> Facts | None:
    """A checkpoint's scores on a fast benchmark, by part, between 0 and 1."""
    names = benchmark.our_fast_names
    result = next((results[name] for name in names if name in results), None)
    if result is None:
        return None
    if benchmark.key == "reading":
        parts = result.aggregates
        return {"spr": parts["self_paced"] / 100, "rt": parts["eye_tracking"] / 100}
    if len(benchmark.sizes) == 1:
        (part,) = benchmark.sizes
        return {part: result.score / 100}
    return {
        part: each.score / 100 for part, each in result.subtasks.items() if each.score is not None
    }


def _run_results(run: Run, model: Model) -> dict[str, BenchmarkResult]:
    """The model's results from the run's own evaluation."""
    if not model.evaluation:
        return {}
    where = str(run.layout.scores(model.name))
    return dict(model_result(model.evaluation, where, name=model.name).benchmarks)


def _read_results(files: Sequence[Path]) -> dict[str, dict[str, BenchmarkResult]]:
    """Results by model; a checkpoint is named by the last part of its path."""
    by_model: dict[str, dict[str, BenchmarkResult]] = {}
    for result in (result for file in files for result in read_results(file)):
        by_model.setdefault(result.model.split("/")[-1], {}).update(result.benchmarks)
    return by_model


def _copy_model(source: Path, out: Path) -> None:
    """Copy a model's files. Weights are hard-linked if possible, since nobody changes them."""
    out.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        if not file.is_file() or file.name in _NOT_PUBLISHED:
            continue
        if file.suffix == ".safetensors":
            try:
                os.link(file, out / file.name)
                continue
            except OSError:  # on another disk
                pass
        shutil.copy(file, out / file.name)


def _commands(home: Path, name: str) -> str:
    return (
        "Add --partial to write what is available, and null for the rest. To make the rest:\n  "
        f"babyllama evaluate {home} --rules 2025 --predictions PREDICTIONS/{name} --benchmark "
        "blimp_filtered=PATH and so on\n  "
        f"babyllama finetune {home} --settings 2025 --predictions "
        f"PREDICTIONS/{name} --task glue=PATH --out glue.json\n  "
        f"babyllama evaluate {home}/chck_* --rules 2025 --predictions PREDICTIONS --out "
        "checkpoints.json --benchmark blimp_fast=PATH and so on\n  "
        "babyllama submission ... --predictions PREDICTIONS --results checkpoints.json\n  "
        "Checkpoints need students.NAME.training.word_checkpoints=babylm in the recipe."
    )
