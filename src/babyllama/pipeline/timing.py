"""How long what is left of a run takes: on this machine, or on a card that is not here.

On this machine a model is trained as fast as in the folder of the run or study, if it has a
finished training of that shape; else as fast as a few steps that are timed now. On another card,
and for models that are too large to be tried, a share of the peak is assumed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from babyllama.errors import InputError
from babyllama.models.build import parameter_count
from babyllama.models.given import planned_teacher
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.pipeline.cards import CARDS
from babyllama.pipeline.planning import Plan, vocabulary_size
from babyllama.pipeline.preview import Action
from babyllama.pipeline.sharing import Machine, this_machine, threads_of, using_threads
from babyllama.recipe import PretrainingRecipe, Recipe
from babyllama.recipe.base import nearest_name
from babyllama.recipe.names import SAMPLED_TEXT, SIGNAL, STUDENTS, TEACHERS, TRAININGS
from babyllama.runs.artefact import partial_folder
from babyllama.runs.layout import TRAINING_LOG
from babyllama.runs.manifests import read_manifest
from babyllama.runs.training_log import read_training_log
from babyllama.training.speed import machine_flops
from babyllama.training.trial_step import trial_flops

# Shares of a peak that training is assumed to reach: guesses, measured on no card. Small products
# do not fill a large card.
_SHARE_OF_CARD = ((100e6, 0.35), (30e6, 0.2), (5e6, 0.1), (0, 0.03))  # from so many parameters on
_SHARE_OF_PRODUCTS = 0.4  # of large square products on a processor
# Time of a training over that of its steps, with dev scores, checkpoints and starting: of mini.
_BESIDE_STEPS = 1.12
# Speed of sampling over that of training: on mini 2.2 to 4.2 GFLOP/s; tokens come one by one.
_SHARE_OF_SAMPLING = 0.5
# How a speed is known, for people.
KNOWN = {
    "finished": "as fast as finished trainings of this shape",
    "measured": "steps of this shape, timed now",
    "assumed": "an assumed share of the peak",
}


@dataclass(frozen=True)
class Speed:
    """FLOPs a second of a training, and how they are known.

    Attributes:
        known: from `finished` trainings of that shape, `measured` by timing steps now, or only
            `assumed`.
    """

    flops: float
    known: Literal["finished", "measured", "assumed"]


@dataclass(frozen=True)
class TimedStage:
    """A training, the signal or sampled text that is left to do.

    Attributes:
        flops: that are left.
        taken: how much of the machine's capacity it takes.
    """

    name: str
    flops: float
    speed: Speed
    taken: int

    @property
    def seconds(self) -> float:
        """What the stage takes alone."""
        beside = 1.0 if self.speed.known == "finished" else _BESIDE_STEPS
        return self.flops / self.speed.flops * beside


@dataclass(frozen=True)
class Timing:
    """What is left of a run.

    Attributes:
        card: that it is for; "" for this machine.
        seconds: with stages side by side, without scoring.
    """

    stages: tuple[TimedStage, ...]
    card: str
    seconds: float

    @property
    def flops(self) -> float:
        """FLOPs that are left."""
        return sum(stage.flops for stage in self.stages)


class SpeedsHere:
    """How fast models are trained on this machine; what differs in its epochs alone is timed once.

    Args:
        finished: folders that may hold finished trainings, of which the manifests say how fast
            they were.
    """

    def __init__(self, finished: Iterable[Path], machine: Machine) -> None:
        self._finished = tuple(finished)
        self._machine = machine
        self._known: dict[str, Speed] = {}

    def of_training(self, recipe: Recipe, model: str, *, threads: int | None = None) -> Speed:
        """The speed of a training.

        Args:
            threads: of the training; by default what `run` would give it.
        """
        part, vocab_size = recipe.pretraining(model), vocabulary_size(recipe)
        group = TEACHERS if model in recipe.teachers else STUDENTS
        threads = threads or threads_of(recipe, f"{group}/{model}", self._machine)
        key = json.dumps(
            [part.model_dump(mode="json", exclude={"training": {"epochs"}}), vocab_size, threads]
        )
        if key not in self._known:
            self._known[key] = self._of_shape(part, vocab_size, threads)
        return self._known[key]

    def of_signal(self, recipe: Recipe, *, threads: int | None = None) -> Speed:
        """The signal's work is that of the teachers' forward passes: as fast as the slowest.

        Args:
            threads: as in `of_training`.
        """
        teachers = recipe.trained_teachers
        trained = [self.of_training(recipe, name, threads=threads) for name in teachers]
        return min(trained, key=lambda each: each.flops, default=None) or speed_of_products()

    def _of_shape(self, part: PretrainingRecipe, vocab_size: int, threads: int) -> Speed:
        shape = part.model.model_dump(mode="json")
        if finished := _finished_speeds(self._finished, shape, self._machine, threads):
            return Speed(sum(finished) / len(finished), "finished")
        with using_threads(threads):
            tried = trial_flops(part, vocab_size)
        return Speed(tried, "measured") if tried else speed_of_products()


def time_left(
    recipe: Recipe, planned: Plan, actions: Sequence[Action], *, card: str = ""
) -> Timing:
    """How long the trainings, the signal and the sampled text take that a run would make.

    Args:
        card: a name of `CARDS`; "" for this machine.

    Raises:
        InputError: no card of that name.
    """
    refuse_unknown_card(card)
    machine = Machine(cores=1, gpus=1) if card else this_machine()
    left = [
        action
        for action in actions
        if action.does not in ("keep", "take back")
        and action.stage.kind in (*TRAININGS, SIGNAL, SAMPLED_TEXT)
    ]
    speeds: dict[str, Speed] = {}
    here = SpeedsHere([action.stage.out for action in actions], machine)
    for model in planned.models:
        is_left = any(model.name == action.stage.out.name for action in left)
        is_teacher = model.name in recipe.teachers and bool(_read_teachers(left))
        if card and (is_left or is_teacher):
            speeds[model.name] = _assumed_on(card, model.parameters)
        elif is_left or is_teacher:
            speeds[model.name] = here.of_training(recipe, model.name)
    if _read_teachers(left):
        speeds[SIGNAL] = _on_card(recipe, speeds, card) if card else here.of_signal(recipe)
    stages = tuple(_timed(recipe, planned, action, speeds, machine) for action in left)
    return Timing(stages, card, _side_by_side(stages, machine))


def refuse_unknown_card(card: str, option: str = "--device") -> None:
    """Refuse a name that is neither "" nor one of `CARDS`.

    Args:
        option: the command's option that gives the name, for the message.

    Raises:
        InputError: names the nearest.
    """
    if card and card not in CARDS:
        close = nearest_name(card, CARDS)
        raise InputError(
            f"{option} {card}: no such card is known",
            why=f"Known: {', '.join(CARDS)}.",
            mend=f"Did you mean {close}?" if close else "Leave it out for this machine.",
        )


def assumed_on(card: str, part: PretrainingRecipe, vocab_size: int) -> float:
    """FLOPs a second that training a model is assumed to reach on a card of `CARDS`."""
    return _assumed_on(card, parameter_count(part.model, vocab_size)).flops


def speed_of_products() -> Speed:
    """Assumed where no step is timed: a share of the speed of large products, measured now."""
    device = pick_device()
    products = machine_flops(compute_dtype("auto", device), device)
    return Speed(products * _SHARE_OF_PRODUCTS, "assumed")


def speed_of_sampling(reading: Speed) -> Speed:
    """Assumed of teachers that write text, from the speed at which they read it."""
    return Speed(reading.flops * _SHARE_OF_SAMPLING, "assumed")


def _timed(
    recipe: Recipe, planned: Plan, action: Action, speeds: Mapping[str, Speed], machine: Machine
) -> TimedStage:
    stage = action.stage
    taken = machine.taken_by(threads_of(recipe, stage.name, machine))
    if stage.kind == SIGNAL:
        return TimedStage(stage.name, planned.signal_flops, speeds[SIGNAL], taken)
    if stage.kind == SAMPLED_TEXT:
        speed = speed_of_sampling(speeds[SIGNAL])
        return TimedStage(stage.name, planned.sampling_flops[stage.out.name], speed, taken)
    flops = next(model.flops for model in planned.models if model.name == stage.out.name)
    done = _done(action) if action.does == "resume" else 0.0
    return TimedStage(stage.name, flops * (1 - done), speeds[stage.out.name], taken)


def _read_teachers(left: Sequence[Action]) -> list[Action]:
    """The stages that read what teachers predict, at a speed that is like that of the teachers."""
    return [action for action in left if action.stage.kind in (SIGNAL, SAMPLED_TEXT)]


def _done(action: Action) -> float:
    """The share of a training that an unfinished folder has."""
    log = partial_folder(action.stage.out) / TRAINING_LOG
    steps = read_training_log(log, is_growing=True).steps if log.exists() else ()
    total = steps[-1].get("steps") if steps else None
    return float(steps[-1]["step"]) / float(total) if total else 0.0


def _assumed_on(card: str, parameters: int) -> Speed:
    share = next(share for least, share in _SHARE_OF_CARD if parameters >= least)
    return Speed(CARDS[card] * share, "assumed")


def _on_card(recipe: Recipe, speeds: Mapping[str, Speed], card: str) -> Speed:
    """The speed of the signal's teachers on a card: that of the slowest of them."""
    trained = [speeds[name] for name in recipe.trained_teachers]
    models = [planned_teacher(each, f"{TEACHERS}.{name}") for name, each in recipe.given.items()]
    given = [_assumed_on(card, model.num_parameters()) for model in models]
    return min([*trained, *given], key=lambda each: each.flops)


