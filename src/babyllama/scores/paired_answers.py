"""Answers of two conditions that are paired by seed, on one benchmark."""

from collections.abc import Sequence

import numpy as np

from babyllama.scores.comparisons import headline_weights
from babyllama.scores.entrants import Answers, joined_seeds
from babyllama.scores.paired_seeds import (
    SeedsDifference,
    paired_seeds_difference,
    paired_seeds_difference_of_replicates,
    paired_seeds_difference_of_scores,
)


def paired_answers(
    ours: Sequence[Answers], theirs: Sequence[Answers]
) -> tuple[SeedsDifference, str]:
    """The difference of the scores in the benchmark's unit, by item where items are known.

    Args:
        ours, theirs: of the same two or more seeds, in the same order.

    Returns:
        The difference, and why it generalises over seeds alone; "" if over items as well.
    """
    mine, other = joined_seeds(ours), joined_seeds(theirs)
    if mine.items is None or mine.items != other.items:
        why = "the items are not known to be the same"
    elif mine.parts is not None and other.parts is not None:
        weights = headline_weights(mine, other)
        if weights is not None:
            left, right = (
                [np.stack([seed[uid] for seed in side.parts or ()]) for uid in weights]
                for side in (mine, other)
            )
            return paired_seeds_difference(left, right, [*weights.values()]).times(100), ""
        why = "no known average of the items gives the scores"
    elif mine.replicates is not None and other.replicates is not None:
        of_mine, of_other = (mine.scores, mine.replicates), (other.scores, other.replicates)
        return paired_seeds_difference_of_replicates(of_mine, of_other), ""
    else:
        why = "there are no answers to single items"
    return paired_seeds_difference_of_scores(mine.scores, other.scores), why
