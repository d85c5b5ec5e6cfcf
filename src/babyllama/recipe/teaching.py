"""What students learn from teachers: signals, how teachers are mixed, distillation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT, Frozen
from babyllama.recipe.controls import TwinStudent
from babyllama.recipe.sequences import SequenceStudent
from babyllama.recipe.shapes import Shape
from babyllama.recipe.training import PretrainingRecipe, TrainingRecipe


def weights_fault(weights: Sequence[float]) -> str:
    """What is wrong with the weights of a mean; "" if nothing is."""
    if min(weights, default=-1.0) >= 0 and abs(sum(weights) - 1) <= 1e-6:
        return ""
    given = " ".join(f"{weight:g}" for weight in weights)
    return f"weights {given} sum to {sum(weights):g}; they must be 0 or more and sum to 1"


def _checked_weights(weights: tuple[float, ...]) -> tuple[float, ...]:
    if fault := weights_fault(weights):
        raise ValueError(fault)
    return weights


Weights = Annotated[tuple[float, ...], AfterValidator(_checked_weights)]
MeanOf = Literal["logits", "probabilities"]


class DistillationRecipe(Frozen):
    """The loss of a student: alpha * CE + (1 - alpha) * T**2 * KL."""

    alpha: float = Field(0.5, ge=0, le=1, description="Weight of the text against the teachers.")
    temperature: float = Field(2.0, gt=0, description="T: softens both distributions in the KL.")
    reduction: Literal["token_mean", "window_sum"] = Field(
        "token_mean",
        description="`token_mean`: mean KL over tokens, as in textbooks. `window_sum`: sum over "
        "the window, as in the paper's code; KL then weighs `window` times as much.",
    )
    weights: Weights | None = Field(
        None,
        description="One weight per teacher, in the teachers' order, summing to 1. Default: the "
        "signal's. `topk` and `sampled` signals are stored for the signal's weights only.",
    )

    @property
    def needs_teachers(self) -> bool:
        """Whether the teachers enter the loss: at alpha 1 they do not."""
        return self.alpha < 1


class DistilledStudent(DistillationRecipe):
    """A student that learns from the text and from its teachers."""

    replaced_before = ("like",)

    kind: Literal["distilled"]
    model: Shape
    training: TrainingRecipe
    teachers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Models of the run that teach it, other students included; they run beside "
        "it. Default: the recipe's teachers, by the recipe's signal.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @property
    def pretraining(self) -> PretrainingRecipe:
        """Its model and training without the teachers: the recipe of its twin."""
        return PretrainingRecipe(model=self.model, training=self.training)


TaughtStudent = DistilledStudent | SequenceStudent  # those that learn from teachers
Student = Annotated[DistilledStudent | SequenceStudent | TwinStudent, Field(discriminator="kind")]


class Mixing(Frozen):
    """How the predictions of several teachers are averaged."""

    weights: Weights | None = Field(
        None, description="One weight per teacher, summing to 1. Default: equal, as in the paper."
    )
    mean_of: MeanOf = Field(
        "logits", description="What is averaged over teachers; in the paper: `logits`."
    )


EQUAL_WEIGHTS = Mixing()  # the default, and the paper's: the mean of the logits


class OnlineSignal(Mixing):
    """The teachers run beside the student."""

    kind: Literal["online"]


class StoredSignal(Mixing):
    """Fields of every stored signal."""

    if TYPE_CHECKING:
        kind: str

    frontier: bool = Field(
        False,
        description="While the signal is stored, also measure every kind at several sizes on "
        "held-out text. A finished signal is not stored again for this.",
    )

    @property
    def served_temperatures(self) -> tuple[float, ...] | None:
        """The temperatures that a student may use; None: any, and any teacher weights."""
        return None


class HiddenSignal(StoredSignal):
    """The teachers' last hidden states, stored once. Serves any temperature, alpha and weights."""

    kind: Literal["hidden"]
    precision: Literal["bfloat16", "int8"] = Field(
        "bfloat16", description="`int8`: 8 bits per number and a scale per token, half the size."
    )
    bytes_per_token: int | None = Field(
        None, ge=1, description="Transform-code the states into this many bytes per token instead."
    )
    code_temperature: float = Field(
        2.0, gt=0, description="Temperature at which the transform code is most exact."
    )

    @field_validator("bytes_per_token")
    @classmethod
    def _one_form(cls, size: int | None, info: Any) -> int | None:
        if size is not None and info.data.get("precision") == "int8":
            raise ValueError("it cannot be combined with precision int8")
        return size


class _Sparse(StoredSignal):
    """A few tokens per position, for the given temperatures only."""

    k: int = Field(ge=1, description="Distinct tokens stored per position.")
    temperatures: tuple[float, ...] = Field(
        (1.0, 2.0),
        min_length=1,
        validate_default=True,  # against mean_of
        description="Temperatures that a student may use.",
    )

    @field_validator("temperatures")
    @classmethod
    def _temperatures_fit(cls, temperatures: tuple[float, ...], info: Any) -> tuple[float, ...]:
        if min(temperatures) <= 0:
            raise ValueError("each must be above 0")
        if info.data.get("mean_of") == "probabilities" and len(temperatures) > 1:
            raise ValueError(
                "the mean of probabilities differs between temperatures: give one temperature"
            )
        return temperatures

    @property
    def served_temperatures(self) -> tuple[float, ...]:
        """The temperatures that a student may use."""
        return self.temperatures


class TopKSignal(_Sparse):
    """Logits of the k most likely tokens, and the exact total probability of all others."""

    kind: Literal["topk"]


class SampledSignal(_Sparse):
    """k tokens sampled so that the gradient is unbiased."""

    kind: Literal["sampled"]


class AutoSignal(Mixing):
    """Chosen when a run starts, by the passes over the text and the free disk; the run keeps it."""

    kind: Literal["auto"]


def mixing_of(signal: Mixing) -> Mixing:
    """The mixing of a signal's teachers, without the fields of its kind."""
    return Mixing(weights=signal.weights, mean_of=signal.mean_of)


def mixing_for(student: TaughtStudent, mixing: Mixing) -> Mixing:
    """How a student's teachers are averaged: its own weights, if it has some, take precedence.

    Args:
        mixing: of the recipe's teachers; its weights are not those of a student's own teachers.
    """
    weights = mixing.weights if student.teachers is None else None
    own = student.weights if isinstance(student, DistilledStudent) else None
    return mixing.model_copy(update={"weights": own or weights})


AnyStoredSignal = HiddenSignal | TopKSignal | SampledSignal
SignalRecipe = Annotated[OnlineSignal | AnyStoredSignal | AutoSignal, Field(discriminator="kind")]
