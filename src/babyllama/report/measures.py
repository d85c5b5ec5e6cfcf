"""What predictions of unseen text are like, beside the benchmarks: tables and a sentence.

The student and its twin are paired on the same documents.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from babyllama.recipe.names import ENSEMBLE
from babyllama.report.scored_run import ScoredRun
from babyllama.report.table import Table
from babyllama.report.wording import NONE
from babyllama.runs.layout import measure_sums_file
from babyllama.runs.run import Model, main_student, twin_of
from babyllama.scores import measures
from babyllama.scores.measures import Sums, difference, read_measures, read_sums
from babyllama.scores.results import Interval, Measured

_ORDER = ("student", "twin", "ensemble", "teacher")
_HEADS = {
    measures.ENTROPY: "entropy, nats",
    measures.ACCURACY: "top token right, %",
    measures.CALIBRATION_ERROR: "calibration error, %",
    measures.OVERCONFIDENCE: "overconfidence, %",
    measures.AGREEMENT: "top token as the teachers', %",
    measures.TEACHER_KL: "KL from the teachers, nats",
    measures.COPYING_RANDOM: "gain on repeated random tokens, nats",
    measures.COPYING_TEXT: "gain on repeated text, nats",
}
_ABOUT = (
    "Calibration error: how far the probability of the top token is from the share of times that "
    "it is right, in 15 bins; overconfidence is the same with its sign. Gain: nats per token that "
    "a model saves on a sequence that it reads a second time; below 0 it does not copy. The last "
    "column has 95% intervals over documents, or over repeated sequences, not over seeds; those of "
    "single values are in evaluation/measures/."
)


class RunMeasures:
    """The measures of a run's trained models and of the ensemble, student first.

    Attributes:
        values: by model and measure; empty for runs that were scored before there were measures.
    """

    def __init__(self, scored: ScoredRun) -> None:
        self.scored = scored
        models = [model for model in scored.run.models if model.role in _ORDER]
        found = {
            model.name: read_measures(scored.run.layout.measures(model.name))
            for model in sorted(models, key=lambda model: _ORDER.index(model.role))
        }
        self.values = {name: values for name, values in found.items() if values}

    @property
    def student(self) -> Model | None:
        """The main student, if it is measured."""
        student = main_student(self.scored.run)
        return student if student and student.name in self.values else None

    @property
    def twin(self) -> Model | None:
        """Its twin, if it is measured."""
        twin = twin_of(self.scored.run, self.student.name) if self.student else None
        return twin if twin and twin.name in self.values else None

    @cached_property
    def _sums(self) -> tuple[Mapping[str, Sums], Mapping[str, Sums]]:
        """Of the student and of its twin."""
        folder = self.scored.run.layout.evaluation
        ours, theirs = (
            read_sums(measure_sums_file(folder, model.name)) if model else {}
            for model in (self.student, self.twin)
        )
        return ours, theirs

    def against_twin(self, name: str) -> tuple[float, Interval | None] | None:
        """A measure of the student minus that of its twin; None if they cannot be paired."""
        ours, theirs = (sums.get(name) for sums in self._sums)
        return difference(ours, theirs) if ours and theirs else None

    def names(self) -> list[str]:
        """All measures, in their order."""
        return list(dict.fromkeys(name for of_model in self.values.values() for name in of_model))


def measures_table(found: RunMeasures) -> Table | None:
    """Calibration, entropy, agreement with the teachers and copying: one row per measure."""
    rows = [(head, name) for name, head in _HEADS.items() if name in found.names()]
    return _table(found, "What the predictions are like", "measure", rows, _ABOUT)


def cross_entropy_table(found: RunMeasures) -> Table | None:
    """Dev cross-entropy by domain and by how often the training text has the token."""
    rows = []
    for name in found.names():
        whole, kind, part = (*name.split("/", 2), "", "")[:3]
        if whole == measures.CROSS_ENTROPY:
            heads = {measures.DOMAIN: part, measures.FREQUENCY: f"tokens seen {part} times"}
            rows.append((heads.get(kind, "all"), name))
    sizes = next(iter(found.values.values()), {})
    tokens = {name: f"{each.tokens:,}" for name, each in sizes.items()}
    note = (
        "By file of the dev text, and by how often the training text has the token. Tokens are "
        "also punctuation, and what starts and ends a text."
    )
    title = "Unseen text by part, nats per token"
    return _table(found, title, "part", rows, note, tokens)


def sentences(found: RunMeasures) -> Iterator[str]:
    """How student and twin differ in calibration and in copying; how unlike the teachers are."""
    yield from _about_diversity(found.values.get(ENSEMBLE, {}))
    if found.student and found.twin:
        ours, theirs = found.values[found.student.name], found.values[found.twin.name]
        error = measures.CALIBRATION_ERROR
        if error in ours and error in theirs and (compared := found.against_twin(error)):
            yield _about_calibration(ours[error], theirs[error], *compared)
        copying = measures.COPYING_RANDOM
        copies = [
            each[copying].interval
            for each in (ours, theirs)
            if copying in each and each[copying].interval
        ]
        if any(interval[0] > 0 for interval in copies if interval) and (
            compared := found.against_twin(copying)
        ):
            yield _about_copying(*compared)


def _about_diversity(of_ensemble: Mapping[str, Measured]) -> Iterator[str]:
    """How unlike the teachers are, and what their mean gains from it."""
    if measures.AMBIGUITY in of_ensemble:
        differ, apart, gain = (
            of_ensemble[name].value
            for name in (measures.DISAGREEMENT, measures.PAIRWISE_KL, measures.AMBIGUITY)
        )
        yield (
            f"Two teachers have different top tokens at {differ:.1f}% of the tokens of unseen "
            f"text, and their distributions are {apart:.3f} nats apart (mean KL of all pairs). "
            f"Because they differ, the ensemble's cross-entropy is {gain:.3f} nats below the mean "
            "of its members'."
        )


def _about_calibration(
    ours: Measured, theirs: Measured, value: float, interval: Interval | None
) -> str:
    if _excludes_zero(interval):
        word = "better" if value < 0 else "worse"
        start = f"The student is {word} calibrated than its twin: its"
        end = f", a difference of {_signed(value, interval, 1)}."
    else:
        start = "No difference in calibration between the student and its twin is detectable: its"
        end = f" ({_signed(value, interval, 1)})." if interval else "."
    return (
        f"{start} expected calibration error is {ours.value:.1f}%, the twin's {theirs.value:.1f}%"
        f"{end}"
    )


def _about_copying(value: float, interval: Interval | None) -> str:
    if not _excludes_zero(interval):
        return (
            "No difference between the student and its twin in copying random tokens is detectable "
            f"({_signed(value, interval, 2)} nats per token)."
        )
    word = "more" if value > 0 else "less"
    return (
        f"The student gains {word} than its twin from seeing random tokens a second time "
        f"({_signed(value, interval, 2)} nats per token)."
    )


def _table(
    found: RunMeasures,
    title: str,
    first: str,
    rows: list[tuple[str, str]],
    note: str,
    tokens: Mapping[str, str] | None = None,
) -> Table | None:
    """A row for each measure, a column for each model, and the student minus its twin."""
    if not rows:
        return None
    columns: dict[str, Callable[[str], str]] = {
        name: _column(of_model) for name, of_model in found.values.items()
    }
    if tokens:
        columns = {"tokens": lambda name: tokens.get(name, NONE), **columns}
    if found.student and found.twin:
        columns[f"{found.student.name} − {found.twin.name} (95%)"] = lambda name: _difference(
            name, found.against_twin(name)
        )
    cells = tuple((head, *(column(name) for column in columns.values())) for head, name in rows)
    return Table(title, (first, *columns), cells, note)


def _column(of_model: Mapping[str, Measured]) -> Callable[[str], str]:
    def cell(name: str) -> str:
        found = of_model.get(name)
        return f"{found.value:.{_digits(name)}f}" if found else NONE

    return cell


def _difference(name: str, found: tuple[float, Interval | None] | None) -> str:
    return _signed(*found, _digits(name)) if found else NONE


def _signed(value: float, interval: Interval | None, digits: int) -> str:
    """`-2.1 (-2.5 to -1.7)`."""
    number = f"{round(value, digits) + 0.0:+.{digits}f}"
    if interval is None:
        return number
    low, high = (round(edge, digits) + 0.0 for edge in interval)
    return f"{number} ({low:+.{digits}f} to {high:+.{digits}f})"


def _digits(name: str) -> int:
    """One for percentages, three for nats, which differ less."""
    return 1 if _HEADS.get(name, "").endswith("%") else 3


def _excludes_zero(interval: Interval | None) -> bool:
    return interval is not None and (interval[0] > 0 or interval[1] < 0)
