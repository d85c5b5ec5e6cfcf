"""The one configuration tree: what a run is made of, read from YAML, checked before any work.

Every default lives here and nowhere else. A stage takes its own part of the tree, never the whole.
Sizes are spelt as Hugging Face configurations spell them, so that `model` passes straight through.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from babyllama.errors import InputError

Part = TypeVar("Part", bound=BaseModel)


class Frozen(BaseModel):
    """A part of a recipe: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )


# --- corpus ---------------------------------------------------------------------------------


class SyntheticSource(Frozen):
    """Text from the embedded grammar: nothing to download, and its entropy is known."""

    kind: Literal["synthetic"]
    words: int = Field(ge=1_000, description="White-space words of training text.")
    dev_words: int = Field(ge=200, description="White-space words of dev text.")


class FolderSource(Frozen):
    """A folder of text: `train/` and `dev/` with a file a domain, or plain files to be split."""

    kind: Literal["folder"]
    path: Path = Field(description="The folder, relative to where babyllama is started.")
    dev_fraction: float = Field(
        0.05, gt=0, lt=1, description="Share of each file kept for dev where there is no dev/."
    )
    expected_words: int = Field(
        10_000_000,
        ge=1,
        description="Training words that a plan assumes while the folder is not there yet.",
    )


class CorpusRecipe(Frozen):
    """Where the text comes from and how it is cleaned."""

    source: Annotated[SyntheticSource | FolderSource, Field(discriminator="kind")]
    rules: Literal["paper", "thorough"] = Field(
        "thorough",
        description="`paper` repeats the paper's cleaners step by step; `thorough` also does what "
        "the paper only says: keeps paragraphs apart, drops mark-up, cues and credits.",
    )


class TokenizerRecipe(Frozen):
    """Byte-level BPE as in the paper: NFKC, a leading space, <pad> <s> </s> as 0, 1, 2."""

    vocab_size: int = Field(16_000, ge=300, le=1_000_000, description="Tokens, specials included.")
    min_frequency: int = Field(2, ge=1, description="A pair rarer than this is never merged.")


class TokensRecipe(Frozen):
    """How text becomes a stream of tokens."""

    layout: Literal["lines", "stream"] = Field(
        "lines",
        description="`lines`: <s> before every line, </s> after every document, so that a sentence "
        "scored alone starts as the model saw sentences start. `stream`: a file is one text with "
        "nothing between documents, as in the paper; then neither token is ever trained.",
    )


# --- models ---------------------------------------------------------------------------------


class LlamaShape(Frozen):
    """A LLaMA: rotary positions, RMSNorm, SwiGLU."""

    model_type: Literal["llama"]
    hidden_size: int = Field(gt=0, description="Width of the residual stream.")
    intermediate_size: int = Field(gt=0, description="Width of the SwiGLU layer.")
    num_hidden_layers: int = Field(gt=0, description="Blocks.")
    num_attention_heads: int = Field(gt=0, description="Attention heads; divides hidden_size.")
    max_position_embeddings: int = Field(256, gt=0, description="Longest input in tokens.")
    tie_word_embeddings: bool = Field(False, description="Whether output head = input embedding.")
    attention_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on attention weights.")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "LlamaShape":
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} does not divide "
                f"hidden_size {self.hidden_size}"
            )
        return self


class GPT2Shape(Frozen):
    """A GPT-2: learned positions, LayerNorm, GELU, tied embeddings."""

    model_type: Literal["gpt2"]
    n_embd: int = Field(gt=0, description="Width of the residual stream.")
    n_inner: int = Field(gt=0, description="Width of the feed-forward layer.")
    n_layer: int = Field(gt=0, description="Blocks.")
    n_head: int = Field(gt=0, description="Attention heads; divides n_embd.")
    n_positions: int = Field(256, gt=0, description="Longest input in tokens.")
    resid_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on the residual stream.")
    embd_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on the embeddings.")
    attn_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on attention weights.")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "GPT2Shape":
        if self.n_embd % self.n_head:
            raise ValueError(f"n_head {self.n_head} does not divide n_embd {self.n_embd}")
        return self


class OtherShape(Frozen):
    """Any other causal architecture that transformers knows, by its own configuration keys."""

    model_type: Literal["other"]
    architecture: str = Field(description="The `model_type` that transformers knows it by.")
    settings: dict[str, int | float | bool | str] = Field(
        default_factory=dict, description="Keys of that architecture's configuration."
    )


