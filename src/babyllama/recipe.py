"""The one configuration tree: what a run is made of, read from YAML, checked before any work.

Every default lives here and nowhere else. A stage takes its own part of the tree, never the whole.
Sizes are spelt as Hugging Face configurations spell them, so that `model` passes straight through.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from babyllama.errors import InputError

Part = TypeVar("Part", bound=BaseModel)


class Frozen(BaseModel):
    """A part of a recipe: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


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
    def _heads_divide_width(self) -> Self:
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
    def _heads_divide_width(self) -> Self:
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


class TrainingRecipe(Frozen):
    """One model's training: AdamW, linear warm-up, cosine decay to zero."""

    epochs: int = Field(ge=1, description="Passes over the training windows.")
    batch_size: int = Field(ge=1, description="Windows an update learns from.")
    micro_batch_size: int | None = Field(
        None, ge=1, description="Windows in memory at once; divides batch_size. Default: all."
    )
    window: int = Field(128, ge=8, description="Tokens the model sees at once.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate.")
    warmup_steps: int = Field(0, ge=0, description="Updates until the peak.")
    weight_decay: float = Field(0.0, ge=0, description="Kept off norms, biases and embeddings.")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's first decay.")
    beta2: float = Field(0.999, ge=0, lt=1, description="AdamW's second decay.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's denominator floor.")
    clip_norm: float = Field(1.0, gt=0, description="Largest gradient norm that passes unscaled.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 where the processor or card computes it fast."
    )
    compile: bool = Field(
        False, description="Compile each block with torch.compile, where a C++ compiler is found."
    )
    max_dev_windows: int = Field(
        8_192, ge=1, description="Dev windows scored after each epoch, evenly spread."
    )
    checkpoint_every: int = Field(
        500, ge=1, description="Updates between checkpoints; each epoch's end has one as well."
    )
    log_every: int = Field(10, ge=1, description="Updates between lines of training.jsonl.")

    @model_validator(mode="after")
    def _micro_batch_divides(self) -> Self:
        if self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} does not divide "
                f"batch_size {self.batch_size}"
            )
        return self


class PretrainingRecipe(Frozen):
    """A model trained on text alone: a teacher, or a twin."""

    model: Shape
    training: TrainingRecipe


