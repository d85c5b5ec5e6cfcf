"""Twins that are trained as long as their student and all that it needs: `compute: matched`.

Every model reads the same text, so FLOPs per token of that text, times epochs, compare without
knowing how long it is.
"""

from collections.abc import Mapping

from babyllama.errors import InputError
from babyllama.pipeline.planning import (
    flops_per_token,
    sampling_flops_per_token,
    signal_flops_per_token,
)
from babyllama.recipe import Recipe, parse


def with_matched_epochs(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Set `training.epochs` of every twin with `compute: matched`; an earlier value is replaced.

    Returns:
        the recipe, the same one without such twins; and what was set, to be printed.

    Raises:
        InputError: a given teacher, since its compute is unknown.
    """
    matched = recipe.matched_twins
    if not matched:
        return recipe, []
    once = _with_epochs(recipe, dict.fromkeys(matched, 1))
    epochs = {
        name: max(1, round(compute_of(once, twin.of) / flops_per_token(once, name)))
        for name, twin in matched.items()
    }
    said = [
        f"students.{name}: {count} epochs take about as many FLOPs as {matched[name].of} with its "
        "teachers and their signal"
        for name, count in epochs.items()
    ]
    return _with_epochs(recipe, epochs), said


def compute_of(recipe: Recipe, student: str) -> float:
    """FLOPs per token of text: of a student, the models before it, their signal and sampled text.

    Raises:
        InputError: one of them is a given model, since its compute is unknown.
    """
    needed = [*recipe.trained_before(student), student]
    for name in needed:
        if name in recipe.given:
            raise InputError(
                f"teachers.{name} is a given model, and a twin of {student} has compute: matched",
                why="What its training took is not known, so nothing can be matched to it.",
                mend="Give the twin training.epochs instead of compute.",
            )
    reads = any(name in recipe.readers for name in needed)
    signal = signal_flops_per_token(recipe) if reads else 0.0
    texts = {recipe.text_for(name) for name in needed if name in recipe.sequences}
    sampling = sum(sampling_flops_per_token(recipe, name) for name in texts)
    return signal + sampling + sum(flops_per_token(recipe, name) for name in needed)


def _with_epochs(recipe: Recipe, epochs: Mapping[str, int]) -> Recipe:
    tree = recipe.model_dump(mode="json")
    for name, count in epochs.items():
        tree["students"][name]["training"]["epochs"] = count
    return parse(Recipe, tree, f"recipe {recipe.name}")
