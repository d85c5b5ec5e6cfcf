"""The complete recipe, and the checks that compare its parts."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from babyllama.errors import InputError
from babyllama.recipe.base import NOT_DECISIVE, Frozen, Mistake, nearest
from babyllama.recipe.card import CardRecipe
from babyllama.recipe.controls import TwinStudent, changed_training, training_changes
from babyllama.recipe.generations import generations, wrong_teachers
from babyllama.recipe.given import AnyTokenizer, Given, Teacher, TrainedTeacher
from babyllama.recipe.mistakes import mistakes_of
from babyllama.recipe.names import GRAMMAR, BenchmarkName, ModelName, same_but_for_case
from babyllama.recipe.ordering import DomainOrder, FileOrder
from babyllama.recipe.sequences import SequenceStudent
from babyllama.recipe.sources import SyntheticSource
from babyllama.recipe.teaching import (
    DistilledStudent,
    SignalRecipe,
    StoredSignal,
    Student,
    TaughtStudent,
)
from babyllama.recipe.text import CorpusRecipe, TokenizerRecipe, TokensRecipe
from babyllama.recipe.training import JitteredWindows, PretrainingRecipe, TrainingRecipe

Part = TypeVar("Part")


RulesName = Literal["honest", "2023", "2024", "2025"]


class EvaluationRecipe(Frozen):
    """How the models are scored. A synthetic corpus comes with its own minimal pairs."""

    benchmarks: dict[BenchmarkName, Path] = Field(
        default_factory=dict,
        description="Benchmark name to data: a jsonl file, a folder of such files, or a zip file.",
    )
    rules: RulesName = Field(
        "honest", description="Scoring rules of a year: context token, ties, averaging."
    )

    @field_validator("benchmarks")
    @classmethod
    def _names_differ(cls, benchmarks: dict[str, Path]) -> dict[str, Path]:
        for first, second in same_but_for_case(benchmarks):
            raise ValueError(f"names {first!r} and {second!r} differ only in case")
        return benchmarks


class Recipe(Frozen):
    """A complete run: raw text in, evaluated student out."""

    replaced_before = ("extends", "defaults")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="The name of the run's folder."
    )
    seed: int = Field(
        0, ge=0, lt=2**31, description="Decides data order, initial weights and dropout."
    )
    corpus: CorpusRecipe
    tokenizer: AnyTokenizer = Field(
        TokenizerRecipe(), description="How it is trained, or the `path` of an existing one."
    )
    tokens: TokensRecipe = TokensRecipe()
    teachers: dict[ModelName, Teacher] = Field(
        min_length=1, description="Models to train first, or the `path` of an existing one."
    )
    signal: SignalRecipe
    students: dict[ModelName, Student] = Field(min_length=1)
    evaluation: EvaluationRecipe = EvaluationRecipe()
    card: CardRecipe = Field(CardRecipe(), json_schema_extra=NOT_DECISIVE)

    @model_validator(mode="after")
    def _parts_agree(self) -> "Recipe":
        found = [
            *disagreements(self.teachers, self.students, self.signal),
            *_benchmark_of_the_corpus(self.corpus, self.evaluation),
        ]
        if messages := [" ".join((each.what + ".", each.why)).strip() for each in found]:
            raise ValueError(" ".join(messages))
        return self

    @property
    def distilled(self) -> dict[str, DistilledStudent]:
        """The students that learn the predictions of teachers."""
        return _of_kind(DistilledStudent, self.students)

    @property
    def sequences(self) -> dict[str, SequenceStudent]:
        """The students that learn text which teachers wrote."""
        return _of_kind(SequenceStudent, self.students)

    @property
    def taught(self) -> dict[str, TaughtStudent]:
        """The students that learn from teachers in either way, the main student first."""
        return {**self.distilled, **self.sequences}

    @property
    def sampled_texts(self) -> list[str]:
        """The sampled texts, each named after the first student that reads it."""
        return [name for name in self.sequences if self.text_for(name) == name]

    def text_for(self, student: str) -> str:
        """The sampled text of a student: that of the first with its teachers and settings."""
        return next(
            name
            for name in self.generations
            if name in self.sequences and self._text_settings(name) == self._text_settings(student)
        )

    def _text_settings(self, student: str) -> tuple[Any, ...]:
        found = self.sequences[student]
        return found.sampling, self.teachers_of(student), found.training.window

    @property
    def readers(self) -> dict[str, DistilledStudent]:
        """The students that learn from the recipe's teachers, by its signal."""
        return {name: each for name, each in self.distilled.items() if each.teachers is None}

    @property
    def generations(self) -> dict[str, int]:
        """The generation of each student: 0 if no student teaches it. In the order of training."""
        return generations(self.students)

    def teachers_of(self, student: str) -> list[str]:
        """The models that teach a student; of a twin, those that teach its student."""
        found = self.students[student]
        if isinstance(found, TwinStudent):
            return self.teachers_of(found.of)
        return list(found.teachers or self.teachers)

    @property
    def matched_twins(self) -> dict[str, TwinStudent]:
        """The twins whose epochs follow from their student's compute."""
        return {
            name: each
            for name, each in self.students.items()
            if isinstance(each, TwinStudent) and each.compute == "matched"
        }

    def trained_before(self, student: str) -> list[str]:
        """The models that are trained before a taught student: its teachers, and their teachers."""
        found: dict[str, None] = {}
        for teacher in self.teachers_of(student):
            if teacher in self.taught:
                found |= dict.fromkeys(self.trained_before(teacher))
            found[teacher] = None
        return list(found)

    @property
    def given(self) -> dict[str, Given]:
        """The existing models among the teachers."""
        return {name: each for name, each in self.teachers.items() if isinstance(each, Given)}

    @property
    def trained_teachers(self) -> list[str]:
        """The teachers that the run trains."""
        return [name for name in self.teachers if name not in self.given]

    @property
    def trained(self) -> list[str]:
        """All models that the run trains, teachers first."""
        return [*self.trained_teachers, *self.students]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where a stored signal's passes over the text start, so that it serves every student."""
        trainings = [student.training for student in self.readers.values()]
        return tuple(sorted({at for each in trainings for at in each.windows.offsets(each.window)}))

    @property
    def evaluated_window(self) -> int:
        """Tokens of the dev windows that all models are scored on: the shortest of any training."""
        return min(self.pretraining(name).training.window for name in self.trained)

    def pretraining(self, name: str) -> PretrainingRecipe:
        """The shape and training of a teacher or student.

        Raises:
            InputError: no model of that name, or one that the run does not train.
        """
        teacher = self.teachers.get(name)
        if isinstance(teacher, Given):
            raise InputError(
                f"teachers.{name} is an existing model: {teacher}",
                why="A recipe that gives the path of a model does not say how to train it.",
                mend=f"Name a model that the run trains: {', '.join(self.trained)}.",
            )
        if teacher is not None:
            return PretrainingRecipe(model=teacher.model, training=teacher.training)
        student = self.students.get(name)
        if isinstance(student, TwinStudent):
            if student.compute:
                assert "epochs" in student.training, "matching.with_matched_epochs has set it"
            own = self.pretraining(student.of)
            training = changed_training(own.training, student.training)
            return own.model_copy(update={"training": training})
        if student is not None:
            return student.pretraining
        known = [*self.teachers, *self.students]
        raise InputError(
            f"recipe {self.name} has no model {name!r}",
            why=f"Its models are {', '.join(known)}.",
            mend=nearest(name, known),
        )

    def seed_of(self, model: str) -> int:
        """The seed of a model's weights, data order and dropout."""
        teacher = self.teachers.get(model)
        return self.seed + (teacher.seed_offset if isinstance(teacher, TrainedTeacher) else 0)

    def changes(self, twin: str) -> list[str]:
        """What a twin changes in its student's recipe, besides the teachers, in words."""
        student = self.students[twin]
        assert isinstance(student, TwinStudent)
        ours, theirs = (self.pretraining(name).training for name in (twin, student.of))
        more = [str(student.smoothing)] if student.smoothing else []
        more += [f"the compute of {student.of} and its teachers"] if student.compute else []
        return [*training_changes(ours, theirs), *more]


