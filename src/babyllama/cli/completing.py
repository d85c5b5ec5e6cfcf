"""What a shell completes: names of recipes, stages, studies, cards and benchmarks.

The shell itself completes files. Nothing heavy is imported: a shell waits for the answer.
"""

from collections.abc import Iterable

import typer

from babyllama.errors import InputError
from babyllama.pipeline.cards import CARDS

# A test compares them with the suites, whose import takes seconds.
BENCHMARKS = (
    "blimp", "blimp_filtered", "blimp_fast", "blimp_supplement", "blimp_supplement_fast", "ewok",
    "ewok_2026", "comps", "entity_tracking", "global_piqa_parallel", "global_piqa_nonparallel",
    "wug_adj", "wug_past", "reading", "aoa", "aoa_2025", "lambada", "syntaxgym", "perplexity",
    "blimp_nl", "zhoblimp", "turblimp",
)  # fmt: skip


def recipes_beginning_with(incomplete: str) -> list[str]:
    """Built-in recipes."""
    from babyllama.recipe import built_in_recipes

    return _beginning_with(incomplete, built_in_recipes())


def stages_beginning_with(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of stages; also of single models of the recipe that was typed before."""
    from babyllama.recipe.names import STAGES

    # While the option has no value yet, the parser leaves what was typed before in `args`.
    recipe = ctx.params.get("recipe") or next(iter(ctx.args), "")
    return _beginning_with(incomplete, [*STAGES, *_models_of(str(recipe))])


def studies_beginning_with(incomplete: str) -> list[str]:
    """Built-in studies."""
    from babyllama.studies.study import built_in_studies

    return _beginning_with(incomplete, built_in_studies())


def cards_beginning_with(incomplete: str) -> list[str]:
    """Cards whose speed is assumed in a plan."""
    return _beginning_with(incomplete.lower(), CARDS)


def benchmarks_beginning_with(incomplete: str) -> list[str]:
    """Names of benchmarks, with the `=` before their path."""
    return _beginning_with(incomplete, [f"{name}=" for name in BENCHMARKS])


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _models_of(recipe: str) -> list[str]:
    """The trainings of a recipe, a file or a run, as stages are called; none if it is wrong."""
    from pathlib import Path

    from babyllama.recipe import load_recipe
    from babyllama.recipe.names import STUDENTS, TEACHERS
    from babyllama.runs.layout import Layout

    run = Layout(Path(recipe))
    try:
        loaded = load_recipe(str(run.recipe) if run.is_run else recipe)
    except InputError:
        return []
    return [f"{TEACHERS}/{name}" for name in loaded.teachers] + [
        f"{STUDENTS}/{name}" for name in loaded.students
    ]
