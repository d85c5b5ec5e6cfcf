"""Check whether a submission has the format of BabyLM's pipelines."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard

from babyllama.errors import InputError
from babyllama.publish.submission.official import (
    CLASSES,
    FORMATS,
    SubmissionFormat,
    Track,
    ZeroShotBenchmark,
    revisions,
)
from babyllama.runs.artefact import Facts
from babyllama.runs.layout import CARD

PREDICTIONS = "all_full_preds_and_fast_scores_causal.json"
MAIN = "main"
_MODEL = ("config.json", "tokenizer.json", "tokenizer_config.json")
_SHOWN = 12
_AGAIN = "Write the submission again: babyllama submission --help"


def check_submission(
    folder: Path,
    *,
    track: Track,
    words_seen: int,
    year_format: SubmissionFormat = FORMATS["2025"],
    partial: bool = False,
) -> None:
    """Check a submission's folder: the file of predictions, the models and the card.

    Args:
        words_seen: by the model. It determines the required checkpoints.
        partial: benchmarks and checkpoints may be missing, but not parts of them.

    Raises:
        InputError: lists everything that is wrong or missing, by benchmark, part and item.
    """
    try:
        content = json.loads((folder / PREDICTIONS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / PREDICTIONS} cannot be read: {error}", mend=_AGAIN) from None
    if not isinstance(content, dict):
        raise InputError(f"{folder / PREDICTIONS} is not a JSON object of benchmarks", mend=_AGAIN)
    steps = revisions(track, words_seen)
    problems = [
        *wrong_predictions(content, year_format),
        *(() if partial else missing_predictions(content, steps, year_format)),
        *_wrong_folders(folder, () if partial else steps),
    ]
    refuse(problems, f"{folder} is not a submission for BabyLM {year_format.year}")


def refuse(problems: Sequence[str], what: str, mend: str = "") -> None:
    """Raise InputError with the problems, if there are any."""
    if problems:
        more = len(problems) - _SHOWN
        shown = [*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else ())]
        raise InputError(what, why="\n  ".join(shown), mend=mend)


def missing_predictions(
    content: Facts, steps: Sequence[str], year_format: SubmissionFormat
) -> Iterator[str]:
    """List the required content that the file lacks."""
    for benchmark in year_format.zero_shot:
        if content.get(benchmark.key) is None:
            yield f"{benchmark.key}: no predictions of --benchmark {benchmark.our_names[0]}=PATH"
    if year_format.has_aoa_score and content.get("aoa") is None:
        yield "aoa: no score, which needs the surprisals and --children TABLE"
    for name in year_format.glue:
        if name not in _object(content, "glue"):
            yield f"glue: no predictions of {name}"
    contexts = _contexts(content, year_format)
    absent = [step for step in steps if step not in contexts]
    if absent:
        yield f"{year_format.aoa_key}: no surprisals at {_listed(absent)}"
    fast_results = _object(content, "fast_eval_results")
    for benchmark in year_format.zero_shot:
        known = len([each for each in _rows(fast_results, benchmark.key) if each is not None])
        if benchmark.our_fast_names and known < len(steps):
            yield f"fast_eval_results: {benchmark.key} at {known} checkpoints, not {len(steps)}"


def wrong_predictions(content: Facts, year_format: SubmissionFormat) -> Iterator[str]:
    """List the content of the file that is wrong."""
    for key in ("glue", year_format.aoa_key, "fast_eval_results"):
        if content.get(key) is not None and not isinstance(content[key], dict):
            yield f"{key} is not an object"
    for benchmark in year_format.zero_shot:
        if content.get(benchmark.key) is not None and benchmark.sizes:
            wrong = _wrong_examples if benchmark.is_by_example else _wrong_benchmark
            yield from wrong(benchmark, content[benchmark.key])
    for name, part in _object(content, "glue").items():
        if name not in year_format.glue:
            yield f"glue: unknown task {name}"
        else:
            yield from _wrong_part(
                f"glue: {name}", name, part, year_format.glue[name], CLASSES[name]
            )
    yield from _wrong_fast_results(_object(content, "fast_eval_results"), year_format)
    if year_format.has_aoa_score and content.get("aoa") is not None:
        score = _object(content, "aoa").get("aoa")
        if not isinstance(score, float) or not -1 <= score <= 1:
            yield f"aoa: has the score {score!r}, not a number from -1 to 1"
    expected = year_format.aoa_contexts
    for step, count in _contexts(content, year_format).items():
        if count != expected:
            yield f"{year_format.aoa_key}: {step} has {count:,} contexts, not {expected:,}"


def _wrong_benchmark(benchmark: ZeroShotBenchmark, parts: Any) -> Iterator[str]:
    if not isinstance(parts, dict):
        yield f"{benchmark.key} is not an object of parts"
        return
    # The pipeline ignores case, too.
    sizes = {part.lower(): size for part, size in benchmark.sizes.items()}
    given = {part.lower(): part for part in parts}
    for part in sorted(sizes.keys() - given.keys()):
        yield f"{benchmark.key}: no {part}"
    for part in sorted(given.keys() - sizes.keys()):
        yield f"{benchmark.key}: unknown part {given[part]}"
    for part in sorted(sizes.keys() & given.keys()):
        name = given[part]
        yield from _wrong_part(f"{benchmark.key}: {name}", name, parts[name], sizes[part])


def _wrong_examples(benchmark: ZeroShotBenchmark, examples: Any) -> Iterator[str]:
    """List what is wrong with predictions that are keyed by example."""
    if not isinstance(examples, dict):
        yield f"{benchmark.key} is not an object of examples"
        return
    size = benchmark.sizes[benchmark.key]
    if len(examples) != size:
        yield f"{benchmark.key} has {len(examples):,} examples, not {size:,}"
    for name, example in examples.items():
        yield from _wrong_part(f"{benchmark.key}: {name}", name, example, 1)


def _wrong_fast_results(found: Facts, year_format: SubmissionFormat) -> Iterator[str]:
    """List the checkpoints' scores that do not have the parts of the fast subset."""
    known = {each.key: each for each in year_format.zero_shot if each.our_fast_names}
    for key in found:
        if key not in known:
            yield f"fast_eval_results: unknown benchmark {key}"
            continue
        for number, parts in enumerate(_rows(found, key)):
            given = parts.keys() if isinstance(parts, dict) else ()
            if parts is not None and {part.lower() for part in given} != set(known[key].fast_parts):
                yield f"fast_eval_results: {key}: entry {number} does not have the subset's parts"


