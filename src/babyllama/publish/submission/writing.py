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
from babyllama.publish.submission.fast import checkpoint_results, fast_results
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
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import TRAINING_LOG
from babyllama.runs.manifests import MANIFEST
from babyllama.runs.run import Model, Run, read_run
from babyllama.scores.results import BenchmarkResult, model_result, read_results

_NOT_PUBLISHED = {MANIFEST, TRAINING_LOG}


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
    given = [result for file in results for result in read_results(file)]
    own = _run_results(run, chosen)
    for result in given:
        if result.model.split("/")[-1] == chosen.name:
            own |= result.benchmarks

    words_seen = int(chosen.facts["words_seen"])
    steps = revisions(track, words_seen)
    content = _predictions(files, steps, year_format, chosen.name)
    content["fast_eval_results"] = fast_results(
        steps, year_format, checkpoint_results(given, chosen.name), files.data
    )
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
    content |= dict.fromkeys(year_format.unscored)
    content[year_format.aoa_key] = acquisition_surprisals(files, steps, model)
    content["glue"] = {}
    for task in year_format.glue:
        content["glue"] |= glue_predictions(task, files) or {}
    return content


def _run_results(run: Run, model: Model) -> dict[str, BenchmarkResult]:
    """The model's results from the run's own evaluation."""
    if not model.evaluation:
        return {}
    where = str(run.layout.scores(model.name))
    return dict(model_result(model.evaluation, where, name=model.name).benchmarks)


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
