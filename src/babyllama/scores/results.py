"""What a result file holds: a score with its interval, by benchmark, of one model or of several.

`babyllama evaluate` and `babyllama finetune` write these types; report, compare, curves and
submission read them. Every key is written in the order in which it was given, and a benchmark may
add keys of its own, so that a file that is read and written again stays the same bytes. A file from
before a key existed is read with that key's default.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from babyllama.errors import InputError, unreadable
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically

# Raised when the same model and items get other scores: kept scores are then made again.
SCORING_VERSION = 3
RESAMPLES = 1000  # of the items, the same for every model: two models are paired on them
_WRITE_ONE = "Write one: babyllama evaluate MODEL --benchmark blimp=PATH --out MODEL.json"

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0)]
Interval = tuple[Number, Number]
Replicates = Annotated[list[Number], Field(min_length=RESAMPLES, max_length=RESAMPLES)]
# One character for each item: right, wrong, or a tie that counts half.
DecisionsText = Annotated[str, Field(pattern="^[10=]+$")]


class Written(BaseModel):
    """A JSON object in a file: it keeps unknown keys and the order of all keys."""

    model_config = ConfigDict(frozen=True, extra="allow")
    _keys: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_keys(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        found = handler(value)
        if isinstance(value, Mapping):
            found._keys = tuple(value)
        return found

    def written(self) -> Facts:
        """As plain data: the keys that were given, in their order."""
        return {key: _plain(getattr(self, key)) for key in self._keys}


class Score(Written):
    """A score in its benchmark's unit.

    Attributes:
        stderr, interval: standard error and 95% interval over other items of the same kind.
        n: items.
    """

    score: Number
    stderr: Number | None = None
    interval: Interval | None = None
    n: Count | None = None


class Subtask(Written):
    """A part of a benchmark: a UID, a domain, a reading time.

    Attributes:
        score, stderr, interval, n: as in `Score`; decisions are enough to compare models.
        group: what the part belongs to.
        decisions: of its items in their order, where the score is their mean.
    """

    score: Number | None = None
    stderr: Number | None = None
    interval: Interval | None = None
    n: Count | None = None
    group: str | None = None
    decisions: DecisionsText | None = None


class SeedScore(Written):
    """One seed's fine-tuning on a task."""

    score: Number
    decisions: DecisionsText | None = None


class PartOfSuite(Written):
    """How much of a published benchmark was scored: UIDs, if it has any, and items."""

    uids: Count | None = None
    of_uids: Count | None = None
    items: Count
    of_items: Count


class CutTexts(Written):
    """Texts longer than the model's positions, and tokens of all texts that were cut away."""

    texts: Count
    of_texts: Count
    tokens: Count
    of_tokens: Count


class SeenText(Written):
    """Percent of a benchmark's characters and words that occur in the training text.

    Attributes:
        words: None for scripts that do not separate words.
    """

    characters: Number
    words: Number | None = None


class BenchmarkResult(Score):
    """One model's result on one benchmark.

    Attributes:
        interval_clustered: 95% interval over other UIDs as well.
        replicates: the score on resamples of the items, if it is not a mean of decisions.
        unit: percent, months, ...
        chance: the score of guessing.
        subtasks: by UID.
        groups: by group of UIDs.
        aggregates: other averages of the same decisions.
        items: a digest of the items: two results are paired by item if it is the same.
        metric: of fine-tuning: accuracy, f1 or mcc.
        seeds: of fine-tuning.
        part: scored and published sizes; None if they are equal or the published one is unknown.
        ties: items of which the right text and the best wrong one are equally likely.
        unknown: items with text that the tokenizer has no token for.
        cut: how many texts lost their beginning; None if none did.
        seen: how much of the benchmark's text is in the training text; only of a run's models.
        notes: what a reader should know of the score, in words.
    """

    interval_clustered: Interval | None = None
    replicates: Replicates | None = None
    unit: str = "percent"
    higher_is_better: bool = True
    chance: Number | None = None
    subtasks: Mapping[str, Subtask] = Field(default_factory=dict)
    groups: Mapping[str, Score] = Field(default_factory=dict)
    aggregates: Mapping[str, Number] = Field(default_factory=dict)
    items: str | None = None
    metric: str | None = None
    seeds: Mapping[str, SeedScore] = Field(default_factory=dict)
    notes: Sequence[str] = ()
    part: PartOfSuite | None = None
    ties: Count | None = None
    unknown: Count | None = None
    cut: CutTexts | None = None
    seen: SeenText | None = None

    def with_keys(self, keys: Facts) -> "BenchmarkResult":
        """The same result with more keys behind its own."""
        return type(self).model_validate({**self.written(), **keys})


class DevResult(Written):
    """How well a model predicts the dev text: nats per token, nats per word, tokens scored.

    Text without spaces between words has no nats per word, but nats per character.
    """

    cross_entropy: Number
    perplexity: Number | None = None
    nats_per_word: Number | None = None
    nats_per_character: Number | None = None
    tokens: Count | None = None


