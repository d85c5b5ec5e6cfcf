"""What a worker does for a study: make something that trials share, or complete a trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from babyllama.pipeline.checks import check_before_training
from babyllama.pipeline.making import make_stage
from babyllama.pipeline.stages import evaluation_stage, stages
from babyllama.recipe import load_recipe, names
from babyllama.runs.files import write_json
from babyllama.runs.layout import Layout
from babyllama.studies.store import ADDRESSES


def make_shared(trial: str, name: str, shown: str) -> None:
    """Make a stage of a trial, or a model's scores, in the store.

    Args:
        trial: the trial's folder, with its recipe and links.
        name: the stage's; of scores `scores/MODEL`.
        shown: its name in messages.
    """
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    kind, _, model = name.partition("/")
    if kind == names.SCORES:
        out = layout.shared_scores(model).resolve()
        out.mkdir(parents=True, exist_ok=True)
        evaluation_stage(recipe, layout.folder, only=model).build(out)
        return
    found = next(stage for stage in stages(recipe, layout.folder) if stage.name == name)
    make_stage(replace(found, name=shown))


def check_trainings(trial: str) -> None:
    """Check that the settings of all trainings of a trial fit its text and its benchmarks."""
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    check_before_training(recipe, layout.tokens, layout.tokenizer, corpus=layout.corpus)


def finish_trial(trial: str, shown: str, addresses: Mapping[str, str]) -> None:
    """Collect the scores of a trial's models in its own folder.

    Args:
        addresses: where in the store they are from: noted last.
    """
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    make_stage(replace(evaluation_stage(recipe, layout.folder), name=shown))
    write_json(layout.folder / ADDRESSES, addresses)