def disagreements(
    teachers: Mapping[str, Teacher | None],
    students: Mapping[str, Student | None],
    signal: SignalRecipe | None,
) -> Iterator[Mistake]:
    """Every contradiction between parts of a recipe.

    Args:
        teachers: by name; None for one that has mistakes of its own.
        students: by name; None for one that has mistakes of its own.
        signal: None if it has mistakes of its own.
    """
    yield from _same_names(list(teachers), students)
    yield from _same_teachers(teachers)
    for name, student in students.items():
        if isinstance(student, TwinStudent):
            yield from _twin_of_nothing(name, student.of, students)
            yield from _wrong_changes(name, student, students.get(student.of))
    for name, each in _of_kind(SequenceStudent, students).items():
        if isinstance(each.training.order, DomainOrder | FileOrder):
            yield Mistake(
                ("students", name, "training", "order"),
                f"students.{name}.training.order.by is {each.training.order.by}",
                "It is about documents of the training text, which this student does not read.",
                "Choose another order, or null.",
            )
    distilled = _of_kind(DistilledStudent, students)
    yield from wrong_teachers(list(teachers), students)
    if isinstance(signal, StoredSignal):
        readers = {n: each for n, each in distilled.items() if each.teachers is None}
        yield from _windows_unlike(readers)
        for name, student in readers.items():
            yield from _unserved(name, student, signal)
        is_taught = any(isinstance(each, TaughtStudent) for each in students.values())
        if is_taught and not readers and None not in students.values():
            yield Mistake(
                ("signal", "kind"),
                f"signal.kind is {signal.kind}, and no student reads the signal",
                "It is for distilled students that name no teachers of their own.",
                "Use signal.kind online.",
            )
    mixed: dict[tuple[str, ...], Any] = {("signal",): signal}
    mixed |= {("students", name): student for name, student in distilled.items()}
    for keys, part in mixed.items():
        weights = part.weights if part else None
        count = len(getattr(part, "teachers", None) or teachers)
        if weights is not None and count and len(weights) != count:
            yield Mistake(
                (*keys, "weights"),
                f"{'.'.join(keys)}.weights has {len(weights)} for {count} teachers",
                "Give one weight per teacher, in the teachers' order.",
            )


