"""How one model is trained, and which of its fields decide what comes out."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue, field_validator

from babyllama.recipe.base import Frozen, divisor_of
from babyllama.recipe.shapes import Shape


class FixedWindows(Frozen):
    """Consecutive windows, the same in every epoch, in another order: the paper's models."""

    kind: Literal["fixed"] = "fixed"

    def offsets(self, window: int) -> tuple[int, ...]:
        """Where the tilings of the stream start that epochs go through in turn."""
        del window
        return (0,)


class ShiftedWindows(Frozen):
    """Consecutive windows that start elsewhere in each epoch, at one of a few even offsets."""

    kind: Literal["shifted"]
    passes: int = Field(
        ge=2, le=64, description="Offsets gone through in turn; a stored signal has a pass of each."
    )

    def offsets(self, window: int) -> tuple[int, ...]:
        """Even offsets, whatever the seed, so that one signal serves students of every seed."""
        even = (number * window // self.passes for number in range(self.passes))
        return tuple(dict.fromkeys(even))  # a window has no more offsets than tokens


class JitteredWindows(Frozen):
    """Every window is moved by its own random offset: needs teachers beside the student."""

    kind: Literal["jittered"]

    def offsets(self, window: int) -> tuple[int, ...]:
        """Every one: nothing that is stored serves them all."""
        return tuple(range(window))


WindowsRecipe = Annotated[
    FixedWindows | ShiftedWindows | JitteredWindows, Field(discriminator="kind")
]


class AdamW(Frozen):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the gradients' mean.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Decay of their squares' mean.")
    epsilon: float = Field(1e-8, gt=0, description="The denominator's floor.")
    weight_decay: float = Field(0.0, ge=0, description="Share of the rate that weights lose.")
    decay: Literal["matrices", "all"] = Field(
        "matrices",
        description="What decays: `matrices` spares norms, biases and embeddings; `all` nothing.",
    )


class Muon(Frozen):
    """Orthogonalised momentum for the blocks' matrices, AdamW for all else.

    Its updates are as long as AdamW's, so one learning rate serves both.
    """

    kind: Literal["muon"]
    momentum: float = Field(0.95, ge=0, lt=1, description="Decay of the gradients' mean.")
    weight_decay: float = Field(0.0, ge=0, description="Of the matrices.")
    rest: AdamW = Field(AdamW(), description="For embeddings, head, norms and biases.")


class Sam(Frozen):
    """Sharpness-aware minimisation: the gradient is taken at the worst point near the weights."""

    kind: Literal["sam"]
    rho: float = Field(0.05, gt=0, description="How far that point lies: a norm over all weights.")
    around: Annotated[AdamW | Muon, Field(discriminator="kind")] = Field(
        AdamW(), description="What makes the update of that gradient."
    )


OptimizerRecipe = Annotated[AdamW | Muon | Sam, Field(discriminator="kind")]


class Cosine(Frozen):
    """Half a cosine from the peak to the end."""

    kind: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1, description="Share of the peak at the end.")


class Linear(Frozen):
    """A straight line from the peak to the end."""

    kind: Literal["linear"]
    final: float = Field(0.0, ge=0, le=1, description="Share of the peak at the end.")


class WarmupStableDecay(Frozen):
    """The peak is held, then a straight line to the end."""

    kind: Literal["wsd"]
    decay: float = Field(0.2, gt=0, le=1, description="Share of the updates that the line takes.")
    final: float = Field(0.0, ge=0, le=1, description="Share of the peak at the end.")


ScheduleRecipe = Annotated[Cosine | Linear | WarmupStableDecay, Field(discriminator="kind")]


class NoAverage(Frozen):
    """Weights as they are trained."""

    kind: Literal["none"] = "none"


class ExponentialAverage(Frozen):
    """A moving average of the weights, one step a time."""

    kind: Literal["ema"]
    decay: float = Field(0.999, gt=0, lt=1, description="Share of the average that a step keeps.")


class LastEpochs(Frozen):
    """The mean of the weights at the ends of the last epochs."""

    kind: Literal["last"]
    epochs: int = Field(3, ge=2, description="How many.")


AverageRecipe = Annotated[NoAverage | ExponentialAverage | LastEpochs, Field(discriminator="kind")]


class WordBudget(Frozen):
    """How many words of text a model may see, repeats counted: BabyLM's rule."""

    words: int = Field(ge=1, description="White-space words of the text, every epoch's counted.")
    beyond: Literal["refuse", "stop"] = Field(
        "refuse",
        description="If the epochs read more: `refuse` before any work, or `stop` there, with a "
        "schedule that ends there.",
    )


# BabyLM 2025's rules: every 1M words to 10M, every 10M to 100M, every 100M to 1B.
BABYLM_WORD_MARKS = (
    *range(1_000_000, 10_000_000, 1_000_000),
    *range(10_000_000, 100_000_000, 10_000_000),
    *range(100_000_000, 1_000_000_001, 100_000_000),
)

