"""The guard: no spoilt update is made, and the device never waits to be asked.

A step is judged on the device, where the judgement holds its update back and all that follow; its
numbers are fetched while the next step is computed, and a person is told then.
"""

import math
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.data.windows import Batch
from babyllama.errors import InputError

NUMBERS = ("loss", "cross_entropy", "kl", "gradient_norm", "stop")
_RECENT = 100  # losses that make up the recent course
_ENOUGH = 50  # of which so many must be there before one can be far above
_FAR = 10.0  # standard deviations
_LEAST = 1.0  # nats a token


class Diverged(InputError):
    """A loss or gradient that is no number, or far above its course; the weights are as before."""

    def __init__(self, what: str, *, step: int, why: str, mend: str) -> None:
        self.step = step
        super().__init__(what, why=why, mend=mend)


@dataclass(frozen=True)
class Seen:
    """One step's numbers, on the host."""

    step: int
    values: dict[str, float]
    learning_rate: float


@dataclass(frozen=True)
class _Held:
    step: int
    batch: Batch
    numbers: Callable[[], list[float]]
    limit: float
    learning_rate: float


class Guard:
    """Judges steps in turn.

    Attributes:
        held_back: 1 on the device once a step was spoilt, until then 0.
        recent: nats a token of the last steps, cross-entropy and KL together, whatever their
            weights; the oldest first. A checkpoint keeps them.
    """

    def __init__(
        self,
        name: str,
        checkpoints: Path,
        text_of: Callable[[Batch], str],
        device: torch.device,
        recent: Sequence[float] = (),
    ) -> None:
        self._name, self._checkpoints, self._text_of = name, checkpoints, text_of
        self.held_back = torch.zeros((), device=device)
        self.recent = deque(recent, maxlen=_RECENT)
        self._held: _Held | None = None

    def judge(
        self, step: int, batch: Batch, numbers: Float[Tensor, " numbers"], learning_rate: float
    ) -> Seen | None:
        """Hold this step's update back if it is spoilt; returns the step before.

        Args:
            numbers: on the device, in the order of NUMBERS.

        Raises:
            Diverged: the step before was spoilt.
        """
        limit = self._limit()
        spoilt = ~torch.isfinite(numbers).all() | (numbers[1] + numbers[2] > limit)
        self.held_back = torch.maximum(self.held_back, spoilt.float())
        held = _Held(step, batch, _on_its_way(numbers), limit, learning_rate)
        before, self._held = self._held, held
        return self._look(before)

    def settle(self) -> Seen | None:
        """The last judged step, whose numbers are waited for.

        Raises:
            Diverged: it was spoilt.
        """
        last, self._held = self._held, None
        return self._look(last)

    def _look(self, held: _Held | None) -> Seen | None:
        if held is None:
            return None
        values = dict(zip(NUMBERS, held.numbers(), strict=True))
        wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        nats = values["cross_entropy"] + values["kl"]
        if not wrong and nats > held.limit:
            usual = statistics.median(self.recent)
            wrong = [f"the loss is {nats:.3f} nats a token, was about {usual:.3f}"]
        if wrong:
            raise self._diverged(held, wrong, values["gradient_norm"])
        self.recent.append(nats)
        return Seen(held.step, values, held.learning_rate)

    def _limit(self) -> float:
        if len(self.recent) < _ENOUGH:
            return math.inf
        usual = statistics.median(self.recent)
        # From neighbours' distances, which neither a fall nor a climb over many steps stretches.
        spread = 1.05 * statistics.median(abs(b - a) for a, b in pairwise(self.recent))
        return usual + max(_LEAST, _FAR * spread)

    def _diverged(self, held: _Held, wrong: list[str], norm: float) -> Diverged:
        kept = sorted(self._checkpoints.glob("step-*.safetensors"))
        last = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        starts = held.batch.starts.tolist()
        more = "" if len(starts) <= 4 else f" and {len(starts) - 4} more"
        return Diverged(
            f"{self._name}: at step {held.step} {', '.join(wrong)}",
            step=held.step,
            why=f"Learning rate {held.learning_rate:.3g}, gradient norm {norm:.3g}; windows at "
            f"tokens {', '.join(map(str, starts[:4]))}{more}, the first reads "
            f"{self._text_of(held.batch)!r}. The update was not made; {last}.",
            mend="training.on_divergence=rewind goes on from there without these windows. Or begin "
            "anew, with a lower training.learning_rate, more warmup_steps or precision float32.",
        )


def _on_its_way(numbers: Tensor) -> Callable[[], list[float]]:
    """Start to fetch numbers from a device; calling what is returned waits for them alone."""
    if not numbers.is_cuda:
        return numbers.tolist
    host = torch.empty_like(numbers, device="cpu", pin_memory=True)
    host.copy_(numbers, non_blocking=True)
    there = torch.cuda.Event()  # type: ignore[no-untyped-call]
    there.record()

    def fetched() -> list[float]:
        there.synchronize()
        return list(host.tolist())

    return fetched
