"""The order of training windows: a curriculum, and the controls that it is compared with.

Without an order every epoch reads every window once, shuffled. With one, each window has a
difficulty, and a pacing function says which share of the easiest windows an update may read. The
number of updates is the same, so easy windows are read more often, and hard ones later.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from babyllama.recipe.base import NOT_DECISIVE, Frozen


class _Order(Frozen):
    """What every order has: its pacing, and the control in which it is reversed."""

    by: str = Field(description="The difficulty of a window.")
    pacing: Literal["linear", "root", "step"] = Field(
        "linear",
        description="How the share grows from `start` to 1: `linear`; `root`: as a square root, "
        "fast at first; `step`: in one jump at `until`.",
    )
    start: float = Field(
        0.1, gt=0, le=1, description="Share of the windows, the easiest, for the first update."
    )
    until: float = Field(
        0.5, gt=0, le=1, description="Share of the updates after which all windows are read."
    )
    reverse: bool = Field(False, description="The hardest first: a control.")

    def __str__(self) -> str:
        first = "hard" if self.reverse else "easy"
        return (
            f"windows by {self.by}, {first} first: {self.start:.0%} of them at the start, all "
            f"after {self.until:.0%} of the updates ({self.pacing})"
        )

    @property
    def path_read(self) -> Path | None:
        """The user's file or model that the difficulties come from."""
        return None

    def eligible_share(self, done: float) -> float:
        """The share of the windows that an update may read, the easiest.

        Args:
            done: share of the updates before it.

        Source: Platanios et al. 2019 (arXiv 1903.09848), section 3.2, for linear and root; Bengio
        et al. 2009 for the single step.
        """
        grown = done / self.until
        if grown >= 1:
            return 1.0
        if self.pacing == "step":
            return self.start
        if self.pacing == "root":
            return math.sqrt(self.start**2 + (1 - self.start**2) * grown)
        return self.start + (1 - self.start) * grown


class MeasuredOrder(_Order):
    """By what the training text itself says of a window; or, as a control, by chance."""

    by: Literal["length", "rarity", "random"] = Field(
        description="`length`: tokens of the sentence that a token is in, averaged over the "
        "window. `rarity`: -ln of the frequency of a token in the training text, averaged in the "
        "same way. `random`: a random number per window."
    )


class DomainOrder(_Order):
    """By the domain of the text."""

    by: Literal["domain"] = Field(description="The place of its domain in `domains`.")
    domains: tuple[str, ...] = Field(
        min_length=1, description="All domains of the corpus, the easiest first."
    )

    @field_validator("domains")
    @classmethod
    def _each_once(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for name in domains if domains.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice")
        return domains


class AgeOrder(_Order):
    """By the ages at which children learn the words of a window."""

    by: Literal["age-of-acquisition"] = Field(
        description="The mean age of a window's words that are listed. A window without any comes "
        "last."
    )
    words: Path = Field(
        description="A table (.csv) with the columns `word` (or `word_clean`) and `aoa`, the age.",
        json_schema_extra=NOT_DECISIVE,  # its contents are: they are an input of the training
    )

    @property
    def path_read(self) -> Path:
        """The word list."""
        return self.words


class FileOrder(_Order):
    """By numbers of one's own."""

    by: Literal["file"] = Field(description="A difficulty for each window or each document.")
    file: Path = Field(
        description="A number per line: one for each training window, or one for each training "
        "document, in the order of the text.",
        json_schema_extra=NOT_DECISIVE,
    )

    @property
    def path_read(self) -> Path:
        """The file of numbers."""
        return self.file


class LossOrder(_Order):
    """By how badly an existing model predicts a window."""

    by: Literal["model-loss"] = Field(
        description="The mean cross-entropy of a window's tokens under `model`, in nats."
    )
    model: Path = Field(
        description="The folder of a trained model with the run's vocabulary, for example "
        "`runs/first/teachers/llama`.",
        json_schema_extra=NOT_DECISIVE,  # its weights are: they are an input of the training
    )

    @property
    def path_read(self) -> Path:
        """The model's folder."""
        return self.model


OrderRecipe = Annotated[
    MeasuredOrder | DomainOrder | AgeOrder | FileOrder | LossOrder, Field(discriminator="by")
]
