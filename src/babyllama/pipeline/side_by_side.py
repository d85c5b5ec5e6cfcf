"""Makes the stages of a run on one machine, several at a time where they do not need each other.

Trainings and the signal are jobs of `workers`, and so are the scores of each model. Other stages
are made in this process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from babyllama.console import overall
from babyllama.pipeline.checks import check_before_training
from babyllama.pipeline.making import make_stage
from babyllama.pipeline.planning import Plan
from babyllama.pipeline.remaining import Remaining, remaining
from babyllama.pipeline.sharing import Machine, this_machine, threads_of, with_share
from babyllama.pipeline.stages import evaluation_stage, scored_models, stages
from babyllama.pipeline.workers import Job, Workers
from babyllama.recipe import Recipe, load_recipe, names
from babyllama.runs import artefact
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.layout import Layout


def make_side_by_side(
    recipe: Recipe, folder: Path, line: Sequence[Stage], planned: Plan, jobs: int | None
) -> None:
    """Make every stage that is not complete.

    Args:
        line: the stages, in their order; the folder holds the recipe.
        planned: has the memory that each training takes.
        jobs: how many to make at a time at most; by default as many as the machine has room for.

    Raises:
        InputError, Interrupted: what a stage raises; the others were stopped, and what they have
            is saved.
    """
    machine = this_machine()
    most = min(jobs or machine.capacity, machine.capacity)
    left = remaining(recipe, folder, planned, line, _unfinished(line))
    with Workers(machine, most) as workers, overall(left.line):
        if most > 1:
            workers.warm_up(len(_unfinished([each for each in line if _is_long(each)])))
        for is_long, group in groupby(line, key=_is_long):
            these = list(group)
            if is_long:
                _check_trainings(recipe, folder, these)
            unfinished = _unfinished(these) if is_long else []
            if unfinished and most > 1:
                left.begin(unfinished[0].name)
                to_do = _jobs(recipe, folder, unfinished, planned, machine)
                workers.run(to_do, on_done=lambda job: left.count(job.name))
                these = [each for each in these if each not in unfinished]
            for stage in these:  # what is complete is said to be skipped
                left.begin(stage.name)
                if stage.kind == "evaluation" and most > 1:
                    stage = _scored_by_workers(stage, recipe, folder, machine, workers, left)
                make_stage(with_share(stage, recipe, stage.name))
                left.count(stage.name)


def make_named_stage(folder: str, name: str) -> None:
    """In a worker: make one stage of the run whose recipe the folder holds."""
    recipe = load_recipe(str(Layout(Path(folder)).recipe))
    make_stage(next(stage for stage in stages(recipe, Path(folder)) if stage.name == name))


def score_model(folder: str, out: str, model: str) -> None:
    """In a worker: score one model of a run, in the unfinished folder of the evaluation."""
    recipe = load_recipe(str(Layout(Path(folder)).recipe))
    evaluation_stage(recipe, Path(folder), only=model).build(Path(out))


def _is_long(stage: Stage) -> bool:
    return stage.kind in (*names.TRAININGS, names.SIGNAL, names.SAMPLED_TEXT)


def _check_trainings(recipe: Recipe, folder: Path, group: Sequence[Stage]) -> None:
    """Plan all trainings, if one is to be made."""
    if any(stage.kind in names.TRAININGS for stage in _unfinished(group)):
        layout = Layout(folder)
        check_before_training(recipe, layout.tokens, layout.tokenizer, corpus=layout.corpus)


def _unfinished(group: Sequence[Stage]) -> list[Stage]:
    """The stages that are not complete, and those that need one of these."""
    found: list[Stage] = []
    for stage in group:
        if any(_needs(stage, found)) or artefact.status(stage).state != "complete":
            found.append(stage)
    return found


def _needs(stage: Stage, others: Sequence[Stage]) -> Iterator[str]:
    """Names of the stages whose folders hold what this one reads."""
    for other in others:
        if any(path.is_relative_to(other.out) for path in stage.inputs.values()):
            yield other.name


def _jobs(
    recipe: Recipe, folder: Path, unfinished: Sequence[Stage], planned: Plan, machine: Machine
) -> list[Job]:
    """A job for each stage, which waits for those that it needs."""
    return [
        Job(
            name=stage.name,
            function=f"{__name__}:{make_named_stage.__name__}",
            arguments={"folder": str(folder), "name": stage.name},
            threads=threads_of(recipe, stage.name, machine),
            memory=0 if machine.gpus else _memory(planned, stage),
            needs=frozenset(_needs(stage, unfinished)),
        )
        for stage in unfinished
    ]


def _memory(planned: Plan, stage: Stage) -> int:
    """About what making a stage takes: a training's plan; else the teachers' weights."""
    models = {each.name: each for each in planned.models}
    if stage.kind in (names.SIGNAL, names.SAMPLED_TEXT):
        return sum(
            4 * models[path.name].parameters
            for path in stage.inputs.values()
            if path.name in models
        )
    memory = models[stage.out.name].memory
    return memory.total if memory else 0


def _scored_by_workers(
    stage: Stage, recipe: Recipe, folder: Path, machine: Machine, workers: Workers, left: Remaining
) -> Stage:
    """The evaluation, whose models are scored in workers before their scores are collected."""

    models = scored_models(recipe, folder)
    # The ensemble, which takes the longest, comes first, so that no worker waits for it at the end.
    longest_first = sorted([*models, names.UNTRAINED], key=lambda name: -len(models.get(name, [])))

    def build(out: Path) -> Facts:
        workers.run(
            [
                Job(
                    name=f"{names.EVALUATION}/{model}",
                    function=f"{__name__}:{score_model.__name__}",
                    arguments={"folder": str(folder), "out": str(out), "model": model},
                    threads=threads_of(recipe, stage.name, machine),
                    label=model,
                )
                for model in longest_first
            ],
            on_done=lambda job: left.count_scored(job.label),
        )
        return stage.build(out)

    return replace(stage, build=build)
