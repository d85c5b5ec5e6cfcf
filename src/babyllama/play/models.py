"""The models of the page, loaded and grouped by vocabulary."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from babyllama.data.tokenizer import differing_tokens
from babyllama.errors import InputError
from babyllama.evaluation.likelihood.decoders import Decoders
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import Scorer, load_scorer, scorer_of
from babyllama.models.ensemble import Ensemble, combine
from babyllama.models.loading import kind_of
from babyllama.play.finding import Found, Lesson, ModelFolder, Role, Team
from babyllama.recipe import Mixing
from babyllama.runs.manifests import refuse_damaged_input

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class Shown:
    """A model on the page.

    Attributes:
        name: unique on the page.
        scorer: its tokens, scores and `ensemble`: a single model is an ensemble of one.
        parts: the names of the models whose states, side by side, are its own: its own name, or
            those of the members of an ensemble.
    """

    name: str
    role: Role
    scorer: Scorer
    parts: tuple[str, ...]

    @property
    def ensemble(self) -> Ensemble:
        """The model itself."""
        assert isinstance(self.scorer.model, Decoders)
        return self.scorer.model.ensemble


@dataclass(frozen=True, eq=False)
class Group:
    """Models that share a vocabulary, so that their distributions can be compared.

    Attributes:
        folder: of the first model, with the tokenizer of all.
        models: in the order of the page; no two have the same name.
        reference: the name of the model that the others are compared with: the teachers' ensemble
            if there is one, else the first of several models. None of a single model.
        positions: the longest input that all of them can read, in tokens; None: no limit.
        marks_lines: whether the training text of some had a token before every line.
    """

    folder: Path
    models: tuple[Shown, ...]
    reference: str | None
    positions: int | None
    marks_lines: bool

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The tokenizer that all models of the group share."""
        return self.models[0].scorer.tokenizer

    def model(self, name: str) -> Shown:
        """The model of that name.

        Raises:
            InputError: there is none; names the models of the group.
        """
        found = next((each for each in self.models if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.models)
            raise InputError(f"there is no model {name!r} here", mend=f"Choose from {known}.")
        return found


@dataclass(frozen=True)
class Cast:
    """Everything that the page shows.

    Attributes:
        groups: models by vocabulary, in the order in which they were given.
        lessons: of the students whose teachers are on the page too, by the student's name.
        runs: the runs that were given, by the prefix of their models' names: "", or `NAME/`.
        notes: what is not shown and why, in sentences.
    """

    groups: tuple[Group, ...]
    lessons: Mapping[str, Lesson]
    runs: Mapping[str, Path]
    notes: tuple[str, ...]


def load_shown(found: ModelFolder, *, device: torch.device) -> Shown:
    """Load a model.

    Raises:
        InputError: it cannot be loaded, is damaged, or reads in another way than from left to
            right.
    """
    refuse_damaged_input(found.folder)
    if (kind := kind_of(found.folder)) != "causal":
        raise InputError(
            f"{found.folder} is {kind}, not a causal language model",
            why="The page shows how a model predicts each token from those before it.",
            mend="Compare such models with: babyllama evaluate",
        )
    scorer = load_scorer([found.folder], rules_named(found.rules), device=device)
    return Shown(found.name, found.role, scorer, (found.name,))


def cast_of(found: Found, shown: Sequence[Shown]) -> Cast:
    """All that is shown, of what was found.

    Args:
        shown: its models, loaded.
    """
    marked = {each.name for each in found.models if each.marks_lines}
    groups = [
        _complete(folder, models, found.teams, marked)
        for folder, models in _by_vocabulary(found.models, shown)
    ]
    notes = found.notes
    if len(groups) > 1:
        notes += (
            "Models of different vocabularies are shown apart: their tokens and their "
            "distributions cannot be compared.",
        )
    return Cast(tuple(groups), found.lessons, found.runs, notes)


def _by_vocabulary(
    folders: Sequence[ModelFolder], shown: Sequence[Shown]
) -> Iterator[tuple[Path, list[Shown]]]:
    """Models by vocabulary, each group with the folder of its first model."""
    groups: list[tuple[Path, list[Shown]]] = []
    for found, model in zip(folders, shown, strict=True):
        for folder, models in groups:
            same_size = models[0].scorer.model.vocab_size == model.scorer.model.vocab_size
            same_start = models[0].scorer.context == model.scorer.context
            if same_size and same_start and not differing_tokens(folder, found.folder):
                models.append(model)
                break
        else:
            groups.append((found.folder, [model]))
    yield from groups


def _complete(folder: Path, models: list[Shown], teams: Sequence[Team], marked: Set[str]) -> Group:
    """A group with the ensembles of its teachers behind these."""
    by_name = {model.name: model for model in models}
    reference = models[0].name if len(models) > 1 else None
    order = list(models)
    made = [_averaged(team, by_name) for team in teams if by_name.keys() >= {*team.teachers}]
    for ensemble in made:
        last = max(order.index(by_name[part]) for part in ensemble.parts)
        order.insert(last + 1, ensemble)
    if made:
        reference = made[0].name
    limits = [each.scorer.positions for each in models if each.scorer.positions is not None]
    marks_lines = not marked.isdisjoint(by_name)
    return Group(folder, tuple(order), reference, min(limits, default=None), marks_lines)


def _averaged(team: Team, models: Mapping[str, Shown]) -> Shown:
    ensemble = mean_of([models[name] for name in team.teachers], team.mixing)
    first = models[team.teachers[0]].scorer
    return Shown(
        team.name, "ensemble", scorer_of(ensemble, first.tokenizer, first.rules), team.teachers
    )


def mean_of(models: Sequence[Shown], mixing: Mixing) -> Ensemble:
    """Models of one group read as one."""
    members = [member for model in models for member in model.ensemble.models]
    size = models[0].ensemble.mixture.vocab_size
    return combine(members, size, mixing=mixing, dtype=models[0].ensemble.dtype)