def _rows(found: Facts, key: str) -> list[Any]:
    rows = found.get(key)
    return rows if isinstance(rows, list) else []


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
            yield f"{where}: item {number} has id {item.get('id')}, not {expected}"
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


def _contexts(content: Facts, year_format: SubmissionFormat) -> Counter[str]:
    """Count the contexts with surprisals of each checkpoint."""
    results = _object(content, year_format.aoa_key).get("results") or []
    return Counter(str(result.get("step")) for result in results)


def _object(content: Facts, key: str) -> Facts:
    """The object under a key; an empty one for anything else, which `wrong_predictions` names."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _wrong_folders(folder: Path, steps: Sequence[str]) -> Iterator[str]:
    existing = [path.name for path in sorted(folder.glob("chck_*"))]
    for name in (MAIN, *dict.fromkeys((*steps, *existing))):
        path = folder / name
        if not path.is_dir():
            yield f"{name}: no such folder"
            continue
        yield from (f"{name}: no {file}" for file in _MODEL if not (path / file).is_file())
        if not list(path.glob("*.safetensors")):
            yield f"{name}: no weights"
    card = folder / MAIN / CARD
    if not card.is_file() or not card.read_text("utf-8").startswith("---\n"):
        yield f"{MAIN}: no {CARD} with metadata between lines of ---"
        return
    try:
        ModelCard(card.read_text("utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        yield f"{MAIN}: the metadata of {CARD} cannot be read: {error}"


def _listed(steps: Sequence[str]) -> str:
    return steps[0] if len(steps) == 1 else f"{steps[0]} to {steps[-1]} ({len(steps)} checkpoints)"
