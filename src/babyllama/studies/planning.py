"""What a study takes: what is made once, FLOPs, time and disk; known before anything is made."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.pipeline.planning import Plan, PlannedModel, plan
from babyllama.pipeline.sharing import Machine, threads_of
from babyllama.pipeline.timing import SpeedsHere, TimedStage, speed_of_sampling
from babyllama.recipe import names
from babyllama.studies.cells import Trial
from babyllama.studies.store import Made, is_made, shared_by


@dataclass(frozen=True)
class Need:
    """Something to be made, with what it takes.

    Attributes:
        flops: of a training, a signal or a sampled text; 0 of everything else, which is small.
        disk: bytes of what remains: a model's weights, or a stored signal.
        model: that is trained, if it is a training.
        weights: bytes of the models that a signal or a text is made with.
    """

    made: Made
    flops: float = 0.0
    disk: int = 0
    model: PlannedModel | None = None
    weights: int = 0

    @property
    def memory(self) -> int:
        """About what making it takes, in bytes."""
        taken = self.model.memory if self.model else None
        return taken.total if taken else self.weights


@dataclass(frozen=True)
class StudyPlan:
    """Everything that a study makes.

    Attributes:
        trials: the trials.
        shared: what each of them needs, by trial, in the order of making.
        needs: each thing once, by its folder, in an order in which what is read comes first.
    """

    trials: tuple[Trial, ...]
    shared: tuple[tuple[Made, ...], ...]
    needs: dict[Path, Need]

    def open(self) -> list[Need]:
        """What is not made yet."""
        return [need for need in self.needs.values() if not is_made(need.made)]

    def counts(self) -> Counter[str]:
        """How many distinct things there are of each kind: teachers, signal, students, ..."""
        return Counter(need.made.name.partition("/")[0] for need in self.needs.values())


def plan_study(trials: Sequence[Trial], out: Path) -> StudyPlan:
    """Find out what trials share, and what all of it takes.

    Raises:
        InputError: what `pipeline.planning.plan` raises.
    """
    shared = tuple(tuple(shared_by(trial, out)) for trial in trials)
    plans: dict[str, Plan] = {}
    needs: dict[Path, Need] = {}
    for trial, everything in zip(trials, shared, strict=True):
        if trial.cell not in plans:
            plans[trial.cell] = plan(trial.recipe, trial.folder)
        for made in everything:
            if made.folder not in needs:
                needs[made.folder] = _need(made, plans[trial.cell])
    return StudyPlan(tuple(trials), shared, needs)


def _need(made: Made, planned: Plan) -> Need:
    models = {each.name: each for each in planned.models}
    kind = made.name.partition("/")[0]
    if kind in (names.TEACHERS, names.STUDENTS):
        model = models.get(made.model)
        if model is None:  # a given teacher, which is not trained
            return Need(made)
        return Need(made, model.flops, 4 * model.parameters, model)
    if kind == names.SIGNAL and made.stage:
        weights = _weights_read(made, planned)
        return Need(made, planned.signal_flops, planned.signal_bytes, weights=weights)
    if kind == names.SAMPLED_TEXT and made.stage:
        weights = _weights_read(made, planned)
        return Need(made, planned.sampling_flops[made.model], weights=weights)
    return Need(made)


def _weights_read(made: Made, planned: Plan) -> int:
    """Bytes of the weights of the models that a stage reads."""
    assert made.stage is not None
    read = {path.name for path in made.stage.inputs.values()}
    return sum(4 * each.parameters for each in planned.models if each.name in read)


def total_flops(needs: Iterable[Need]) -> float:
    """Of trainings, signals and sampled texts."""
    return sum(need.flops for need in needs)


def time_left(planned: StudyPlan, machine: Machine, jobs: int | None) -> list[TimedStage]:
    """The trainings, signals and texts that are not made yet, and how long each takes here alone.

    Args:
        jobs: see `run_study`.
    """
    made = [need.made.folder for need in planned.needs.values() if need.made.is_training]
    speeds = SpeedsHere(made, machine)
    stages = []
    for need in planned.open():
        if not need.flops:
            continue
        recipe, name = need.made.trial.recipe, need.made.name
        threads = threads_in_study(need.made, machine, jobs)
        if need.made.is_training:
            speed = speeds.of_training(recipe, need.made.model, threads=threads)
        else:
            speed = speeds.of_signal(recipe, threads=threads if jobs else None)
        if name.startswith(names.SAMPLED_TEXT):
            speed = speed_of_sampling(speed)
        stages.append(TimedStage(name, need.flops, speed, machine.taken_by(threads)))
    return stages


def threads_in_study(made: Made, machine: Machine, jobs: int | None) -> int:
    """Threads that making something takes: an equal share, or what `run` would give it.

    Args:
        jobs: see `run_study`.
    """
    if jobs:
        return max(1, machine.cores // jobs)
    stage = names.EVALUATION if made.name.startswith(f"{names.SCORES}/") else made.name
    return threads_of(made.trial.recipe, stage, machine)
