"""Sequence-level distillation: a student that reads text which its teachers have written.

Source: Kim and Rush 2016, "Sequence-Level Knowledge Distillation", with samples of a language model
in place of translations.
"""

from typing import Any, Literal

from pydantic import Field, field_validator

from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT, Frozen
from babyllama.recipe.shapes import Shape
from babyllama.recipe.training import PretrainingRecipe, TrainingRecipe


class Sampling(Frozen):
    """Text that is sampled from the teachers' ensemble, once, before the student is trained."""

    temperature: float = Field(
        1.0, gt=0, description="1 samples from the ensemble's own distribution; less is sharper."
    )
    top_k: int | None = Field(
        None, ge=1, description="Sample among so many most likely tokens. Default: all."
    )
    amount: float = Field(
        1.0, gt=0, description="Tokens of the student's text, as a multiple of the training text's."
    )
    real_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The share of the student's text that is real training text, drawn by document;"
        " the rest is sampled.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**31, description="Decides what is sampled. Default: the recipe's seed."
    )

    @field_validator("real_share")
    @classmethod
    def _has_enough_text(cls, share: float, info: Any) -> float:
        amount = info.data.get("amount", 0)
        if share * amount > 1:
            raise ValueError(
                f"with amount {amount:g} it takes {share * amount:g} times the real text; no "
                "document is read twice in an epoch"
            )
        return share

    @property
    def sampled(self) -> float:
        """Tokens to sample, as a multiple of the training text's."""
        return self.amount * (1 - self.real_share)

    def __str__(self) -> str:
        parts = [f"temperature {self.temperature:g}"]
        parts += [f"top {self.top_k}"] if self.top_k else []
        parts += [f"{self.amount:g} times the tokens of the training text"] * (self.amount != 1)
        parts += [f"{self.real_share:.0%} of it real"] if self.real_share else []
        return ", ".join(parts)


class SequenceStudent(Frozen):
    """A student that is trained, by cross-entropy alone, on text sampled from its teachers."""

    replaced_before = ("like",)

    kind: Literal["sequences"]
    model: Shape
    training: TrainingRecipe
    sampling: Sampling = Sampling()
    teachers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Models of the run that write its text, other students included. Default: the "
        "recipe's teachers.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @property
    def pretraining(self) -> PretrainingRecipe:
        """Its model and training, whatever the text: the recipe of its twin."""
        return PretrainingRecipe(model=self.model, training=self.training)
