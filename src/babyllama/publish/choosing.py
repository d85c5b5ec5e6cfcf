"""Which model of a run is published, and which of its files."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from babyllama.errors import InputError
from babyllama.runs.layout import TRAINING_LOG, resume_command
from babyllama.runs.run import Model, Run

Record = Mapping[str, Any]  # of a file in a manifest: its size and checksum


def chosen_model(run: Run, name: str | None) -> Model:
    """The model of that name; without a name the run's only distilled student.

    Raises:
        InputError: no such model, none or several distilled students, or it is not trained yet, or
            was given to the run.
    """
    models = models_with_folders(run)
    if name is None:
        students = [model for model in models if model.role == "student"]
        if len(students) != 1:
            raise InputError(
                f"{run.folder} has {len(students)} distilled students",
                mend=f"Choose a model: --model {models[0].name}"
                + "".join(f" | {other.name}" for other in models[1:]),
            )
        return trained(run, students[0])
    for model in models:
        if model.name == name:
            return trained(run, model)
    if name in run.recipe.given:
        raise InputError(
            f"{name} was given to {run.folder}, which did not train it",
            why="Nothing here knows what it was trained on, or who may publish it.",
            mend=f"Choose one of {', '.join(model.name for model in models)}.",
        )
    raise InputError(
        f"{run.folder} has no model {name}",
        mend=f"Choose one of {', '.join(model.name for model in models)}.",
    )


def models_with_folders(run: Run) -> list[Model]:
    """Teachers and students that the run trains; the ensemble and random weights have no folder."""
    return [
        model
        for model in run.models
        if model.role not in ("ensemble", "untrained") and model.name not in run.recipe.given
    ]


def trained(run: Run, model: Model) -> Model:
    """The model itself.

    Raises:
        InputError: it is not trained yet.
    """
    if not model.manifest:
        raise InputError(
            f"{model.name} of {run.folder} is not trained yet",
            mend=f"Run: {resume_command(run.folder)}",
        )
    return model


def published_files(manifest: Mapping[str, Any], revision: str = "") -> dict[str, Record]:
    """The files of a model or of one of its checkpoints, with their records in the manifest.

    Only what the training wrote is published: the manifest lists it. The log stays here.
    """
    files: Mapping[str, Record] = manifest.get("files", {})
    parent = PurePosixPath(revision)
    return {
        name: record
        for name, record in files.items()
        if PurePosixPath(name).parent == parent and name != TRAINING_LOG
    }
