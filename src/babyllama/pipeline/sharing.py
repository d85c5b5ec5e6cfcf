"""How the stages of a run share one machine: threads of a CPU, or its GPUs.

Two small trainings side by side, each with half of the cores, are faster than one after the other
with all cores. The threads of a stage follow from the recipe and the machine alone, never from what
else is running: sums in several threads round differently, so a model has the same bits whether
its stage was made alone or beside others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from babyllama.recipe import Recipe, names
from babyllama.runs.artefact import Facts, Stage


@dataclass(frozen=True)
class Machine:
    """What the stages of a run share.

    Attributes:
        cores: threads that torch uses on this CPU; OMP_NUM_THREADS sets them.
        gpus: a stage takes one.
    """

    cores: int
    gpus: int = 0

    @property
    def capacity(self) -> int:
        """GPUs, or else cores."""
        return self.gpus or self.cores

    def taken_by(self, threads: int) -> int:
        """How much of the capacity a stage with so many threads takes."""
        return 1 if self.gpus else threads


def this_machine() -> Machine:
    """The cores and GPUs of this process."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Machine(cores=torch.get_num_threads(), gpus=gpus)


def threads_of(recipe: Recipe, stage: str, machine: Machine) -> int:
    """Threads of a stage: its equal share of the cores among the stages that it can run beside.

    Teachers run beside each other, students beside each other, the signal and sampled text, and the
    models of a run are scored beside each other. Other stages, and those on a GPU, get all threads.

    Args:
        stage: its name, such as `teachers/llama`.
    """
    # Students of one generation do not wait for each other.
    students = max(Counter(recipe.generations.values()).values())
    beside: Mapping[str, int] = {
        names.TEACHERS: len(recipe.trained_teachers),
        names.SIGNAL: students,
        names.SAMPLED_TEXT: students,
        names.STUDENTS: students,
        names.EVALUATION: len(recipe.teachers) + len(recipe.students),
    }
    count = 1 if machine.gpus else beside.get(stage.partition("/")[0], 1)
    return max(1, machine.cores // max(1, count))


def with_share(stage: Stage, recipe: Recipe, name: str) -> Stage:
    """The stage, built in this process with its share of the threads.

    Args:
        name: the stage's in the run of this recipe; its folder may be anywhere.
    """

    def build(folder: Path) -> Facts:
        with using_threads(threads_of(recipe, name, this_machine())):
            return stage.build(folder)

    return replace(stage, build=build)


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads in this process meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