def disagreements_in(tree: Mapping[Any, Any]) -> Iterator[Mistake]:
    """The same for a raw tree, as far as its parts are free of mistakes of their own."""
    teachers, students = (
        {str(name): value for name, value in tree[each].items()}
        if isinstance(tree.get(each), dict)
        else {}
        for each in ("teachers", "students")
    )
    checked = {name: _checked(_STUDENT.validate_python, value) for name, value in students.items()}
    signal = _checked(_SIGNAL.validate_python, tree.get("signal"))
    trained = {name: _checked(_TEACHER.validate_python, value) for name, value in teachers.items()}
    yield from disagreements(trained, checked, signal)
    corpus = _checked(CorpusRecipe.model_validate, tree.get("corpus"))
    evaluation = _checked(EvaluationRecipe.model_validate, tree.get("evaluation", {}))
    yield from _benchmark_of_the_corpus(corpus, evaluation)


def _same_teachers(teachers: Mapping[str, Teacher | None]) -> Iterator[Mistake]:
    """A model that is in the ensemble twice: it would only get more weight."""
    for (name, teacher), (other, second) in itertools.combinations(teachers.items(), 2):
        if teacher is None or teacher != second:
            continue
        why = "The same shape, training and seed give the same weights."
        mend = f"Train it with another seed: teachers.{other}.seed_offset=1000"
        if isinstance(teacher, Given):
            why = f"Both are {teacher}."
            mend = "Remove one; signal.weights says how much a teacher counts."
        what = f"teachers.{other} is the same model as teachers.{name}"
        yield Mistake(("teachers", other), what, why, mend)


def _of_kind(kind: type[Part], students: Mapping[str, Student | None]) -> dict[str, Part]:
    return {name: student for name, student in students.items() if isinstance(student, kind)}


_TEACHER: TypeAdapter[Teacher] = TypeAdapter(Teacher)
_STUDENT: TypeAdapter[Student] = TypeAdapter(Student)
_SIGNAL: TypeAdapter[SignalRecipe] = TypeAdapter(SignalRecipe)


def _checked(validate: Callable[[Any], Part], value: Any) -> Part | None:
    try:
        return validate(value)
    except ValidationError:
        return None


