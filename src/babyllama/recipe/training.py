"""How one model is trained, and which of these fields affect its weights."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from babyllama.recipe.base import NOT_DECISIVE, NOT_RECORDED_AT_DEFAULT, Frozen, divisor_of
from babyllama.recipe.ordering import OrderRecipe
from babyllama.recipe.shapes import Shape


class FixedWindows(Frozen):
    """Consecutive windows, the same in every epoch in a new order, as in the paper."""

    kind: Literal["fixed"] = "fixed"

    def offsets(self, window: int) -> tuple[int, ...]:
        """The offset of each epoch's first window in the stream; epochs cycle through them."""
        del window
        return (0,)


class ShiftedWindows(Frozen):
    """Consecutive windows; epochs cycle through several offsets of the first window."""

    kind: Literal["shifted"]
    passes: int = Field(
        ge=2, le=64, description="Number of offsets. A stored signal holds one pass for each."
    )

    def offsets(self, window: int) -> tuple[int, ...]:
        """Evenly spaced, the same for all seeds, so that one signal serves students of any seed."""
        even = (number * window // self.passes for number in range(self.passes))
        return tuple(dict.fromkeys(even))  # at most one per token of a window


class JitteredWindows(Frozen):
    """Windows each moved by its own random offset; needs `signal: online`."""

    kind: Literal["jittered"]

    def offsets(self, window: int) -> tuple[int, ...]:
        """All of them: no stored signal serves these windows."""
        return tuple(range(window))


WindowsRecipe = Annotated[
    FixedWindows | ShiftedWindows | JitteredWindows, Field(discriminator="kind")
]


class AdamW(Frozen):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the running mean of gradients.")
    beta2: float = Field(
        0.999, ge=0, lt=1, description="Decay of the running mean of squared gradients."
    )
    epsilon: float = Field(1e-8, gt=0, description="Added to the denominator.")
    weight_decay: float = Field(
        0.0, ge=0, description="Each update shrinks the weights by learning rate x this."
    )
    decay: Literal["matrices", "all"] = Field(
        "matrices",
        description="Which weights decay: `matrices` excludes norms, biases and embeddings.",
    )


class Muon(Frozen):
    """Orthogonalised momentum for the matrices of the blocks, AdamW for all other weights.

    Its updates have the size of AdamW's, so that one learning rate suits both.
    """

    kind: Literal["muon"]
    momentum: float = Field(0.95, ge=0, lt=1, description="Decay of the running mean of gradients.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of the matrices.")
    rest: AdamW = Field(AdamW(), description="Optimiser of embeddings, head, norms and biases.")


class Sam(Frozen):
    """Sharpness-aware minimisation: the gradient at the worst point near the weights."""

    kind: Literal["sam"]
    rho: float = Field(0.05, gt=0, description="Distance of that point: a norm over all weights.")
    around: Annotated[AdamW | Muon, Field(discriminator="kind")] = Field(
        AdamW(), description="The optimiser that uses that gradient."
    )


OptimizerRecipe = Annotated[AdamW | Muon | Sam, Field(discriminator="kind")]


class Cosine(Frozen):
    """Half a cosine from the peak to the end."""

    kind: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1, description="The last rate as a share of the peak.")


class Linear(Frozen):
    """A straight line from the peak to the end."""

    kind: Literal["linear"]
    final: float = Field(0.0, ge=0, le=1, description="The last rate as a share of the peak.")


class WarmupStableDecay(Frozen):
    """Constant at the peak, then a straight line to the end."""

    kind: Literal["wsd"]
    decay: float = Field(
        0.2, gt=0, le=1, description="Share of the updates in which the rate falls."
    )
    final: float = Field(0.0, ge=0, le=1, description="The last rate as a share of the peak.")


ScheduleRecipe = Annotated[Cosine | Linear | WarmupStableDecay, Field(discriminator="kind")]


class NoAverage(Frozen):
    """No averaging: the trained weights only."""

    kind: Literal["none"] = "none"


class ExponentialAverage(Frozen):
    """An exponential moving average of the weights, updated at each step."""

    kind: Literal["ema"]
    decay: float = Field(
        0.999, gt=0, lt=1, description="Share of the average that each step keeps."
    )


class LastEpochs(Frozen):
    """The mean of the weights at the ends of the last epochs."""

    kind: Literal["last"]
    epochs: int = Field(3, ge=2, description="Number of epochs.")


AverageRecipe = Annotated[NoAverage | ExponentialAverage | LastEpochs, Field(discriminator="kind")]


