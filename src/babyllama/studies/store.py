"""What the trials of a study share: a folder for each thing, addressed by all that decides it.

    OUT/store/distillation/3f0c.../distilled/     what `pipeline` makes, with its manifest
    OUT/trials/CELL/seed-0/students/distilled     a link to it

A stage's address is a hash of everything that decides it: its part of the recipe, its version, its
seed, and the addresses of what it reads, down to the raw text's contents. So the plan knows before
anything is made which stages trials share, and what a change of the study leaves as it is. A trial
is an ordinary run whose folders are links.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from babyllama.errors import InputError
from babyllama.pipeline.stages import evaluation_stage, scored_models, stages
from babyllama.recipe import decisive_fields, load_recipe, names
from babyllama.runs.artefact import Stage
from babyllama.runs.files import digest_of_json
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import damaged, digest, read_manifest
from babyllama.studies.building import BUILDING
from babyllama.studies.cells import Trial

ADDRESSES = "addresses.json"  # of a trial: what its evaluation was collected from
_LENGTH = 16  # hexadecimal digits of an address
_SHARED = (names.STORE, BUILDING)  # one place for unfinished work, too: nothing is made twice
_OF_THE_TRIAL = (names.EVALUATION, names.REPORT)


@dataclass(frozen=True)
class Made:
    """Something that trials share: a stage, or the scores of a model.

    Attributes:
        folder: in the store.
        name: the stage's in its trial, such as `students/distilled`; of scores `scores/MODEL`.
        trial: one of those that need it; it makes it.
        stage: None of scores.
        needs: the folders of what it reads.
    """

    folder: Path
    name: str
    trial: Trial
    stage: Stage | None
    needs: tuple[Path, ...]

    @property
    def model(self) -> str:
        """The last part of the name."""
        return self.name.partition("/")[2]

    @property
    def is_training(self) -> bool:
        """Whether it is a model."""
        return self.stage is not None and self.stage.kind in names.TRAININGS

    @property
    def shown(self) -> str:
        """Its name in messages, with the trial for which it is made."""
        return f"{self.name} ({self.trial.name})"


def check_name(cell: str) -> str:
    """What messages call the check of a cell's settings, before its first training."""
    return f"settings of {cell}"


def finish_name(trial: Trial) -> str:
    """What messages call the last work on a trial: its scores are collected."""
    return f"{names.EVALUATION} ({trial.name})"


def shared_by(trial: Trial, out: Path) -> Iterator[Made]:
    """Everything that a trial shares with others or might: its stages and its models' scores.

    Args:
        out: the study's folder.
    """
    line = [each for each in stages(trial.recipe, trial.folder) if each.name not in _OF_THE_TRIAL]
    made: dict[Path, Made] = {}
    for stage in line:
        inputs = {name: _address(path, made) for name, path in stage.inputs.items()}
        key = {
            "stage": stage.kind,
            "version": stage.version,
            "recipe": decisive_fields(stage.recipe),
            "inputs": inputs,
            "seed": stage.seed,
        }
        folder = _folder(out, stage.kind, key, stage.out.name)
        made[stage.out] = Made(
            folder, stage.name, trial, stage, _needs(stage.inputs.values(), made)
        )
        yield made[stage.out]
    yield from _scores(trial, made, out)


def _scores(trial: Trial, made: Mapping[Path, Made], out: Path) -> Iterator[Made]:
    """The scores of each model of a trial, of its ensemble and of random weights."""
    stage = evaluation_stage(trial.recipe, trial.folder)
    layout, models = Layout(trial.folder), scored_models(trial.recipe, trial.folder)
    folders = {path for paths in models.values() for path in paths}
    read = {name: path for name, path in stage.inputs.items() if path not in folders}
    common = {
        "scoring": stage.version,
        "recipe": decisive_fields(stage.recipe),
        "data": {name: _address(path, made) for name, path in read.items()},
    }
    # Of random weights the main student's shape, its tokenizer and the seed decide the scores.
    main = next(iter(trial.recipe.taught or trial.recipe.students))
    shape = trial.recipe.pretraining(main).model.model_dump(mode="json")
    keys: dict[str, dict[str, Any]] = {
        name: {"models": [_address(path, made) for path in paths]} for name, paths in models.items()
    }
    keys[names.UNTRAINED] = {"untrained": shape, "seed": trial.recipe.seed}
    teachers = layout.teachers(trial.recipe).values()  # measures compare each model with them
    for name, key in keys.items():
        folder = _folder(out, names.SCORES, {**common, "name": name, **key}, name)
        paths = models.get(name, [layout.student(main)])
        needs = _needs([*read.values(), *paths, *teachers], made)
        yield Made(folder, f"{names.SCORES}/{name}", trial, None, needs)


