"""Cross-entropy on dev text with its interval: the second measure beside the benchmarks.

The value is that of the table of models, over all scored dev text. Its interval is over documents,
from the part of the dev text that `evaluation/measures` holds: at most 32,768 tokens, so it is
rather too wide than too narrow. Runs from before there were measures have no intervals.
"""

from dataclasses import dataclass

from babyllama.report.scored_run import ScoredRun
from babyllama.report.wording import NOT_DIFFERENT
from babyllama.runs.layout import measure_sums_file
from babyllama.runs.run import Model
from babyllama.scores.measures import CROSS_ENTROPY, Sums, difference, read_measures, read_sums
from babyllama.scores.results import Interval


@dataclass(frozen=True)
class Nats:
    """A cross-entropy, or a difference of two, in nats per token.

    Attributes:
        interval: 95%, over documents; None if it is not known.
    """

    value: float
    interval: Interval | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def cross_entropy(scored: ScoredRun, model: Model) -> Nats | None:
    """Of a model on dev text; None if it is not known."""
    value = model.dev_loss
    if value is None:
        return None
    found = read_measures(scored.run.layout.measures(model.name)).get(CROSS_ENTROPY)
    return Nats(value, _around(value, found.value, found.interval) if found else None)


def against(scored: ScoredRun, ours: Model, theirs: Model) -> Nats | None:
    """Ours minus theirs in one run, paired over documents; None if either is not known."""
    return between((scored, ours), (scored, theirs))


def between(ours: tuple[ScoredRun, Model], theirs: tuple[ScoredRun, Model]) -> Nats | None:
    """The same of models of any two runs.

    None if either is not known, or if the runs differ in the tokens of their dev text.
    """
    mine, other = (model.dev_loss for scored, model in (ours, theirs))
    if mine is None or other is None:
        return None
    sums = [_sums(scored, model) for scored, model in (ours, theirs)]
    found = difference(sums[0], sums[1]) if sums[0] and sums[1] else None
    if found is None and _dev_text(ours[0]) != _dev_text(theirs[0]):
        return None
    value = mine - other
    return Nats(value, found and _around(value, *found))


def _dev_text(scored: ScoredRun) -> tuple[object, ...]:
    """Counts by which two tokenized dev texts are told apart."""
    return tuple(scored.run.tokens.get(key) for key in ("dev_tokens", "dev_words", "vocab_size"))


def in_words(found: Nats) -> str:
    """`better, -0.085 (-0.090 to -0.080)`; `-0.160` without an interval."""
    if found.interval is None:
        return _nats(found.value)
    words = "better" if found.value < 0 else "worse"
    words = words if found.excludes_zero else NOT_DIFFERENT
    return f"{words}, {_nats(found.value)} ({nats(*found.interval)})"


def signed_nats(found: Nats) -> str:
    """`-0.085, 95% -0.090 to -0.080`; the value alone without an interval."""
    interval = f", 95% {nats(*found.interval)}" if found.interval else ""
    return f"{_nats(found.value)}{interval}"


def nats(low: float, high: float) -> str:
    """Bounds: `-0.090 to 0.080`, with a digit more where one without zero would read `0.000`."""
    near = min(abs(low), abs(high))
    digits = 4 if low * high > 0 and near < 0.0005 else 3
    return f"{_nats(low, digits)} to {_nats(high, digits)}"


def _nats(value: float, digits: int = 3) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no "-0.000"


def _around(value: float, centre: float, interval: Interval | None) -> Interval | None:
    """An interval around the value on a part of the text, moved to the value on all of it."""
    return interval and (interval[0] - centre + value, interval[1] - centre + value)


def _sums(scored: ScoredRun, model: Model) -> Sums | None:
    return read_sums(measure_sums_file(scored.run.layout.evaluation, model.name)).get(CROSS_ENTROPY)
