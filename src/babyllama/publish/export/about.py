"""What a model that is exported is called and what it is; nothing that names a machine or user."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.runs.layout import Layout, run_of
from babyllama.runs.manifests import read_manifest

_MADE_BY = {"pretraining": "trained on text", "distillation": "distilled from teachers"}


@dataclass(frozen=True)
class About:
    """What an exported file says about its model.

    Attributes:
        name: of the run's recipe and of the model, or of a folder that is in no run.
        license: as the model's own README.md names it; None if it names none.
    """

    name: str
    description: str
    license: str | None


def about(folder: Path, parameters: int) -> About:
    """Describe a model folder."""
    stage = (read_manifest(folder) or {}).get("stage", "")
    made = f", {_MADE_BY[stage]} with babyllama" if stage in _MADE_BY else ""
    return About(
        name=_name(folder),
        description=f"A causal language model of {parameters:,} parameters{made}.",
        license=_license(folder / "README.md"),
    )


def about_ensemble(folders: Sequence[Path], mean_of: str) -> About:
    """Describe several models as one."""
    runs = {run_of(folder.resolve()) for folder in folders}
    run = Layout(runs.pop())
    is_of_run = not runs and run.is_run
    names = ", ".join(map(_name, folders))
    licenses = {_license(folder / "README.md") for folder in folders}
    return About(
        name=f"{run.load_recipe('').name} ensemble" if is_of_run else f"ensemble of {names}",
        description=f"The mean of {mean_of} of {len(folders)} causal language models: {names}.",
        license=licenses.pop() if len(licenses) == 1 else None,
    )


def _name(folder: Path) -> str:
    place = folder.resolve()
    run = Layout(run_of(place))
    if not run.is_run:
        return place.name
    # Below teachers/ or students/: distilled, or distilled chck_1M.
    parts = place.relative_to(run.folder).parts[1:]
    return " ".join([run.load_recipe("").name, *parts])


def _license(card: Path) -> str | None:
    from huggingface_hub import metadata_load

    if not card.is_file():
        return None
    try:
        named = (metadata_load(card) or {}).get("license")
    except Exception:  # a README.md of anybody's, whose front matter need not be YAML
        return None
    return named if isinstance(named, str) else None
