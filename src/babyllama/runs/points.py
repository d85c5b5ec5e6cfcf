"""Points of learning curves as they lie in a run's folder, whoever scores or shows them.

`RUN/curves/MODEL/chck_1M/BENCHMARK.json` holds a benchmark's result at one checkpoint, or under
`final` that of the finished model, with everything that decided it. Nothing here scores or draws.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.artefact import Facts, write_atomically
from babyllama.runs.layout import FINAL, TRACKERS, TRAINING_LOG, Layout


@dataclass(frozen=True)
class Place:
    """A model at one moment of its training.

    Attributes:
        point: `chck_1M` and so on, or `final`.
        words: white-space words that it had read, repetitions counted.
        digest: of the files of that model folder.
    """

    model: str
    point: str
    words: int
    digest: str


@dataclass(frozen=True)
class Point:
    """A benchmark's result at one place.

    Attributes:
        key: what decided it besides the model: digest of the data, rules, settings.
        scores: as `evaluate` gives them, without replicates and subtasks.
    """

    place: Place
    benchmark: str
    key: Mapping[str, Any]
    scores: Facts


def places(model: str, manifest: Mapping[str, Any], epoch_ends: Mapping[int, int]) -> list[Place]:
    """Every checkpoint of a finished model by words seen, then the model itself.

    Args:
        manifest: of its folder.
        epoch_ends: the step after which each epoch ended. The finished model is that of its best
            epoch, so the words seen are those read until then.
    """
    of_point: dict[str, dict[str, str]] = {}
    for name, record in manifest["files"].items():
        first, _, rest = name.partition("/")
        is_kept = bool(rest) and words_of_checkpoint(first) is not None
        if is_kept or first not in (TRAINING_LOG, TRACKERS):
            file = rest if is_kept else name
            of_point.setdefault(first if is_kept else FINAL, {})[file] = record["sha256"]
    facts = manifest.get("facts", {})
    last = _final_words(facts, epoch_ends)
    found = [
        Place(model, point, last if words is None else words, _digest(files))
        for point, files in of_point.items()
        for words in (words_of_checkpoint(point),)
    ]
    return sorted(found, key=lambda place: (place.point == FINAL, place.words))


def epoch_ends(log: Path) -> dict[int, int]:
    """From a training.jsonl: the step after which each epoch ended; nothing where there is none."""
    if not log.is_file():
        return {}
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return {int(line["epoch"]): int(line["step"]) for line in lines if "dev_cross_entropy" in line}


def file_of(run: Path, place: Place, benchmark: str) -> Path:
    """The file of a point."""
    return Layout(run).point(place.model, place.point, benchmark)


def write_point(run: Path, point: Point) -> None:
    """Keep a point, with a digest of what it says."""
    path = file_of(run, point.place, point.benchmark)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = asdict(point)
    write_atomically(path, json.dumps({**told, "sha256": _digest(told)}, indent=1) + "\n")


def read_point(run: Path, place: Place, benchmark: str) -> Point | None:
    """A point, or None where there is none, where it is damaged, or where the model is another."""
    try:
        told = json.loads(file_of(run, place, benchmark).read_text("utf-8"))
        is_whole = told.pop("sha256") == _digest(told)
        if not is_whole or told["place"]["digest"] != place.digest:
            return None
        return Point(place, benchmark, told["key"], told["scores"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_points(run: Path, place: Place) -> list[Point]:
    """Every whole point of a model as it is now, by name of benchmark."""
    files = sorted(file_of(run, place, "any").parent.glob("*.json"))
    found = (read_point(run, place, file.stem) for file in files)
    return [point for point in found if point is not None]


def _final_words(facts: Mapping[str, Any], ends: Mapping[int, int]) -> int:
    seen, steps = int(facts.get("words_seen", 0)), int(facts.get("steps", 0))
    step = ends.get(int(facts.get("best_epoch", 0)), steps)
    return round(seen * step / steps) if steps else seen


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
