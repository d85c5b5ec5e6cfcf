"""The twin: a student's model and seed without teachers, as it is or changed into a control.

A twin that is trained as its student is shows what the teachers add. A changed one shows whether
something cheaper adds as much: other settings, more epochs, label smoothing.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from babyllama.recipe.base import Frozen
from babyllama.recipe.training import TrainingRecipe


class Smoothing(Frozen):
    """Label smoothing: (1 - epsilon) of the text's next token, epsilon of a fixed distribution."""

    towards: Literal["uniform", "unigram"] = Field(
        "uniform",
        description="The fixed distribution: `uniform` over the vocabulary, or `unigram`: the "
        "frequency of each token in the training text.",
    )
    epsilon: Annotated[float, Field(ge=0, lt=1)] | Literal["matched"] = Field(
        description="The weight of the fixed distribution, at least 0 and below 1; or `matched`: "
        "such that the target has the mean entropy of the teachers at the student's temperature."
    )

    def __str__(self) -> str:
        return f"label smoothing towards {self.towards}, epsilon {self.epsilon}"


class TwinStudent(Frozen):
    """The model and seed of a distilled student on text alone; its training, unless changed."""

    replaced_before = ("like",)

    kind: Literal["twin"]
    of: str = Field(description="The distilled student that it repeats without teachers.")
    training: dict[str, Any] = Field(
        {},
        description="Fields in which its training differs from the student's, such as "
        "`{epochs: 6, optimizer: {weight_decay: 0.3}}`.",
    )
    compute: Literal["matched"] | None = Field(
        None,
        description="`matched`: as many epochs as cost the compute of the student, its teachers "
        "and their signal together. The run derives them and sets `training.epochs`.",
    )
    smoothing: Smoothing | None = Field(
        None, description="Label smoothing in place of teachers. Default: none."
    )

    @property
    def matches_teachers(self) -> bool:
        """Whether its target gets the entropy of its student's teachers, who are then needed."""
        return self.smoothing is not None and self.smoothing.epsilon == "matched"


def changed_training(training: TrainingRecipe, changes: Mapping[str, Any]) -> TrainingRecipe:
    """A training with some fields changed; a mapping of another kind replaces the old one.

    Raises:
        ValidationError: a change that is wrong.
    """
    if not changes:
        return training
    return TrainingRecipe.model_validate(_laid_over(training.model_dump(mode="json"), changes))


def training_changes(training: TrainingRecipe, other: TrainingRecipe) -> list[str]:
    """What differs between two trainings, in words: `epochs 6 instead of 12`."""
    ours, theirs = (dict(_leaves(each.model_dump(mode="json"))) for each in (training, other))
    found = []
    for name, value in ours.items():
        if name not in theirs:
            found.append(f"{name} {_shown(value)}")
        elif value != theirs[name]:
            found.append(f"{name} {_shown(value)} instead of {_shown(theirs[name])}")
    return found


def _laid_over(base: Any, changes: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(changes, Mapping):
        return changes
    for tag in ("kind", "by"):
        if changes.get(tag, base.get(tag)) != base.get(tag):
            return changes
    return base | {key: _laid_over(base.get(key), value) for key, value in changes.items()}


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:  # a mapping's kind is what the mapping is
            is_tag = name in ("kind", "by")
            yield (above.removesuffix(".") if is_tag else f"{above}{name}"), value


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
