"""The guard rejects the update of a step that diverged, and the device never waits.

The device itself judges a step; after a bad one it skips this update and all later ones. The host
fetches the step's numbers while the device computes the next step. Then it logs the step, or stops
the training.
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

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Batch
from babyllama.errors import InputError, listed
from babyllama.runs.artefact import finished_folder
from babyllama.runs.unfinished import SCRATCH
from babyllama.training.gradient import NUMBERS
from babyllama.training.log import LogWriter
from babyllama.training.schedule import PlannedStep

_RECENT = 100  # losses that a new one is compared with
_ENOUGH = 50  # so many are needed before one can be far above them
_FAR = 10.0  # standard deviations
_LEAST = 1.0  # nats per token


class Diverged(InputError):
    """A loss or gradient that is not finite, or a loss far above the recent ones.

    The weights are those before the step.
    """

    def __init__(self, what: str, *, step: int, why: str, mend: str) -> None:
        self.step = step
        super().__init__(what, why=why, mend=mend)


@dataclass(frozen=True)
class _Judged:
    """A step whose numbers are on their way to the host."""

    step: PlannedStep
    fetch: Callable[[], list[float]]
    limit: float


class Guard:
    """Judges one step after another, and logs those that are good.

    Attributes:
        diverged: 1 on the device once a step has diverged, before that 0.
        stop_requested: whether any process had been asked to stop by the last logged step.
        recent: cross-entropy plus KL of the last steps in nats per token, whatever their weights in
            the loss; the oldest first. A checkpoint keeps them.
    """

    def __init__(
        self,
        out: Path,
        tokenizer: Path,
        log: LogWriter,
        device: torch.device,
        recent: Sequence[float] = (),
    ) -> None:
        self._out, self._tokenizer, self._log = out, tokenizer, log
        self.diverged = torch.zeros((), device=device)
        self.stop_requested = False
        self.recent = deque(recent, maxlen=_RECENT)
        self._last: _Judged | None = None

    def judge(self, step: PlannedStep, numbers: Float[Tensor, " numbers"]) -> None:
        """Judge a step on the device, and log the step before it.

        Args:
            numbers: on the device, in the order of NUMBERS.

        Raises:
            Diverged: the step before diverged.
        """
        limit = self._limit()
        is_bad = ~torch.isfinite(numbers).all() | (numbers[1] + numbers[2] > limit)
        self.diverged = torch.maximum(self.diverged, is_bad.float())
        before, self._last = self._last, _Judged(step, _start_fetching(numbers), limit)
        self._log_or_raise(before)

    def catch_up(self) -> None:
        """Wait for the numbers of the last step, and log it.

        Raises:
            Diverged: it diverged.
        """
        last, self._last = self._last, None
        self._log_or_raise(last)

    def _log_or_raise(self, judged: _Judged | None) -> None:
        if judged is None:
            return
        numbers = dict(zip(NUMBERS, judged.fetch(), strict=True))
        wrong = [
            f"{name} is {value}" for name, value in numbers.items() if not math.isfinite(value)
        ]
        nats = numbers["cross_entropy"] + numbers["kl"]
        if not wrong and nats > judged.limit:
            usual = statistics.median(self.recent)
            wrong = [f"the loss is {nats:.3f} nats per token, was about {usual:.3f}"]
        if wrong:
            raise self._diverged(judged.step, wrong, numbers["gradient_norm"])
        self.recent.append(nats)
        self.stop_requested |= numbers.pop("stop") > 0
        self._log.step(judged.step, numbers)

    def _limit(self) -> float:
        """The loss above which a step has diverged."""
        if len(self.recent) < _ENOUGH:
            return math.inf
        usual = statistics.median(self.recent)
        # From differences of neighbours: a slow fall or rise over many steps does not widen it.
        deviation = 1.05 * statistics.median(abs(b - a) for a, b in pairwise(self.recent))
        return usual + max(_LEAST, _FAR * deviation)

    def _diverged(self, step: PlannedStep, wrong: list[str], norm: float) -> Diverged:
        kept = sorted((self._out / SCRATCH).glob("step-*.safetensors"))
        last = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        starts = step.batch.starts.tolist()
        return Diverged(
            f"{finished_folder(self._out).name}: at step {step.number} {', '.join(wrong)}",
            step=step.number,
            why=f"Learning rate {step.learning_rate:.3g}, gradient norm {norm:.3g}; windows at "
            f"tokens {listed(starts, 4)}, the first reads "
            f"{_first_text(step.batch, self._tokenizer)!r}. The update was not made; {last}.",
            mend="With training.on_divergence=rewind the training resumes from there without these "
            "windows. Or start over with a lower training.learning_rate, more warmup_steps or "
            "precision float32.",
        )


def _first_text(batch: Batch, tokenizer: Path) -> str:
    """The first window as text, at most a line of it."""
    text: str = load_tokenizer(tokenizer).decode(batch.input_ids[0].tolist())
    return text if len(text) <= 200 else text[:200] + "..."


def _start_fetching(numbers: Tensor) -> Callable[[], list[float]]:
    """Start to copy numbers from a device; calling what is returned waits for them alone."""
    if not numbers.is_cuda:
        return numbers.tolist
    host = torch.empty_like(numbers, device="cpu", pin_memory=True)
    host.copy_(numbers, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()

    def fetch() -> list[float]:
        copied.synchronize()
        return list(host.tolist())

    return fetch
