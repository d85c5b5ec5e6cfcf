"""Points of learning curves, as they are kept in a run's folder.

`RUN/curves/MODEL/chck_1M/BENCHMARK.json` holds a benchmark's scores at one checkpoint, or under
`final` those of the finished model, with everything that decided them. Nothing here scores or
draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.artefact import Facts
from babyllama.runs.files import digest_of_json
from babyllama.runs.kept import kept, read_undamaged
from babyllama.runs.layout import FINAL, TRACKERS, TRAINING_LOG, Layout


@dataclass(frozen=True)
class Place:
    """A model at one moment of its training.

    Attributes:
        point: `chck_1M` and so on, or `final`.
        words: white-space words read so far, repetitions counted.
        digest: of the files of that model folder.
    """

    model: str
    point: str
    words: int
    digest: str


@dataclass(frozen=True)
class Point:
    """A benchmark's scores at one place.

    Attributes:
        key: what decided them besides the model: digest of the data, rules, settings.
        scores: those of `evaluate`, without replicates and subtasks.
    """

    place: Place
    benchmark: str
    key: Mapping[str, Any]
    scores: Facts


def places(model: str, manifest: Mapping[str, Any], epoch_ends: Mapping[int, int]) -> list[Place]:
    """All checkpoints of a finished model by words seen, then the model itself.

    Args:
        manifest: of its folder.
        epoch_ends: the step after which each epoch ended. The finished model is the one after its
            best epoch, so its words are those read until then.
    """
    of_point: dict[str, dict[str, str]] = {}
    for name, record in manifest["files"].items():
        first, _, rest = name.partition("/")
        is_checkpoint = bool(rest) and words_of_checkpoint(first) is not None
        if is_checkpoint or first not in (TRAINING_LOG, TRACKERS):
            file = rest if is_checkpoint else name
            of_point.setdefault(first if is_checkpoint else FINAL, {})[file] = record["sha256"]
    last = _final_words(manifest.get("facts", {}), epoch_ends)
    found = [
        Place(model, point, last if words is None else words, digest_of_json(files))
        for point, files in of_point.items()
        for words in (words_of_checkpoint(point),)
    ]
    return sorted(found, key=lambda place: (place.point == FINAL, place.words))


def point_file(run: Path, place: Place, benchmark: str) -> Path:
    """The file of a point."""
    return Layout(run).point(place.model, place.point, benchmark)


def keep_point(
    run: Path,
    place: Place,
    benchmark: str,
    key: Mapping[str, Any],
    score: Callable[[], Facts],
    *,
    files: Sequence[Path] = (),
) -> Point:
    """A point from its file if it holds for the place and the key, else scored now and kept.

    Args:
        files: what `score` writes besides.
    """
    decided_by = {"place": asdict(place), "benchmark": benchmark, "key": key}
    file = point_file(run, place, benchmark)
    scores = kept(file, decided_by, score, field="scores", files=files)
    return Point(place, benchmark, key, scores)


def read_point(run: Path, place: Place, benchmark: str) -> Point | None:
    """A point as it is kept; None if it is missing, damaged, or of a model that has changed."""
    record = read_undamaged(point_file(run, place, benchmark))
    if record is None or record["place"]["digest"] != place.digest:
        return None
    return Point(place, benchmark, record["key"], record["scores"])


def read_points(run: Path, place: Place) -> list[Point]:
    """All points at a place that `read_point` finds, by name of benchmark."""
    files = sorted(point_file(run, place, "any").parent.glob("*.json"))
    found = (read_point(run, place, file.stem) for file in files)
    return [point for point in found if point is not None]


def _final_words(facts: Mapping[str, Any], ends: Mapping[int, int]) -> int:
    seen, steps = int(facts.get("words_seen", 0)), int(facts.get("steps", 0))
    step = ends.get(int(facts.get("best_epoch", 0)), steps)
    return round(seen * step / steps) if steps else seen
