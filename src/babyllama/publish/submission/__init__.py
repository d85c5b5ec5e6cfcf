"""What BabyLM's pipelines of 2025 and 2026 take: predictions, checkpoints as revisions, a card.

Everything comes from what `babyllama run`, `evaluate` and `finetune` wrote; nothing is computed
here. `official` says what is asked for, `predictions` turns ours into theirs, `card` writes the
model's card, `checking` finds what is wrong or missing.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from babyllama.errors import InputError
from babyllama.publish.submission.card import model_card
from babyllama.publish.submission.checking import (
    MAIN,
    PREDICTIONS,
    check_submission,
    missing_predictions,
    refuse,
    wrong_predictions,
)
from babyllama.publish.submission.official import FORMATS, Format, Task, Track, Year, revisions
from babyllama.publish.submission.predictions import Found, acquisition, glue, zero_shot
from babyllama.runs.artefact import MANIFEST, Facts, write_atomically
from babyllama.runs.layout import TRAINING_LOG
from babyllama.runs.run import Model, Run, read_run
from babyllama.scores.results import BenchmarkResult, model_result, read_results

__all__ = ["Track", "Year", "check_submission", "write_submission"]

_RULES = "2025"
_NOT_OF_THE_MODEL = {MANIFEST, TRAINING_LOG}
_OWN = ""  # among checkpoints' names: the finished model
_Scores = Mapping[str, Mapping[str, BenchmarkResult]]


def write_submission(
    folder: Path,
    out: Path,
    *,
    model: str | None = None,
    track: Track = "strict-small",
    form: Format = FORMATS["2025"],
    predictions: Sequence[Path] = (),
    results: Sequence[Path] = (),
    data: Mapping[str, Path] | None = None,
    partial: bool = False,
) -> list[str]:
    """Write a submission: one file of predictions, a folder a revision, the card in `main`.

    Args:
        folder: a run.
        model: a teacher or student of it; its only distilled student by default.
        predictions: folders before the run's own, which counts under rules 2025 only, for
            NAME.jsonl, MODEL/NAME.jsonl and, of checkpoints, chck_1M/NAME.jsonl or
            MODEL/chck_1M/NAME.jsonl.
        results: result files besides the run's own: of the model, for the card, and of its
            checkpoints.
        data: benchmark to its data, where predictions do not hold the texts; else the recipe's.
        partial: write what there is, null for the rest.

    Returns:
        what is missing; nothing unless `partial`.

    Raises:
        InputError: no such model, one that is not finished, predictions that are wrong, or what is
            missing and which command makes it; `out` is there already.
    """
    run = read_run(folder)
    chosen = _chosen(run, model)
    home = run.layout.models(run.recipe)[chosen.name]
    if out.exists():
        raise InputError(f"{out} is there already", mend="Name a new folder.")
    known = run.recipe.evaluation.benchmarks | dict(data or {})
    own = run.layout.predictions(chosen.name)
    places = [place for given in predictions for place in (given / chosen.name, given)]
    # What was scored by other rules chooses other strings than the pipeline would.
    is_by_their_rules = chosen.evaluation.get("rules", {}).get("name") == _RULES
    found = Found([*places, own] if is_by_their_rules else places, known)
    scores = _read_results(results)
    scores[_OWN] = _own_benchmarks(run, chosen) | scores.get(chosen.name, {})

    seen = int(chosen.facts["words_seen"])
    steps = revisions(track, seen)
    everything = _gathered(found, steps, form, chosen.name, scores)
    refuse(
        list(wrong_predictions(everything, form)),
        f"{folder}: predictions of {chosen.name} are not what BabyLM {form.year} takes",
        "Score the benchmarks' own files, whole and in their order.",
    )
    folders = [home / step for step in steps]
    missing = [
        *missing_predictions(everything, steps, form),
        *(f"{place.name}: the run kept no such checkpoint" for place in folders
          if not place.is_dir()),
    ]  # fmt: skip
    if not partial:
        refuse(missing, f"{folder}: a submission of {chosen.name} lacks", _mend(home, chosen.name))

    for place in (home, *(place for place in folders if place.is_dir())):
        _copy_model(place, out / (MAIN if place == home else place.name))
    card = model_card(run, chosen, scores[_OWN], track=track)
    write_atomically(out / MAIN / "README.md", card)
    write_atomically(out / PREDICTIONS, json.dumps(everything, ensure_ascii=False))
    check_submission(out, track=track, words_seen=seen, form=form, partial=partial)
    return missing


def _chosen(run: Run, name: str | None) -> Model:
    models = [model for model in run.models if model.role != "ensemble"]
    if name is None:
        students = [model for model in models if model.role == "student"]
        if len(students) != 1:
            raise InputError(
                f"{run.folder} has {len(students)} distilled students",
                mend=f"Choose a model: --model {models[0].name}"
                + "".join(f" | {other.name}" for other in models[1:]),
            )
        return _finished(run, students[0])
    for model in models:
        if model.name == name:
            return _finished(run, model)
    raise InputError(
        f"{run.folder} has no model {name}",
        mend=f"Choose one of {', '.join(model.name for model in models)}.",
    )


def _finished(run: Run, model: Model) -> Model:
    if not model.manifest:
        raise InputError(
            f"{model.name} of {run.folder} is not trained yet",
            mend=f"Run: babyllama run {run.layout.recipe}",
        )
    return model


def _gathered(
    found: Found, steps: Sequence[str], form: Format, name: str, scores: _Scores
) -> Facts:
    everything: Facts = {task.key: zero_shot(task, found, form) for task in form.tasks}
    everything[form.aoa_key] = acquisition(found, steps, name)
    everything["glue"] = {}
    for task in form.glue:
        everything["glue"] |= glue(task, found) or {}
    everything["fast_eval_results"] = {
        task.key: [_fast(task, scores.get(step, {})) for step in steps]
        for task in form.tasks
        if task.fast
    }
    return everything


def _fast(task: Task, benchmarks: Mapping[str, BenchmarkResult]) -> Facts | None:
    """A checkpoint's scores on a fast benchmark by part, as shares."""
    scores = next((benchmarks[name] for name in task.fast if name in benchmarks), None)
    if scores is None:
        return None
    if task.key == "reading":
        parts = scores.aggregates
        return {"spr": parts["self_paced"] / 100, "rt": parts["eye_tracking"] / 100}
    if len(task.sizes) == 1:
        (part,) = task.sizes
        return {part: scores.score / 100}
    return {part: each.score / 100 for part, each in scores.subtasks.items()}