Tracker = Literal[
    "tensorboard", "wandb", "trackio", "comet_ml", "aim", "mlflow", "clearml", "dvclive", "swanlab"
]
# What changes how a training is followed and not what comes out of it: no reason to train again.
_FOLLOWS: dict[str, JsonValue] = {"decides": False}


class TrainingRecipe(Frozen):
    """One model's training."""

    epochs: int = Field(ge=1, description="Passes over the training windows.")
    batch_size: int = Field(ge=1, description="Windows an update learns from, over all processes.")
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        description="Windows in memory at once, in each process; divides its share of batch_size. "
        "Default: all of it.",
    )
    window: int = Field(128, ge=8, description="Tokens the model sees at once.")
    windows: WindowsRecipe = Field(
        FixedWindows(), description="Where windows start: `fixed`, `shifted` or `jittered`."
    )
    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate.")
    warmup_steps: int = Field(0, ge=0, description="Updates until the peak, on a straight line.")
    schedule: ScheduleRecipe = Field(
        Cosine(), description="From the peak on: `cosine`, `linear` or `wsd`."
    )
    optimizer: OptimizerRecipe = Field(AdamW(), description="`adamw`, `muon` or `sam`.")
    clip_norm: float = Field(1.0, gt=0, description="Largest gradient norm that passes unscaled.")
    average: AverageRecipe = Field(
        NoAverage(),
        description="Averaged weights that are scored beside the trained ones after each epoch; "
        "the best of all become the model: `none`, `ema` or `last`.",
    )
    on_divergence: Literal["stop", "rewind"] = Field(
        "stop",
        description="`rewind`: back to the last checkpoint, and leave out the windows at which the "
        "loss was lost.",
        json_schema_extra=_FOLLOWS,  # a training that never diverged is the same under both
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 where the processor or card computes it fast."
    )
    compile: bool = Field(
        False, description="Compile each block with torch.compile, where a C++ compiler is found."
    )
    activation_checkpointing: bool = Field(
        False, description="Keep blocks' inputs alone and compute the rest again: less memory."
    )
    shard: bool = Field(
        False,
        description="Share weights, gradients and moments out over the processes, for models that "
        "one device cannot hold.",
    )
    budget: WordBudget | None = Field(None, description="Most words that may be seen.")
    word_checkpoints: Literal["babylm"] | tuple[int, ...] = Field(
        (),
        description="Keep a model folder `chck_1M` and so on when so many words are seen. "
        "`babylm`: every 1M to 10M, every 10M to 100M, every 100M to 1B.",
    )
    max_dev_windows: int = Field(
        8_192, ge=1, description="Dev windows scored after each epoch, evenly spread."
    )
    checkpoint_every: int = Field(
        500,
        ge=1,
        description="Updates between checkpoints; each epoch's end has one as well.",
        json_schema_extra=_FOLLOWS,
    )
    keep: int = Field(2, ge=1, description="Checkpoints kept.", json_schema_extra=_FOLLOWS)
    log_every: int = Field(
        10, ge=1, description="Updates between lines of training.jsonl.", json_schema_extra=_FOLLOWS
    )
    trackers: tuple[Tracker, ...] = Field(
        (),
        description="Programs that also get what is logged, through Accelerate, such as "
        "`tensorboard`.",
        json_schema_extra=_FOLLOWS,
    )

    @property
    def word_marks(self) -> tuple[int, ...]:
        """Words seen at which a model folder is kept, ascending."""
        return BABYLM_WORD_MARKS if self.word_checkpoints == "babylm" else self.word_checkpoints

    @field_validator("micro_batch_size")
    @classmethod
    def _micro_batch_divides(cls, size: int | None, info: Any) -> int | None:
        return size and divisor_of("batch_size", size, info.data)

    @field_validator("word_checkpoints")
    @classmethod
    def _word_checkpoints_rise(
        cls, words: Literal["babylm"] | tuple[int, ...]
    ) -> Literal["babylm"] | tuple[int, ...]:
        if words != "babylm" and any(a >= b for a, b in zip((0, *words), words, strict=False)):
            raise ValueError("each must be above the one before it, and the first above 0")
        return words


def decisive_fields(part: BaseModel) -> dict[str, Any]:
    """A part of a recipe without the fields that change nothing in what is made."""
    fields = type(part).model_fields
    decides = [name for name, info in fields.items() if info.json_schema_extra != _FOLLOWS]
    tree: dict[str, Any] = part.model_dump(mode="json", include=set(decides))
    for name in decides:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            tree[name] = decisive_fields(value)
    return tree


class PretrainingRecipe(Frozen):
    """A model trained on text alone: a teacher, or a twin."""

    model: Shape
    training: TrainingRecipe