class WordBudget(Frozen):
    """The words of text that a model may see, repetitions counted, as in BabyLM's rules."""

    words: int = Field(ge=1, description="White-space words, counted in every epoch.")
    beyond: Literal["refuse", "stop"] = Field(
        "refuse",
        description="If the epochs read more: `refuse` the recipe, or `stop` training at the "
        "budget, where the schedule then ends.",
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


class TrainingRecipe(Frozen):
    """One model's training."""

    epochs: int = Field(ge=1, description="Passes over the training windows.")
    batch_size: int = Field(ge=1, description="Windows per update, over all processes.")
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        description="Windows in memory at once in each process; divides its share of batch_size. "
        "Default: that share.",
    )
    window: int = Field(128, ge=8, description="Tokens that the model sees at once.")
    windows: WindowsRecipe = Field(
        FixedWindows(), description="Where windows start: `fixed`, `shifted` or `jittered`."
    )
    order: OrderRecipe | None = Field(
        None,
        description="A curriculum: which windows are read first. `by`: `length`, `rarity`, "
        "`domain`, `age-of-acquisition`, `model-loss`, `file` or `random`. Default: every epoch "
        "reads all windows, shuffled.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    shuffle: Literal["windows", "documents"] = Field(
        "windows",
        description="What each epoch shuffles. `documents`: whole documents, the windows of each "
        "one after another; a window belongs to the document that its first token is in.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate.")
    warmup_steps: int = Field(
        0, ge=0, description="Updates in which the rate rises linearly to its peak."
    )
    schedule: ScheduleRecipe = Field(
        Cosine(), description="After the warm-up: `cosine`, `linear` or `wsd`."
    )
    optimizer: OptimizerRecipe = Field(AdamW(), description="`adamw`, `muon` or `sam`.")
    clip_norm: float = Field(
        1.0, gt=0, description="Gradients with a larger norm are scaled down to this norm."
    )
    average: AverageRecipe = Field(
        NoAverage(),
        description="Averaged weights, scored beside the trained ones after each epoch; the best "
        "become the model: `none`, `ema` or `last`.",
    )
    on_divergence: Literal["stop", "rewind"] = Field(
        "stop",
        description="`rewind`: return to the last checkpoint and skip the windows at which the "
        "loss diverged.",
        json_schema_extra=NOT_DECISIVE,  # without divergence both give the same weights
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 if the CPU or GPU computes it fast."
    )
    compile: bool = Field(
        False, description="Compile each block with torch.compile, if a C++ compiler is found."
    )
    activation_checkpointing: bool = Field(
        False, description="Keep only the inputs of blocks and recompute the rest: less memory."
    )
    shard: bool = Field(
        False,
        description="Shard weights, gradients and optimiser state over the processes (FSDP), for "
        "models that do not fit on one device.",
    )
    budget: WordBudget | None = Field(None, description="A limit on the words that the model sees.")
    word_checkpoints: Literal["babylm"] | tuple[int, ...] = Field(
        (),
        description="Save a model folder (`chck_1M`, ...) when this many words are seen. "
        "`babylm`: every 1M to 10M, every 10M to 100M, every 100M to 1B.",
    )
    max_dev_windows: int = Field(
        8_192,
        ge=1,
        description="Dev windows scored after each epoch, evenly spaced. The evaluation at the "
        "end scores up to 8192.",
    )
    checkpoint_every: int = Field(
        500,
        ge=1,
        description="Updates between checkpoints; there is also one after each epoch.",
        json_schema_extra=NOT_DECISIVE,
    )
    keep: int = Field(
        2, ge=1, description="Number of checkpoints to keep.", json_schema_extra=NOT_DECISIVE
    )
    log_every: int = Field(
        10,
        ge=1,
        description="Updates between lines of training.jsonl.",
        json_schema_extra=NOT_DECISIVE,
    )
    trackers: tuple[Tracker, ...] = Field(
        (),
        description="Experiment trackers that also receive the log, such as `tensorboard`.",
        json_schema_extra=NOT_DECISIVE,
    )

    @property
    def word_marks(self) -> tuple[int, ...]:
        """Words seen at which a model folder is kept, ascending."""
        return BABYLM_WORD_MARKS if self.word_checkpoints == "babylm" else self.word_checkpoints

    @field_validator("micro_batch_size")
    @classmethod
    def _micro_batch_divides(cls, size: int | None, info: Any) -> int | None:
        return size and divisor_of("batch_size", size, info.data)

    @field_validator("order")
    @classmethod
    def _windows_have_difficulties(cls, order: OrderRecipe | None, info: Any) -> OrderRecipe | None:
        if order is not None and isinstance(info.data.get("windows"), JitteredWindows):
            raise ValueError("windows is jittered: an order needs fixed or shifted windows")
        return order

    @field_validator("shuffle")
    @classmethod
    def _order_draws_windows(cls, shuffle: str, info: Any) -> str:
        if shuffle == "documents" and info.data.get("order") is not None:
            raise ValueError("order is set: a curriculum draws single windows, not documents")
        return shuffle

    @field_validator("word_checkpoints")
    @classmethod
    def _word_checkpoints_rise(
        cls, words: Literal["babylm"] | tuple[int, ...]
    ) -> Literal["babylm"] | tuple[int, ...]:
        if words != "babylm" and any(a >= b for a, b in zip((0, *words), words, strict=False)):
            raise ValueError("each must be above the one before it, and the first above 0")
        return words


def decisive_fields(part: BaseModel) -> dict[str, Any]:
    """The fields of a part of a recipe that decide what is made, at any depth."""
    fields = type(part).model_fields
    at_default = [
        name
        for name, info in fields.items()
        if info.json_schema_extra == NOT_RECORDED_AT_DEFAULT and getattr(part, name) == info.default
    ]
    decisive = [
        name
        for name, info in fields.items()
        if info.json_schema_extra != NOT_DECISIVE and name not in at_default
    ]
    tree: dict[str, Any] = part.model_dump(mode="json", include=set(decisive))
    for name in decisive:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            tree[name] = decisive_fields(value)
    return tree


class PretrainingRecipe(Frozen):
    """A model trained on text alone: a teacher or a twin."""

    replaced_before = ("like",)
    union_tag = "made"

    model: Shape
    training: TrainingRecipe