def _same_names(teachers: Iterable[str], students: Iterable[str]) -> Iterator[Mistake]:
    models = [("teachers", name) for name in teachers] + [("students", name) for name in students]
    first: dict[str, tuple[str, str]] = {}
    for keys in models:
        other = first.setdefault(keys[1].casefold(), keys)
        if other != keys:
            how = "have the same name" if other[1] == keys[1] else "differ only in case"
            yield Mistake(
                keys,
                f"{'.'.join(other)} and {'.'.join(keys)} {how}",
                "Files of a run are named after their model, and some file systems ignore case.",
            )


def _benchmark_of_the_corpus(
    corpus: CorpusRecipe | None, evaluation: EvaluationRecipe | None
) -> Iterator[Mistake]:
    """Check that no benchmark replaces the one that comes with a synthetic corpus."""
    if corpus and evaluation and isinstance(corpus.source, SyntheticSource):
        for name in evaluation.benchmarks:
            if name.casefold() == GRAMMAR:
                yield Mistake(
                    ("evaluation", "benchmarks", name),
                    f"evaluation.benchmarks.{name} has the name of the corpus's own benchmark",
                    "A synthetic corpus comes with minimal pairs of this name.",
                    "Choose another name.",
                )


def _twin_of_nothing(
    name: str, of: str, students: Mapping[str, Student | None]
) -> Iterator[Mistake]:
    """Check that a twin names a taught student; one with mistakes of its own may be one."""
    if of not in students or isinstance(students[of], TwinStudent):
        known = [each for each, one in students.items() if not isinstance(one, TwinStudent)]
        yield Mistake(
            ("students", name, "of"),
            f"students.{name}.of is {of!r}",
            f"It must name a student that has teachers: {', '.join(known)}.",
            nearest(of, known),
        )


def _wrong_changes(name: str, twin: TwinStudent, student: Student | None) -> Iterator[Mistake]:
    """The mistakes in the fields of its student's training that a twin changes."""
    if isinstance(student, SequenceStudent) and twin.matches_teachers:
        yield Mistake(
            ("students", name, "smoothing", "epsilon"),
            f"students.{name}.smoothing.epsilon is matched",
            f"It is matched to what teachers predict, and {twin.of} learns what they wrote.",
            "Give a number, or name a distilled student in `of`.",
        )
    if isinstance(student, TaughtStudent):
        try:
            training = changed_training(student.training, twin.training)
            if twin.compute and training.budget:
                yield Mistake(
                    ("students", name, "compute"),
                    f"students.{name}.compute is {twin.compute}, and training.budget is "
                    f"{training.budget.words:,} words",
                    "The budget limits the text that the twin reads, so its compute cannot be "
                    "matched.",
                    f"Set students.{name}.training.budget to null.",
                )
        except ValidationError as error:
            yield from mistakes_of(TrainingRecipe, error, below=("students", name, "training"))


def _windows_unlike(students: Mapping[str, DistilledStudent]) -> Iterator[Mistake]:
    lengths = {name: student.training.window for name, student in students.items()}
    first = next(iter(lengths), "")
    for name, window in lengths.items():
        if window != lengths[first]:
            yield Mistake(
                ("students", name, "training", "window"),
                f"students.{name}.training.window is {window}, "
                f"students.{first}.training.window is {lengths[first]}",
                "A stored signal serves a single window length.",
                "Use one length, or signal.kind online.",
            )


def _unserved(name: str, student: DistilledStudent, signal: StoredSignal) -> Iterator[Mistake]:
    """What a student needs that a stored signal does not have."""
    where = f"students.{name}"
    if isinstance(student.training.windows, JitteredWindows):
        yield Mistake(
            ("students", name, "training", "windows"),
            f"{where}.training.windows is jittered",
            "A stored signal cannot serve windows that are never the same twice.",
            "Use fixed or shifted windows, or signal.kind online.",
        )
    served = signal.served_temperatures
    if served is None:
        return
    if student.temperature not in served:
        stored = ", ".join(f"{each:g}" for each in served)
        yield Mistake(
            ("students", name, "temperature"),
            f"{where}.temperature is {student.temperature:g}",
            f"The signal is stored only for signal.temperatures: {stored}.",
            "Add it to signal.temperatures, or use signal.kind hidden.",
        )
    if student.weights is not None:
        yield Mistake(
            ("students", name, "weights"),
            f"{where}.weights cannot be used with a {signal.kind} signal",
            "Such a signal is stored for one set of weights, signal.weights.",
        )