Shape = Annotated[LlamaShape | GPT2Shape | OtherShape, Field(discriminator="model_type")]


# --- training -------------------------------------------------------------------------------


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

    @model_validator(mode="after")
    def _micro_batch_divides(self) -> "TrainingRecipe":
        if self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} does not divide "
                f"batch_size {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _word_checkpoints_rise(self) -> "TrainingRecipe":
        words = self.word_checkpoints
        if words != "babylm" and any(a >= b for a, b in zip((0, *words), words, strict=False)):
            raise ValueError(f"word_checkpoints {words}: each must be above the one before it")
        return self


def deciding(part: BaseModel) -> dict[str, Any]:
    """A part of a recipe without the fields that change nothing in what is made."""
    fields = type(part).model_fields
    decides = [name for name, info in fields.items() if info.json_schema_extra != _FOLLOWS]
    tree: dict[str, Any] = part.model_dump(mode="json", include=set(decides))
    for name in decides:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            tree[name] = deciding(value)
    return tree


class PretrainingRecipe(Frozen):
    """A model trained on text alone: a teacher, or a twin."""

    model: Shape
    training: TrainingRecipe


def fault_of_weights(weights: Sequence[float]) -> str:
    """What keeps weights from being those of a mean, in words; "" if nothing does."""
    if min(weights, default=-1.0) >= 0 and abs(sum(weights) - 1) <= 1e-6:
        return ""
    given = " ".join(f"{weight:g}" for weight in weights)
    return f"weights {given} sum to {sum(weights):g}; a mean's are not negative and sum to 1"


def _of_a_mean(weights: tuple[float, ...]) -> tuple[float, ...]:
    if fault := fault_of_weights(weights):
        raise ValueError(fault)
    return weights


Weights = Annotated[tuple[float, ...], AfterValidator(_of_a_mean)]


class DistillationRecipe(Frozen):
    """How teachers weigh against the text: alpha * CE + (1 - alpha) * T**2 * KL."""

    alpha: float = Field(0.5, ge=0, le=1, description="Weight of the text against the teachers.")
    temperature: float = Field(2.0, gt=0, description="T: softens both distributions in the KL.")
    reduction: Literal["token_mean", "window_sum"] = Field(
        "token_mean",
        description="`token_mean`: KL per token, the textbook's. `window_sum`: KL summed over the "
        "window, as the paper's code does, so that KL weighs `window` times as much.",
    )
    weights: Weights | None = Field(
        None,
        description="A weight a teacher, summing to 1, in the teachers' order; the signal's own by "
        "default. `topk` and `sampled` signals have theirs built in.",
    )


class DistilledStudent(DistillationRecipe):
    """A student that learns from the text and from the signal."""

    kind: Literal["distilled"]
    model: Shape
    training: TrainingRecipe

    @property
    def pretraining(self) -> PretrainingRecipe:
        """Its shape and training without the teachers: what its twin is made from."""
        return PretrainingRecipe(model=self.model, training=self.training)


class TwinStudent(Frozen):
    """Another student's model, training and seed, on cross-entropy alone."""

    kind: Literal["twin"]
    of: str = Field(description="The distilled student it repeats without teachers.")


Student = Annotated[DistilledStudent | TwinStudent, Field(discriminator="kind")]


class Mixing(Frozen):
    """How several teachers become one."""

    weights: Weights | None = Field(
        None, description="A weight a teacher, summing to 1; equal by default, as in the paper."
    )
    mean_of: Literal["logits", "probabilities"] = Field(
        "logits", description="What is averaged over the teachers: `logits` is the paper's."
    )


class OnlineSignal(Mixing):
    """The teachers run beside the student."""

    kind: Literal["online"]


class _Stored(Mixing):
    """What the stored kinds share."""

    frontier: bool = Field(
        False,
        description="Also measure every other kind at several sizes on held-out text, while this "
        "one is stored; a signal that is there already is not stored again for it.",
    )


class HiddenSignal(_Stored):
    """The teachers' last hidden states, stored once: any temperature, alpha and weights."""

    kind: Literal["hidden"]
    precision: Literal["bfloat16", "int8"] = Field(
        "bfloat16", description="`int8`: 8 bits a number with a scale a token, half the size."
    )
    bytes_per_token: int | None = Field(
        None, ge=1, description="Transform-code the states into so many bytes a token instead."
    )
    code_temperature: float = Field(
        2.0, gt=0, description="Temperature at which a transform code loses least."
    )

    @model_validator(mode="after")
    def _one_form(self) -> "HiddenSignal":
        if self.bytes_per_token is not None and self.precision == "int8":
            raise ValueError(
                f"bytes_per_token {self.bytes_per_token} and precision int8 exclude each other"
            )
        return self


