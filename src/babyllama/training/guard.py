"""The guard: no spoilt update is made, and the device never waits to be asked.

A step is judged on the device, where the judgement holds its update back and all that follow; its
numbers are fetched while the next step is computed, and a person is told then.
"""

import math
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from babyllama.errors import InputError
from babyllama.tokens import Batch

NUMBERS = ("loss", "cross_entropy", "kl", "gradient_norm", "stop")
_RECENT = 100  # losses that make up the recent course
_ENOUGH = 50  # of which so many must be there before one can be far above
_FAR = 10.0  # standard deviations, and at least as much again as the usual loss


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
    numbers: Tensor
    limit: float
    learning_rate: float


class Guard:
    """Judges steps in turn.

    Attributes:
        held_back: 1 on the device once a step was spoilt, until then 0.
        recent: losses of the last steps, the oldest first; a checkpoint keeps them.
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
        spoilt = ~torch.isfinite(numbers).all() | (numbers[0] > limit)
        self.held_back = torch.maximum(self.held_back, spoilt.float())
        before, self._held = self._held, _Held(step, batch, numbers, limit, learning_rate)
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
        values = dict(zip(NUMBERS, held.numbers.tolist(), strict=True))
        wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        if not wrong and values["loss"] > held.limit:
            usual = statistics.median(self.recent)
            wrong = [f"loss is {values['loss']:.4g}, was about {usual:.4g}"]
        if wrong:
            raise self._diverged(held, wrong, values["gradient_norm"])
        self.recent.append(values["loss"])
        return Seen(held.step, values, held.learning_rate)

    def _limit(self) -> float:
        if len(self.recent) < _ENOUGH:
            return math.inf
        usual = statistics.median(self.recent)
        return usual + max(abs(usual), _FAR * statistics.stdev(self.recent))

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
            mend="Try a lower training.learning_rate, more warmup_steps, precision float32, or "
            "training.on_divergence=rewind, which leaves these windows out.",
        )
