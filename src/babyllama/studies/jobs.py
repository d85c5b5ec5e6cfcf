"""What a worker does for a study: make something that trials share, or complete a trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from babyllama.pipeline.checks import check_before_training
from babyllama.pipeline.making import report_status, write_first_card
from babyllama.pipeline.stages import evaluation_stage, stages
from babyllama.recipe import Recipe, load_recipe, names
from babyllama.runs import artefact
from babyllama.runs.artefact import Stage
from babyllama.runs.files import write_json
from babyllama.runs.layout import Layout
from babyllama.studies.building import build_once
from babyllama.studies.store import ADDRESSES, are_scores_made


def make_shared(study: str, trial: str, name: str, shown: str) -> None:
    """Make a stage of a trial, or a model's scores, in the store.

    Args:
        study: the study's folder.
        trial: the trial's folder, with its recipe and links.
        name: the stage's; of scores `scores/MODEL`.
        shown: its name in messages.
    """
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    kind, _, model = name.partition("/")
    if kind == names.SCORES:
        out = layout.shared_scores(model)
        build_once(
            out, Path(study), shown=shown, is_finished=lambda: are_scores_made(out, model),
            build=lambda folder: _score(recipe, layout.folder, model, folder),
        )  # fmt: skip
        return
    found = next(stage for stage in stages(recipe, layout.folder) if stage.name == name)
    _make(replace(found, name=shown), Path(study))


def check_trainings(trial: str) -> None:
    """Check that the settings of all trainings of a trial fit its text and its benchmarks."""
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    check_before_training(recipe, layout.tokens, layout.tokenizer, corpus=layout.corpus)


def finish_trial(study: str, trial: str, shown: str, addresses: Mapping[str, str]) -> None:
    """Collect the scores of a trial's models in its own folder.

    Args:
        addresses: where in the store they are from: noted last.
    """
    layout = Layout(Path(trial))
    recipe = load_recipe(str(layout.recipe))
    _make(replace(evaluation_stage(recipe, layout.folder), name=shown), Path(study))
    write_json(layout.folder / ADDRESSES, addresses)


def _make(stage: Stage, study: Path) -> None:
    """Make a stage unless it is complete, or another process makes it meanwhile."""
    is_built = build_once(
        stage.out, study, shown=stage.name,
        is_finished=lambda: artefact.status(stage).state == "complete",
        build=lambda folder: artefact.complete(replace(stage, out=folder), report_status),
    )  # fmt: skip
    if not is_built:
        report_status(stage, artefact.status(stage))
    write_first_card(stage)


def _score(recipe: Recipe, trial: Path, model: str, out: Path) -> None:
    out.mkdir(exist_ok=True)
    evaluation_stage(recipe, trial, only=model).build(out)
