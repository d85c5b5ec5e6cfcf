"""Runs that are compared, each with a name of its own and its models by role."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.report.scored_run import ScoredRun
from babyllama.runs.run import Model, student_and_twin


@dataclass(frozen=True)
class Labelled:
    """A run with the name that the page calls it, which no other run has."""

    label: str
    scored: ScoredRun

    @property
    def by_role(self) -> dict[str, Model]:
        """The models that runs are compared in."""
        run = self.scored.run
        student, twin = student_and_twin(run)
        found = {
            "student": student,
            "twin": twin,
            "best teacher": self.scored.best_teacher(self.scored.main_benchmark),
            "ensemble": next((each for each in run.models if each.role == "ensemble"), None),
        }
        return {role: model for role, model in found.items() if model}


def labelled(folders: Sequence[Path], scored: Sequence[ScoredRun]) -> list[Labelled]:
    """Runs by the names of their folders: see `labels_of`."""
    return [Labelled(*each) for each in zip(labels_of(folders), scored, strict=True)]


def labels_of(folders: Sequence[Path]) -> list[str]:
    """The names of folders, with as many parents as it takes to tell them apart."""
    places = [folder.absolute() for folder in folders]
    depth = 1
    while True:
        labels = ["/".join(place.parts[-depth:]).lstrip("/") for place in places]
        if len(set(labels)) == len(labels) or depth > max(len(place.parts) for place in places):
            return labels
        depth += 1