def _finished_speeds(
    folders: Iterable[Path], shape: Mapping[str, Any], machine: Machine, threads: int
) -> list[float]:
    """FLOPs a second of finished trainings of a shape on such a machine."""
    found = []
    for folder in folders:
        manifest = read_manifest(folder) or {}
        if manifest.get("stage") not in TRAININGS:
            continue
        recipe, facts = manifest["recipe"], manifest.get("facts", {})
        made = recipe.get("model") or recipe.get("student", {}).get("model")
        device = str(facts.get("device", ""))
        is_here = not device.startswith("processor") if machine.gpus else (
            device.startswith(f"processor, {threads} thread")
        )  # fmt: skip
        seconds = manifest.get("wall_seconds", 0)
        if made == shape and is_here and seconds and facts.get("flops"):
            found.append(facts["flops"] / seconds)
    return found


def _side_by_side(stages: Sequence[TimedStage], machine: Machine) -> float:
    """Seconds of stages of which several run at a time: teachers, signal and text, students."""
    seconds = 0.0
    for group in (TEACHERS, SIGNAL, SAMPLED_TEXT, STUDENTS):
        these = [stage for stage in stages if stage.name.partition("/")[0] == group]
        work = sum(stage.seconds * stage.taken for stage in these) / machine.capacity
        seconds += max([work, *(stage.seconds for stage in these)])
    return seconds