class _KeptTokens(_Stored):
    """A few tokens a position, for named temperatures only."""

    k: int = Field(ge=1, description="Distinct tokens kept a position.")
    temperatures: tuple[float, ...] = Field(
        (1.0, 2.0), min_length=1, description="Temperatures that a student may learn at."
    )

    @model_validator(mode="after")
    def _temperatures_fit(self) -> "_KeptTokens":
        if min(self.temperatures) <= 0:
            raise ValueError(f"temperatures {self.temperatures}: each must be above 0")
        if self.mean_of == "probabilities" and len(self.temperatures) > 1:
            raise ValueError(
                f"temperatures {self.temperatures}: the mean of probabilities is another at each, "
                "so a signal of it serves one"
            )
        return self


class TopKSignal(_KeptTokens):
    """Logits of the k likeliest tokens and the exact mass of the rest."""

    kind: Literal["topk"]


class SampledSignal(_KeptTokens):
    """k tokens drawn so that the gradient is unbiased."""

    kind: Literal["sampled"]


class AutoSignal(Mixing):
    """Decided at the first run by passes over the text and by the disk; the run keeps it."""

    kind: Literal["auto"]


def mixing_of(signal: Mixing) -> Mixing:
    """What a signal says of its teachers, whatever its kind."""
    return Mixing(weights=signal.weights, mean_of=signal.mean_of)


StoredSignal = HiddenSignal | TopKSignal | SampledSignal
Signal = Annotated[OnlineSignal | StoredSignal | AutoSignal, Field(discriminator="kind")]


class EvaluationRecipe(Frozen):
    """What the models are scored on. A synthetic corpus brings its own minimal pairs."""

    benchmarks: dict[str, Path] = Field(
        default_factory=dict,
        description="Name to minimal pairs: a jsonl file, a folder of them or a zip.",
    )
    rules: Literal["honest", "2023", "2024", "2025"] = Field(
        "honest", description="Whose scoring rules: context token, ties, averaging."
    )


