"""Whether a submission is what BabyLM's pipelines take."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.errors import InputError
from babyllama.publish.submission.official import CLASSES, FORMATS, Format, Task, Track, revisions
from babyllama.runs.artefact import Facts

PREDICTIONS = "all_full_preds_and_fast_scores_causal.json"
MAIN = "main"
_MODEL = ("config.json", "tokenizer.json", "tokenizer_config.json")
_SHOWN = 12


def check_submission(
    folder: Path,
    *,
    track: Track,
    words_seen: int,
    form: Format = FORMATS["2025"],
    partial: bool = False,
) -> None:
    """Check a submission's folder: the file of predictions, the models and the card.

    Args:
        words_seen: by the model: which checkpoints there must be.
        partial: benchmarks and checkpoints may be missing; those that are there must be whole.

    Raises:
        InputError: what is wrong or missing, every point of it by benchmark, part and item.
    """
    try:
        everything = json.loads((folder / PREDICTIONS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / PREDICTIONS} cannot be read: {error}") from None
    if not isinstance(everything, dict):
        raise InputError(f"{folder / PREDICTIONS} is no object of benchmarks")
    steps = revisions(track, words_seen)
    problems = [
        *wrong_predictions(everything, form),
        *(() if partial else missing_predictions(everything, steps, form)),
        *_wrong_folders(folder, () if partial else steps),
    ]
    refuse(problems, f"{folder} is no submission for BabyLM {form.year}")


def refuse(problems: Sequence[str], what: str, mend: str = "") -> None:
    """Raise InputError with the problems, if there are any."""
    if problems:
        more = len(problems) - _SHOWN
        shown = [*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else ())]
        raise InputError(what, why="\n  ".join(shown), mend=mend)


def missing_predictions(everything: Facts, steps: Sequence[str], form: Format) -> Iterator[str]:
    """What the file must hold and does not."""
    for task in form.tasks:
        if everything.get(task.key) is None and not task.may_lack:
            yield f"{task.key}: no predictions"
    for name in form.glue:
        if name not in everything.get("glue", {}):
            yield f"glue: no predictions of {name}"
    aoa = everything.get(form.aoa_key)
    lacking = [step for step in steps if step not in _steps_of(aoa)]
    if lacking:
        yield f"{form.aoa_key}: no surprisals at {_listed(lacking)}"
    fast = everything.get("fast_eval_results", {})
    for task in form.tasks:
        known = len([each for each in fast.get(task.key, []) if each is not None])
        if task.fast and known < len(steps):
            yield f"fast_eval_results: {task.key} at {known} checkpoints, not {len(steps)}"


def wrong_predictions(everything: Facts, form: Format) -> Iterator[str]:
    """What the file holds and should not be so."""
    for task in form.tasks:
        if everything.get(task.key) is not None and task.sizes:
            yield from _wrong_task(task, everything[task.key])
    for name, part in everything.get("glue", {}).items():
        if name not in form.glue:
            yield f"glue: there is no task {name}"
        else:
            yield from _wrong_part(f"glue: {name}", name, part, form.glue[name], CLASSES[name])
    for step, count in _steps_of(everything.get(form.aoa_key)).items():
        if count != form.aoa_contexts:
            yield f"{form.aoa_key}: {step} has {count:,} contexts, not {form.aoa_contexts:,}"


def _wrong_task(task: Task, parts: Any) -> Iterator[str]:
    if not isinstance(parts, dict):
        yield f"{task.key} is no object of parts"
        return
    sizes = {part.lower(): size for part, size in task.sizes.items()}  # as the pipeline compares
    given = {part.lower(): part for part in parts}
    for part in sizes.keys() - given.keys():
        yield f"{task.key}: no {part}"
    for part in given.keys() - sizes.keys():
        yield f"{task.key}: there is no part {given[part]}"
    for part in sizes.keys() & given.keys():
        name = given[part]
        yield from _wrong_part(f"{task.key}: {name}", name, parts[name], sizes[part])


def _wrong_part(where: str, name: str, part: Any, size: int, classes: int = 0) -> Iterator[str]:
    predictions = part.get("predictions") if isinstance(part, dict) else None
    if not isinstance(predictions, list) or not all(isinstance(p, dict) for p in predictions):
        yield f"{where} has no list of predictions"
        return
    if len(predictions) != size:
        yield f"{where} has {len(predictions):,} items, not {size:,}"
    for number, item in enumerate(predictions):
        expected = number if name == "reading" else f"{name}_{number}"
        if item.get("id") != expected:
            yield f"{where}: item {number} is called {item.get('id')}, not {expected}"
            return
        if not _is_prediction(item, name, classes):
            yield f"{where}: {expected} has pred {item.get('pred')!r}"
            return


def _is_prediction(item: Mapping[str, Any], name: str, classes: int) -> bool:
    pred = item.get("pred")
    if classes:
        return type(pred) is int and 0 <= pred < classes
    if name == "reading":
        return isinstance(pred, float) and math.isfinite(pred) and "prev_pred" in item
    return isinstance(pred, str) and bool(pred)


def _steps_of(aoa: Mapping[str, Any] | None) -> dict[str, int]:
    """How many contexts each checkpoint has."""
    counts: dict[str, int] = {}
    for result in (aoa or {}).get("results", []):
        step = str(result.get("step"))
        counts[step] = counts.get(step, 0) + 1
    return counts


def _wrong_folders(folder: Path, steps: Sequence[str]) -> Iterator[str]:
    there = [path.name for path in sorted(folder.glob("chck_*"))]
    for name in (MAIN, *dict.fromkeys((*steps, *there))):
        place = folder / name
        if not place.is_dir():
            yield f"{name}: no such folder"
            continue
        yield from (f"{name}: no {file}" for file in _MODEL if not (place / file).is_file())
        if not list(place.glob("*.safetensors")):
            yield f"{name}: no weights"
    card = folder / MAIN / "README.md"
    if not card.is_file() or not card.read_text("utf-8").startswith("---\n"):
        yield f"{MAIN}: no README.md with a head between lines of ---"


def _listed(steps: Sequence[str]) -> str:
    return steps[0] if len(steps) == 1 else f"{steps[0]} to {steps[-1]} ({len(steps)} checkpoints)"