def _own_benchmarks(run: Run, model: Model) -> dict[str, BenchmarkResult]:
    """What the run itself scored the model on."""
    if not model.evaluation:
        return {}
    where = str(run.layout.scores(model.name))
    return dict(model_result(model.evaluation, where, name=model.name).benchmarks)


def _read_results(files: Sequence[Path]) -> dict[str, dict[str, BenchmarkResult]]:
    """Results by the model that they are of, of a checkpoint by its last name."""
    found: dict[str, dict[str, BenchmarkResult]] = {}
    for result in (result for file in files for result in read_results(file)):
        found.setdefault(result.model.split("/")[-1], {}).update(result.benchmarks)
    return found


def _copy_model(source: Path, out: Path) -> None:
    """A model's own files; weights are linked where the disk can, since nobody writes into them."""
    out.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        if not file.is_file() or file.name in _NOT_OF_THE_MODEL:
            continue
        if file.suffix == ".safetensors":
            try:
                os.link(file, out / file.name)
                continue
            except OSError:  # another disk
                pass
        shutil.copy(file, out / file.name)


def _mend(home: Path, name: str) -> str:
    return (
        "What there is, null for the rest: --partial. What makes the rest:\n  "
        f"babyllama evaluate {home} --rules 2025 --predictions PREDICTIONS/{name} --benchmark "
        "blimp_filtered=PATH and so on\n  "
        f"babyllama finetune {home} --settings 2025 --predictions "
        f"PREDICTIONS/{name} --task glue=PATH --out glue.json\n  "
        f"babyllama evaluate {home}/chck_* --rules 2025 --predictions PREDICTIONS --out "
        "checkpoints.json --benchmark blimp_fast=PATH and so on\n  "
        "babyllama submission ... --predictions PREDICTIONS --results checkpoints.json\n  "
        "Checkpoints are kept by students.NAME.training.word_checkpoints=babylm."
    )
