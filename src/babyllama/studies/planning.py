"""What a study takes: what is made once, FLOPs, time and disk; known before anything is made."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.pipeline.planning import Plan, plan
from babyllama.pipeline.timing import speed_of_products
from babyllama.recipe import names
from babyllama.studies.cells import Trial
from babyllama.studies.store import Made, is_made, shared_by


@dataclass(frozen=True)
class Need:
    """Something to be made, with what it takes.

    Attributes:
        flops: of a training or a signal; 0 of everything else, which is small.
        disk: bytes of what remains: a model's weights, or a stored signal.
        memory: about what making it takes, in bytes.
    """

    made: Made
    flops: float
    disk: int
    memory: int


@dataclass(frozen=True)
class StudyPlan:
    """Everything that a study makes.

    Attributes:
        trials: the trials.
        shared: what each of them needs, by trial, in the order of making.
        needs: each thing once, by its folder, in an order in which what is read comes first.
        speed: FLOP/s that trainings of these shapes reach here.
    """

    trials: tuple[Trial, ...]
    shared: tuple[tuple[Made, ...], ...]
    needs: dict[Path, Need]
    speed: float

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
    return StudyPlan(tuple(trials), shared, needs, speed_of_products().flops)


def _need(made: Made, planned: Plan) -> Need:
    models = {each.name: each for each in planned.models}
    kind = made.name.partition("/")[0]
    if kind in (names.TEACHERS, names.STUDENTS):
        model = models.get(made.model)
        if model is None:  # a given teacher, which is not trained
            return Need(made, 0.0, 0, 0)
        memory = model.memory.total if model.memory else 0
        return Need(made, model.flops, 4 * model.parameters, memory)
    if kind == names.SIGNAL and made.stage:
        read = {path.name for path in made.stage.inputs.values()}
        weights = sum(4 * each.parameters for name, each in models.items() if name in read)
        return Need(made, planned.signal_flops, planned.signal_bytes, weights)
    return Need(made, 0.0, 0, 0)


def total_flops(needs: Iterable[Need]) -> float:
    """Of trainings and signals."""
    return sum(need.flops for need in needs)