class Recipe(Frozen):
    """A whole run: raw text in, evaluated student out."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="Names the run's folder.")
    seed: int = Field(0, ge=0, lt=2**31, description="Fixes data order, weights and dropout.")
    corpus: CorpusRecipe
    tokenizer: TokenizerRecipe = TokenizerRecipe()
    tokens: TokensRecipe = TokensRecipe()
    teachers: dict[str, PretrainingRecipe] = Field(min_length=1)
    signal: Signal
    students: dict[str, Student] = Field(min_length=1)
    evaluation: EvaluationRecipe = EvaluationRecipe()

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        for name, student in self.students.items():
            if isinstance(student, TwinStudent):
                twin_of = self.students.get(student.of)
                if not isinstance(twin_of, DistilledStudent):
                    raise ValueError(
                        f"students.{name}.of is {student.of!r}, which is no distilled student"
                    )
        if isinstance(self.signal, StoredSignal):
            _refuse_unservable(self.signal, self.distilled, len(self.teachers))
        for name in [*self.teachers, *self.students]:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == "ensemble":
                raise ValueError(f"model {name!r}: a name is a folder's, of A-Z, 0-9, _, . and -")
        both = sorted(self.teachers.keys() & self.students.keys())
        if both:
            raise ValueError(f"{both[0]!r} names both a teacher and a student")
        return self

    @property
    def distilled(self) -> dict[str, DistilledStudent]:
        """The students that learn from teachers."""
        return {
            name: student
            for name, student in self.students.items()
            if isinstance(student, DistilledStudent)
        }

    def pretraining(self, name: str) -> PretrainingRecipe:
        """The shape and training of a teacher or student.

        Raises:
            InputError: no model of that name.
        """
        if name in self.teachers:
            return self.teachers[name]
        student = self.students.get(name)
        if isinstance(student, TwinStudent):
            return self.pretraining(student.of)
        if student is not None:
            return student.pretraining
        known = [*self.teachers, *self.students]
        raise InputError(
            f"recipe {self.name} has no model {name!r}",
            why=f"Its models are {', '.join(known)}.",
            mend=_nearest(name, known),
        )


def _refuse_unservable(
    signal: StoredSignal, students: dict[str, DistilledStudent], teachers: int
) -> None:
    """Check that one stored signal serves every student of the recipe."""
    lengths = {student.training.window for student in students.values()}
    if len(lengths) > 1:
        raise ValueError(
            f"students read windows of {sorted(lengths)}, but a stored signal has one length"
        )
    for name, student in students.items():
        if isinstance(student.training.windows, JitteredWindows):
            raise ValueError(
                f"students.{name}.training.windows is jittered, which no stored signal serves; "
                "use signal.kind online"
            )
        if isinstance(signal, HiddenSignal):
            continue
        if student.temperature not in signal.temperatures:
            raise ValueError(
                f"students.{name}.temperature is {student.temperature:g}, the signal is stored for "
                f"{', '.join(f'{each:g}' for each in signal.temperatures)}"
            )
        if student.weights is not None:
            raise ValueError(
                f"students.{name}.weights: a {signal.kind} signal has its weights built in"
            )
    for where, weights in [
        ("signal", signal.weights),
        *((f"students.{name}", student.weights) for name, student in students.items()),
    ]:
        if weights is not None and len(weights) != teachers:
            raise ValueError(f"{where}.weights has {len(weights)} for {teachers} teachers")


# --- YAML in, YAML out ----------------------------------------------------------------------


def built_in_recipes() -> list[str]:
    """Names of the shipped recipes, smallest first."""
    return ["mini", "laptop", "strict-small", "strict"]


def load_recipe(name_or_path: str, settings: tuple[str, ...] = ()) -> Recipe:
    """Read a built-in recipe by name or a YAML file by path, with `key.path=value` changes.

    Raises:
        InputError: no such recipe, broken YAML (line and column), a field that is unknown, missing
            or out of range, or a setting that names no field.
    """
    where, text = _recipe_text(name_or_path)
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise _yaml_error(where, error) from None
    if not isinstance(tree, dict):
        raise InputError(
            f"{where}: holds {type(tree).__name__}, not a mapping of fields",
            mend="Start from a shipped one: babyllama recipes mini > mine.yaml",
        )
    tree = _unshared(tree)
    for setting in settings:
        _apply(tree, setting)
    return parse(Recipe, tree, where)


def parse(part: type[Part], tree: Any, where: str) -> Part:
    """Check `tree` against a part of the recipe; the first mistake becomes an `InputError`."""
    try:
        return part.model_validate(tree)
    except ValidationError as error:
        raise _validation_error(part, tree, where, error) from None


def parse_stored_signal(tree: Any, where: str) -> StoredSignal:
    """The recipe that a stored signal was made from.

    Raises:
        InputError: a kind or a field that this version does not know.
    """
    kinds: dict[str, type[StoredSignal]] = {
        "hidden": HiddenSignal, "topk": TopKSignal, "sampled": SampledSignal
    }  # fmt: skip
    kind = tree.get("kind") if isinstance(tree, dict) else None
    if kind not in kinds:
        raise InputError(
            f"{where}: kind is {kind!r}", why=f"Kinds that are stored: {', '.join(kinds)}."
        )
    return parse(kinds[kind], tree, where)


def to_yaml(recipe: BaseModel) -> str:
    """The fully resolved recipe; loading it gives the same recipe back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def to_json(recipe: BaseModel) -> str:
    """The fully resolved recipe as JSON."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False)


def _recipe_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in built_in_recipes():
        file = resources.files("babyllama") / "recipes" / f"{name_or_path}.yaml"
        return f"recipe {name_or_path}", file.read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"there is no recipe {name_or_path!r}",
            why="It is neither a file nor one of " + ", ".join(built_in_recipes()) + ".",
            mend=_nearest(name_or_path, built_in_recipes()) or "List them: babyllama recipes",
        )
    try:
        return str(path), path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8", mend="Save the recipe as UTF-8 text."
        ) from None


def _yaml_error(where: str, error: Exception) -> InputError:
    mark = getattr(error, "problem_mark", None)
    at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return InputError(
        f"{where}: is not YAML{at}",
        why=f"The parser says: {getattr(error, 'problem', None) or error}.",
        mend="Mend that line; often it is the indentation or a missing colon.",
    )


def _unshared(tree: Any) -> Any:
    """A copy in which what YAML's `*alias` repeats is no longer one object.

    Otherwise a setting of one teacher would change every teacher that shares its settings.
    """
    if isinstance(tree, dict):
        return {key: _unshared(value) for key, value in tree.items()}
    return [_unshared(value) for value in tree] if isinstance(tree, list) else tree


def _apply(tree: dict[str, Any], setting: str) -> None:
    """Set `key.path=value` in a raw tree; whether the field exists is checked with the tree."""
    path, equals, value = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise InputError(
            f"--set {setting}: is not key.path=value",
            mend="For example: --set students.distilled.alpha=0.9",
        )
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        raise InputError(f"--set {setting}: the value {value!r} is not YAML") from None
    branch: Any = tree
    for depth, key in enumerate(keys[:-1]):
        if depth == 1 and keys[0] in ("teachers", "students") and key not in branch:
            raise InputError(
                f"--set {setting}: {keys[0]} has no {key!r}",
                why=f"There are {', '.join(branch)}.",
                mend=_nearest(key, list(branch)),
            )
        branch = branch.setdefault(key, {})
        if not isinstance(branch, dict):
            raise InputError(
                f"--set {setting}: {'.'.join(keys[: depth + 1])} is {branch!r}, not a mapping",
                mend="See the fields: babyllama recipes NAME",
            )
    branch[keys[-1]] = parsed


def _validation_error(
    part: type[BaseModel], tree: Any, where: str, error: ValidationError
) -> InputError:
    first = error.errors(include_url=False)[0]
    kind, path = first["type"], [str(key) for key in first["loc"]]
    keys, model, description, choices = _locate(part, tree, path, missing=kind == "missing")
    field = ".".join(keys)
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return InputError(
            f"{where}: {field} is not a field",
            why=f"Known here: {', '.join(known)}.",
            mend=_nearest(keys[-1], known) or "See the fields: babyllama recipes NAME",
        )
    if kind == "missing":
        return InputError(f"{where}: {field} is missing", mend=description)
    if kind.startswith("union_tag"):
        tag = f"{field}.{first['ctx']['discriminator']}".replace("'", "")
        given = first["ctx"].get("tag")
        return InputError(
            f"{where}: {tag} is {given!r}" if given else f"{where}: {tag} is missing",
            why=f"It is one of {', '.join(choices)}, and decides which fields stand beside it.",
            mend=_nearest(given or "", choices),
        )
    why = _sentence(first["msg"])
    if not field:
        return InputError(f"{where}: does not fit together", why=why)
    value = first.get("input")
    plain = value is None or isinstance(value, str | int | float | bool)
    what = f"{where}: {field} is {value!r}" if plain else f"{where}: {field} does not fit"
    return InputError(what, why=why, mend=description)


def _locate(
    part: type[BaseModel], tree: Any, path: list[str], *, missing: bool
) -> tuple[list[str], type[BaseModel], str, list[str]]:
    """Follow pydantic's path through the user's tree.

    The tags of unions stand in that path but not in the user's file; they are left out. A
    `missing` field is the last key of a path, and not in the file either.

    Returns:
        the user's own keys, the innermost model on the way, the last field's description, and the
        tags that may tell its value's alternatives apart.
    """
    keys: list[str] = []
    model, annotation, description = part, None, ""
    for position, key in enumerate(path):
        branch = (
            {str(name): value for name, value in tree.items()} if isinstance(tree, dict) else {}
        )
        if key not in branch and not (missing and position == len(path) - 1):
            model = next((m for m in _models_in(annotation) if key in _tags(m)), model)
            continue
        keys.append(key)
        tree = branch.get(key)
        if key in model.model_fields:
            info = model.model_fields[key]
            annotation, description = info.annotation, info.description or ""
            inner = list(_models_in(annotation))
            model = inner[0] if len(inner) == 1 else model
    return keys, model, description, [tag for m in _models_in(annotation) for tag in _tags(m)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that an annotation mentions: itself, members of a union, values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    """What tells a model from the others of its union."""
    for name in ("kind", "model_type"):
        if name in model.model_fields:
            return tuple(getattr(model.model_fields[name].annotation, "__args__", ()))
    return ()


def _sentence(message: str) -> str:
    ours = message.removeprefix("Value error, ")
    if ours == message:  # pydantic's own; ours begin with the name of a field
        message = message[:1].upper() + message[1:]
    return message.removeprefix("Value error, ").rstrip(".") + "."


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""
