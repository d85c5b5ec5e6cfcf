"""Which training windows each update reads under a curriculum: a function of (seed, step).

`difficulty` says how hard the windows are; the recipe's order says which share of the easiest an
update may read.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.recipe import OrderRecipe

# What tells these random numbers apart from those that shuffle (seed, epoch) and move windows (1).
_DRAWS, _TIES = 2, 3


@dataclass(frozen=True)
class Order:
    """The windows from the easiest to the hardest, and how many of them an update may read.

    Attributes:
        ranked: the numbers of the windows, the first to be read first; a row for each offset of the
            windows, since windows that are shifted have other difficulties.
        epochs: of the training.
        remark: what was found when the difficulties were measured, for the user.
    """

    recipe: OrderRecipe
    ranked: Int64[np.ndarray, "offsets windows"]
    epochs: int
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.recipe}{f'; {self.remark}' if self.remark else ''}"

    @property
    def count(self) -> int:
        """How many windows there are."""
        return int(self.ranked.shape[1])

    def eligible(self, step: int, steps_per_epoch: int, batch_size: int) -> int:
        """How many windows an update may read: at least a batch."""
        share = self.recipe.eligible_share(step / (steps_per_epoch * self.epochs))
        return min(self.count, max(batch_size, round(share * self.count)))

    def shuffles(self, epoch: int, steps_per_epoch: int, batch_size: int) -> bool:
        """Whether all windows are eligible from the epoch's start: it is then an ordinary one."""
        first = epoch * steps_per_epoch
        return self.eligible(first, steps_per_epoch, batch_size) == self.count

    def draw(
        self, step: int, steps_per_epoch: int, batch_size: int, *, seed: int
    ) -> Int64[np.ndarray, " batch"]:
        """The numbers of the windows of an update: drawn from the eligible ones, none twice."""
        eligible = self.eligible(step, steps_per_epoch, batch_size)
        ranked = self.ranked[step // steps_per_epoch % len(self.ranked)]
        drawn = np.random.default_rng((seed, step, _DRAWS)).choice(
            eligible, size=min(batch_size, eligible), replace=False
        )
        numbers: Int64[np.ndarray, " batch"] = ranked[drawn]
        return numbers


def rank(
    difficulties: Float64[np.ndarray, "offsets windows"], *, reverse: bool, seed: int
) -> Int64[np.ndarray, "offsets windows"]:
    """The numbers of the windows in the order in which they become eligible.

    Args:
        difficulties: NaN for a window whose difficulty is not known: it comes last.
        reverse: the hardest first.
        seed: decides between windows of the same difficulty.
    """
    ties = np.random.default_rng((seed, 0, _TIES)).random(difficulties.shape[1])
    signed = -difficulties if reverse else difficulties
    return np.stack([np.lexsort((ties, row)) for row in signed])