class Measured(Written):
    """A measure's value.

    Attributes:
        name: such as `entropy`, or `cross_entropy/domain/stories`.
        interval: 95%, over other units; None with fewer than two.
        unit: percent or nats.
        units: documents or sequences that the value is a mean over.
        tokens: predicted tokens in them.
    """

    name: str
    value: Number
    interval: Interval | None
    unit: str
    units: Count
    tokens: Count


class WrongChoice(Written):
    """An item that a model gets wrong.

    Attributes:
        margin: nats by which the wrong text is likelier.
        right, preferred: the words of both texts, each with its surprisal in nats.
    """

    benchmark: str
    UID: str
    pairID: str  # noqa: N815  (as BLiMP spells it)
    group: str
    margin: Number
    right: Sequence[tuple[str, Number]]
    preferred: Sequence[tuple[str, Number]]


class ModelResult(Written):
    """One model's result file.

    Attributes:
        rules: the scoring rules in words; `name` is what `--rules` calls them.
        worst: the model's worst errors, if they were requested.
        measures: of its predictions of dev text, where a command knew that text. A run's are in a
            file of their own: `scores.measures.read_measures`.
    """

    model: str
    rules: Mapping[str, Any] = Field(default_factory=dict)
    dev: DevResult | None = None
    benchmarks: Mapping[str, BenchmarkResult]
    worst: Sequence[WrongChoice] = ()
    measures: Sequence[Measured] = ()

    def with_measures(self, found: Sequence[Measured]) -> "ModelResult":
        """The same result with measures behind its own keys."""
        rows = [each.written() for each in found]
        return type(self).model_validate({**self.written(), "measures": rows})


# --- files ------------------------------------------------------------------------------------


def read_results(path: Path) -> list[ModelResult]:
    """The models of a result file, in their order.

    A model without a name of its own is named after the file or, among several, by its key.

    Raises:
        InputError: not a file, not JSON, not results, or a field with a wrong value.
    """
    found = _json(path)
    has_several = isinstance(found, dict) and "benchmarks" not in found
    named = found.items() if has_several else [(path.stem, found)]
    results = [(name, each) for name, each in named if isinstance(each, dict)
               and isinstance(each.get("benchmarks"), dict)]  # fmt: skip
    if not results or len(results) < len(named):
        raise InputError(
            f"{path} has no results" if not results else f"{path} has entries that are not results",
            why="A result file has `model`, `rules` and `benchmarks`; a file of several models has "
            "each model's name before these.",
            mend=_WRITE_ONE,
        )
    return [model_result(each, str(path), name=name) for name, each in results]


def write_results(results: Sequence[ModelResult], out: Path) -> None:
    """Write one model's result, or several by the models' names."""
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_written(results), indent=1, ensure_ascii=False)
    write_atomically(out, text + "\n")


def as_written(results: Sequence[ModelResult]) -> dict[str, Any]:
    """What a result file holds: one model's result, or several by the models' names."""
    if len(results) == 1:
        return results[0].written()
    return {each.model: each.written() for each in results}


def model_result(found: Mapping[str, Any], where: str, *, name: str) -> ModelResult:
    """A model's result from plain data.

    Args:
        where: the file that errors name.
        name: of the model, if the data do not give it.

    Raises:
        InputError: a field with a wrong value; names the file, model, benchmark, field and value.
    """
    if "model" not in found:
        found = {"model": name, **found}
    try:
        return ModelResult.model_validate(found)
    except ValidationError as error:
        _refuse(error, where, str(found["model"]))


def benchmark_result(
    found: Mapping[str, Any], where: str, *, model: str, benchmark: str
) -> BenchmarkResult:
    """A benchmark's result from plain data, as `curves` keeps it.

    Raises:
        InputError: as `model_result`.
    """
    try:
        return BenchmarkResult.model_validate(found)
    except ValidationError as error:
        _refuse(error, where, model, within=("benchmarks", benchmark))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path} not found", mend="Check the path. The runs here: babyllama ls"
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:  # neither JSON nor UTF-8
        raise InputError(
            f"{path} is not JSON: {error}",
            why="`babyllama evaluate --out` and `babyllama finetune --out` write result files.",
            mend="Name such a file, or a run.",
        ) from None


def _refuse(
    error: ValidationError, where: str, model: str, *, within: tuple[str, ...] = ()
) -> NoReturn:
    """Name the first wrong field."""
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in (*within, *first["loc"])]
    owner = f"{where}: {model}"
    if place[:1] == ["benchmarks"] and len(place) > 1:
        owner, place = f"{owner}, {place[1]}", place[2:]
    field = f": {'.'.join(place)}" if place else ""
    is_missing = first["type"] == "missing"
    raise InputError(
        f"{owner}{field} is {'missing' if is_missing else _short(first['input'])}",
        why=_EXPECTED.get(first["type"], f"{first['msg']}."),
        mend="Evaluate this model again with babyllama evaluate or babyllama finetune.",
    ) from None


_EXPECTED = {
    "missing": "Every result has it.",
    "model_type": "It should be an object with a `score`.",
    "string_pattern_mismatch": "Decisions are written with 1, 0 and =, one for each item.",
    "too_short": f"Replicates are {RESAMPLES} finite numbers: models are paired on them.",
    "too_long": f"Replicates are {RESAMPLES} finite numbers: models are paired on them.",
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:47]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, Written):
        return value.written()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
