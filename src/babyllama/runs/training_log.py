"""training.jsonl, read: what a training logged, without what a resume or a rewind undid.

A line is a logged step (`Step`), the end of an epoch (`EpochEnd`) or a rewind (`Rewind`), in the
order in which they happened. A killed training repeats the steps since its last checkpoint, and a
rewind goes back to one: the lines of steps that were done again count once, as done last.
`babyllama.training.log` writes the file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast

from babyllama.runs.json_files import read_json_lines

_Line = Mapping[str, Any]


class Step(TypedDict):
    """A logged step.

    Attributes:
        steps: of the complete training; missing in logs of earlier versions.
        epoch: passes over the text so far, with a fraction.
        tokens, words: read so far, repetitions counted; words are parted by white space.
        loss, cross_entropy, kl: cross-entropy and KL in nats per token.
        tokens_per_second, flops_per_second: since the line before; not in the first after a start.
        products_share: of the speed of this machine's plain matrix products.
        memory_bytes: the peak so far.
    """

    step: int
    steps: NotRequired[int]
    epoch: float
    tokens: NotRequired[int]
    words: NotRequired[int]
    loss: NotRequired[float]
    cross_entropy: float
    kl: NotRequired[float]
    gradient_norm: NotRequired[float]
    learning_rate: NotRequired[float]
    tokens_per_second: NotRequired[float]
    flops_per_second: NotRequired[float]
    products_share: NotRequired[float]
    memory_bytes: NotRequired[int]


class EpochEnd(TypedDict):
    """Scores on dev text after an epoch, in nats per token.

    Attributes:
        averaged_dev_cross_entropy: of the averaged weights, where the recipe averages them.
    """

    step: int
    epoch: int
    dev_cross_entropy: float
    averaged_dev_cross_entropy: NotRequired[float]


class Rewind(TypedDict):
    """A return to an earlier step after a divergence."""

    step: int
    rewound_from: int
    reason: NotRequired[str]


@dataclass(frozen=True)
class TrainingLog:
    """A training.jsonl, in order.

    Attributes:
        steps: the logged steps that count.
        epochs: the epochs' ends that count.
        rewinds: all of them.
    """

    steps: tuple[Step, ...] = ()
    epochs: tuple[EpochEnd, ...] = ()
    rewinds: tuple[Rewind, ...] = ()

    @property
    def epoch_ends(self) -> dict[int, int]:
        """The step after which each epoch ended."""
        return {end["epoch"]: end["step"] for end in self.epochs}


def read_training_log(path: Path, *, is_growing: bool = False) -> TrainingLog:
    """Read a training.jsonl; an empty log if the file does not exist.

    Args:
        is_growing: whether it may still be written: lines that are cut short are left out.

    Raises:
        InputError: a line is not JSON, in a log that does not grow.
    """
    try:
        found = list(_complete_lines(path) if is_growing else read_json_lines(path))
    except FileNotFoundError:
        return TrainingLog()
    counting: list[_Line] = []
    rewinds: list[Rewind] = []
    for line in found:
        kind = _kind(line)
        if kind is None:
            continue
        while counting and _is_undone(counting[-1], by=line):
            counting.pop()
        if kind == "rewind":
            rewinds.append(cast(Rewind, line))
        else:
            counting.append(line)
    return TrainingLog(
        steps=tuple(cast(Step, line) for line in counting if _kind(line) == "step"),
        epochs=tuple(cast(EpochEnd, line) for line in counting if _kind(line) == "epoch"),
        rewinds=tuple(rewinds),
    )


def _kind(line: Any) -> Literal["step", "epoch", "rewind"] | None:
    if not isinstance(line, dict) or not isinstance(line.get("step"), int):
        return None
    if "rewound_from" in line:
        return "rewind"
    if "dev_cross_entropy" in line:
        return "epoch"
    return "step" if "cross_entropy" in line else None


def _is_undone(line: _Line, *, by: _Line) -> bool:
    """Whether a later line shows that the step of an earlier one was done again.

    The end of an epoch has the step of the line before it, and a rewind that of a checkpoint, so
    an equal step is only undone by a line of the same kind.
    """
    is_repeated = line["step"] == by["step"] and _kind(line) == _kind(by)
    return is_repeated or bool(line["step"] > by["step"])


def _complete_lines(path: Path) -> Iterator[Any]:
    for line in path.read_text("utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            yield json.loads(line)