class DistillationRecipe(Frozen):
    """How teachers weigh against the text: alpha * CE + (1 - alpha) * T**2 * KL."""

    alpha: float = Field(0.5, ge=0, le=1, description="Weight of the text against the teachers.")
    temperature: float = Field(2.0, gt=0, description="T: softens both distributions in the KL.")
    reduction: Literal["token_mean", "window_sum"] = Field(
        "token_mean",
        description="`token_mean`: KL per token, the textbook's. `window_sum`: KL summed over the "
        "window, as the paper's code does, so that KL weighs `window` times as much.",
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


class OnlineSignal(Frozen):
    """The teachers run beside the student."""

    kind: Literal["online"]


class HiddenSignal(Frozen):
    """The teachers' last hidden states, stored once in bfloat16."""

    kind: Literal["hidden"]


Signal = Annotated[OnlineSignal | HiddenSignal, Field(discriminator="kind")]


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
    def _parts_fit(self) -> Self:
        for name, student in self.students.items():
            if isinstance(student, TwinStudent):
                twin_of = self.students.get(student.of)
                if not isinstance(twin_of, DistilledStudent):
                    raise ValueError(
                        f"students.{name}.of is {student.of!r}, which is no distilled student"
                    )
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
    except yaml.YAMLError as error:
        raise _yaml_error(where, error) from None
    if not isinstance(tree, dict):
        raise InputError(
            f"{where}: holds {type(tree).__name__}, not a mapping of fields",
            mend="Start from a shipped one: babyllama recipes mini > mine.yaml",
        )
    for setting in settings:
        _apply(tree, setting)
    return parse(Recipe, tree, where)


def parse(part: type[Part], tree: Any, where: str) -> Part:
    """Check `tree` against a part of the recipe; the first mistake becomes an `InputError`."""
    try:
        return part.model_validate(tree)
    except ValidationError as error:
        raise _validation_error(part, where, error) from None


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


def _yaml_error(where: str, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return InputError(
        f"{where}: is not YAML{at}",
        why=f"The parser says: {getattr(error, 'problem', None) or error}.",
        mend="Mend that line; often it is the indentation or a missing colon.",
    )


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
    except yaml.YAMLError:
        raise InputError(f"--set {setting}: the value {value!r} is not YAML") from None
    branch: Any = tree
    for depth, key in enumerate(keys[:-1]):
        branch = branch.setdefault(key, {})
        if not isinstance(branch, dict):
            raise InputError(
                f"--set {setting}: {'.'.join(keys[: depth + 1])} is {branch!r}, not a mapping",
                mend="See the fields: babyllama recipes NAME",
            )
    branch[keys[-1]] = parsed


def _validation_error(part: type[BaseModel], where: str, error: ValidationError) -> InputError:
    first = error.errors(include_url=False)[0]
    # Tags of unions stand in pydantic's path but not in the user's file.
    keys = [str(key) for key in first["loc"]]
    field = ".".join(_without_tags(part, keys))
    kind, value = first["type"], first.get("input")
    if kind == "extra_forbidden":
        known = list(_fields_beside(part, keys))
        return InputError(
            f"{where}: {field} is not a field",
            why=f"Known here: {', '.join(known)}." if known else "",
            mend=_nearest(keys[-1], known) or "See the fields: babyllama recipes NAME",
        )
    if kind == "missing":
        return InputError(f"{where}: {field} is missing", mend=_describe(part, keys))
    if not field:
        return InputError(f"{where}: {_sentence(first['msg'])}")
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return InputError(
        f"{where}: {field} is {shown!r}" if _is_plain(value) else f"{where}: {field} does not fit",
        why=_sentence(first["msg"]),
        mend=_describe(part, keys),
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].upper() + message[1:].rstrip(".") + "."


def _models_along(part: type[BaseModel], keys: list[str]) -> Iterator[tuple[int, Any]]:
    """(position, annotation) of every key that is a field, following unions and dicts."""
    current: Any = part
    for position, key in enumerate(keys):
        candidates = list(_models_in(current))
        for model in candidates:
            if key in model.model_fields:
                current = model.model_fields[key].annotation
                yield position, model.model_fields[key]
                break
        else:
            tagged = [model for model in candidates if key in _tags(model)]
            current = tagged[0] if tagged else _value_type(current)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        if not _is_mapping(annotation):
            yield from _models_in(argument)


def _is_mapping(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (dict, Mapping)


def _value_type(annotation: Any) -> Any:
    return annotation.__args__[1] if _is_mapping(annotation) else None


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    for name in ("kind", "model_type"):
        if name in model.model_fields:
            return tuple(getattr(model.model_fields[name].annotation, "__args__", ()))
    return ()


def _without_tags(part: type[BaseModel], keys: list[str]) -> list[str]:
    current: Any = part
    kept = []
    for key in keys:
        candidates = list(_models_in(current))
        tagged = [model for model in candidates if key in _tags(model)]
        fields = [model for model in candidates if key in model.model_fields]
        if tagged and not fields and len(candidates) > 1:
            current = tagged[0]
            continue
        kept.append(key)
        current = fields[0].model_fields[key].annotation if fields else _value_type(current)
    return kept


def _fields_beside(part: type[BaseModel], keys: list[str]) -> Iterator[str]:
    current: Any = part
    for key in keys[:-1]:
        candidates = list(_models_in(current))
        fields = [model for model in candidates if key in model.model_fields]
        tagged = [model for model in candidates if key in _tags(model)]
        if fields:
            current = fields[0].model_fields[key].annotation
        else:
            current = tagged[0] if tagged else _value_type(current)
    for model in list(_models_in(current))[:1]:
        yield from model.model_fields


def _describe(part: type[BaseModel], keys: list[str]) -> str:
    described = [info.description for _, info in _models_along(part, keys) if info.description]
    return described[-1] if described else ""


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""
