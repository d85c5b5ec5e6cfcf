"""The whole recipe, and what its parts must agree on."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from babyllama.errors import InputError
from babyllama.recipe.base import Frozen, nearest
from babyllama.recipe.names import BenchmarkName, ModelName, same_but_for_case
from babyllama.recipe.teaching import (
    DistilledStudent,
    HiddenSignal,
    Signal,
    StoredSignal,
    Student,
    TwinStudent,
)
from babyllama.recipe.text import CorpusRecipe, TokenizerRecipe, TokensRecipe
from babyllama.recipe.training import JitteredWindows, PretrainingRecipe


class EvaluationRecipe(Frozen):
    """What the models are scored on. A synthetic corpus brings its own minimal pairs."""

    benchmarks: dict[BenchmarkName, Path] = Field(
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
    teachers: dict[ModelName, PretrainingRecipe] = Field(min_length=1)
    signal: Signal
    students: dict[ModelName, Student] = Field(min_length=1)
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
        for first, second in same_but_for_case([*self.teachers, *self.students]):
            if first == second:
                raise ValueError(f"{first!r} names both a teacher and a student")
            raise ValueError(f"model names {first!r} and {second!r} differ only in case")
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
            mend=nearest(name, known),
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