def share_store(out: Path, store: Path) -> None:
    """Let a study keep what it makes in a folder that others use, too.

    Raises:
        InputError: the study has a store already.
    """
    refuse_other_store(out, store)
    for part in _SHARED:
        link, target = out / part, store.absolute() / part
        if not link.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
            out.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target, target_is_directory=True)


def refuse_other_store(out: Path, store: Path) -> None:
    """Refuse a folder to share if the study keeps what it makes in another one.

    Raises:
        InputError: names the store that the study has.
    """
    for part in _SHARED:
        link, target = out / part, store.absolute() / part
        is_known = link.is_symlink() and link.resolve() == target.resolve()
        if not is_known and (link.is_symlink() or link.exists()):
            raise InputError(
                f"{out} has its store in {link.resolve().parent}, not in {store}",
                mend="Omit --store, or choose a new folder for the study: --out DIR",
            )


def link_trial(trial: Trial, shared: Iterable[Made]) -> None:
    """Make a trial's folder: links to what it shares with others.

    Raises:
        InputError: a file or folder of somebody else is in the place of a link.
    """
    for made in shared:
        link = trial.folder / made.name
        link.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(made.folder, link.parent)
        if link.is_symlink():
            if os.readlink(link) == target:
                continue
            link.unlink()
        elif link.exists():
            raise InputError(
                f"{link} is not a link into {names.STORE}/",
                why="It was not written by the study, which would replace it.",
                mend="Move it away, or choose another folder for the study: --out DIR",
            )
        link.symlink_to(target, target_is_directory=True)


def is_made(made: Made) -> bool:
    """Whether something is in the store, complete and undamaged by the dates of its files."""
    if made.stage is None:
        return are_scores_made(made.folder, made.model)
    return _is_complete(made.folder)


def are_scores_made(folder: Path, model: str) -> bool:
    """Whether a folder of the store has the scores of a model."""
    return (folder / f"{model}.key").is_file()


def addresses(everything: Iterable[Made]) -> dict[str, str]:
    """Where in the store a trial's things are, by name."""
    return {made.name: made.folder.parent.name for made in everything}


def is_finished(trial: Trial, everything: Sequence[Made]) -> bool:
    """Whether a trial's evaluation is complete and was collected from what the store now holds."""
    path = trial.folder / ADDRESSES
    if not path.is_file() or read_json(path) != addresses(everything):
        return False
    return _is_complete(Layout(trial.folder).evaluation) and all(map(is_made, everything))


def files_of_user(trial: Trial) -> list[Path]:
    """The texts, benchmarks and given models that a trial reads, in the order of the pipeline."""
    every = (path for each in stages(trial.recipe, trial.folder) for path in each.inputs.values())
    return list(dict.fromkeys(path for path in every if not path.is_relative_to(trial.folder)))


def was_finished(trial: Trial, out: Path) -> bool:
    """Whether a trial was finished with its recipe, whatever the files of the user hold now.

    `is_finished` must read them, and a study's folder outlives them: it is copied to another
    machine, or a benchmark is removed.

    Args:
        out: the study's folder.
    """
    path, layout = trial.folder / ADDRESSES, Layout(trial.folder)
    if not path.is_file() or not layout.recipe.is_file() or not _is_complete(layout.evaluation):
        return False
    try:
        recipe = load_recipe(str(layout.recipe))
    except InputError:  # of another release
        return False
    return recipe == trial.recipe and all(
        _is_at(trial.folder / name, address)
        if not name.startswith(f"{names.SCORES}/")
        else are_scores_made(out / names.STORE / names.SCORES / address / model, model)
        for name, address in read_json(path).items()
        for model in [name.partition("/")[2]]
    )


def _is_at(link: Path, address: str) -> bool:
    """Whether a trial's folder is the one at an address of the store, complete."""
    return link.resolve().parent.name == address and _is_complete(link)


def _is_complete(folder: Path) -> bool:
    manifest = read_manifest(folder)
    return manifest is not None and not any(damaged(folder, manifest, changed_only=True))


def _folder(out: Path, kind: str, key: Mapping[str, Any], name: str) -> Path:
    return out / names.STORE / kind / digest_of_json(key)[:_LENGTH] / name


def _address(path: Path, made: Mapping[Path, Made]) -> str:
    """The address of what a stage of the trial makes; the digest of a file of the user."""
    for out, owner in made.items():
        if path.is_relative_to(out):
            inside = path.relative_to(out)
            address = owner.folder.parent.name
            return f"{address}/{inside}" if inside.parts else address
    return _digest(path.absolute())


_digest = cache(digest)  # a benchmark is an input of every trial


def _needs(paths: Iterable[Path], made: Mapping[Path, Made]) -> tuple[Path, ...]:
    """The folders in the store that hold these paths."""
    owners = (o.folder for path in paths for out, o in made.items() if path.is_relative_to(out))
    return tuple(dict.fromkeys(owners))
