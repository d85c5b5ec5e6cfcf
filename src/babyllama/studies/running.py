"""Run a study: make everything that its trials need, each thing once; resume and extend it.

The same command resumes after a kill. A longer list of seeds or a larger grid makes only what is
new: what is in the store is found by its address, and nothing in the store is ever replaced by
something with other settings.
"""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.pipeline.sharing import Machine, this_machine
from babyllama.pipeline.stages import evaluation_stage
from babyllama.pipeline.workers import Job, Workers
from babyllama.recipe import names, to_yaml
from babyllama.runs import files, manifests
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import STUDY, Layout
from babyllama.runs.lock import locked
from babyllama.studies import jobs as functions
from babyllama.studies.building import BUILDING
from babyllama.studies.cells import Trial
from babyllama.studies.checks import check_inputs, chosen_trials
from babyllama.studies.cluster import open_cluster
from babyllama.studies.comparing import unmeasured
from babyllama.studies.failures import Failure, forget_failure, write_failure
from babyllama.studies.history import record
from babyllama.studies.planning import Need, StudyPlan, plan_study, threads_in_study
from babyllama.studies.store import (
    Made,
    addresses,
    check_name,
    finish_name,
    is_finished,
    link_trial,
    share_store,
)
from babyllama.studies.study import StudyRecipe, load_study, study_yaml

ENVIRONMENT = "environment.json"

EngineName = Literal["local", "ray"]


class Engine(Protocol):
    """Runs jobs: as workers of this machine, or as tasks of a cluster."""

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_failure: Callable[[Job, Exception], bool],
        on_done: Callable[[Job], None],
    ) -> None:
        """Do all jobs: see `pipeline.workers.do_all`."""


def run_study(
    study: StudyRecipe,
    out: Path,
    *,
    jobs: int | None = None,
    only: str | None = None,
    keep_going: bool = True,
    retries: int = 0,
    accept: bool = False,
    engine: EngineName = "local",
    store: Path | None = None,
) -> list[Failure]:
    """Make every trial of a study that is not complete.

    Args:
        out: the study's folder.
        jobs: how many things are made at a time, each with an equal share of the threads; by
            default as many as the machine has room for, each with the threads that `babyllama run`
            would give it, so that its bits are those of a run.
        only: the name of a cell; all cells by default.
        keep_going: whether to go on after a failure with everything that does not depend on it.
        retries: how often something that failed is tried again.
        accept: whether to go on in a folder that other package versions made.
        engine: `local`, processes of this machine; or `ray`, tasks of the cluster that RAY_ADDRESS
            names, or of a Ray that is started here.
        store: a folder that several studies share: what one has made, the others have.

    Returns:
        what could not be made.

    Raises:
        InputError: before any long work, if the folder is another study's, in use, or made by other
            versions; if a recipe, a benchmark or the text is wrong; the disk is too small; or the
            cluster cannot be used.
        Interrupted: after Ctrl-C or SIGTERM; finished work is saved.
    """
    trials = chosen_trials(study, out, only)
    refuse_other_study(study, out)
    for name in unmeasured(study, {trial.cell: trial.recipe for trial in trials}):
        print_status(f"  decide.smallest.{name}: no cell measures {name}")
    if store is not None:
        share_store(out, store)
    planned = plan_study(trials, out)
    is_complete = all(is_finished(*each) for each in zip(trials, planned.shared, strict=True))
    if not is_complete:
        check_inputs(study, planned, out)
        refuse_other_versions(out, accept=accept)
    with locked(out, mend="choose another folder: --out DIR"):
        files.write_atomically(out / STUDY, study_yaml(study))
        record(study, out)
        for trial, everything in zip(trials, planned.shared, strict=True):
            link_trial(trial, everything)
            _write_recipe(trial)
        if is_complete:
            return []
        files.write_json(out / ENVIRONMENT, {"versions": manifests.versions()})
        with open_engine(engine, planned, out, jobs) as (pool, machine):
            to_do = partial(_jobs, planned, machine, jobs)
            failures = _make(pool, to_do, out, keep_going=keep_going, retries=retries)
        if not failures and only is None and not (out / BUILDING).is_symlink():
            shutil.rmtree(out / BUILDING, ignore_errors=True)  # all is made: nobody resumes
        return failures


def refuse_other_study(study: StudyRecipe, out: Path) -> None:
    """Refuse a folder that holds another study, or something else.

    Raises:
        InputError: names what the folder holds.
    """
    path = out / STUDY
    if path.is_file():
        owner = load_study(str(path)).name
        if owner != study.name:
            raise InputError(
                f"{out} holds the study {owner}, not {study.name}",
                mend="Choose another folder: --out DIR",
            )
    elif out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(
            f"{out} exists and holds no study",
            why="A study's folder is written by this command alone.",
            mend="Choose a new folder: --out DIR",
        )


def refuse_other_versions(out: Path, *, accept: bool) -> None:
    """Compare the versions that have made what the folder holds with those that are installed.

    Raises:
        InputError: they differ, and that is not accepted.
    """
    path = out / ENVIRONMENT
    before = read_json(path)["versions"] if path.is_file() else {}
    now = manifests.versions()
    changed = [
        f"{name} {before[name]} -> {now[name]}" for name in before if now[name] != before[name]
    ]
    if not changed:
        return
    if not accept:
        raise InputError(
            f"{out} was made by other versions: {', '.join(changed)}",
            why="New models might differ from the earlier ones for that reason alone.",
            mend="Choose another folder with --out DIR, or add --accept: cells that were made by "
            "unlike versions are then compared only if the study says `unlike: mark`.",
        )
    print_status(f"  Accepted: other versions than before: {', '.join(changed)}", style="yellow")


def _write_recipe(trial: Trial) -> None:
    """Write a trial's recipe, unless the file has it."""
    path, text = Layout(trial.folder).recipe, to_yaml(trial.recipe)
    if not path.is_file() or path.read_text("utf-8") != text:
        files.write_atomically(path, text)


def _make(
    engine: Engine,
    to_do: Callable[[Mapping[str, bool]], Iterable[Job]],
    out: Path,
    *,
    keep_going: bool,
    retries: int,
) -> list[Failure]:
    failures: list[Failure] = []
    for _ in range(retries + 1):
        failures = _make_once(engine, to_do, out, keep_going=keep_going)
        if not failures:
            break
    return failures


def _make_once(
    engine: Engine,
    to_do: Callable[[Mapping[str, bool]], Iterable[Job]],
    out: Path,
    *,
    keep_going: bool,
) -> list[Failure]:
    """Do all jobs; after a failure, also those that another trial can take over.

    Args:
        to_do: the jobs that can be done: see `_jobs`.
    """
    failures: list[Failure] = []
    ended: dict[str, bool] = {}

    def failed(job: Job, error: Exception) -> bool:
        ended[job.name] = False
        failures.append(write_failure(job, error, out))
        print_status(
            f"  {job.name} failed: {failures[-1].why} (see {failures[-1].log})", style="red"
        )
        return keep_going

    while jobs := list(to_do(ended)):
        for job in jobs:
            forget_failure(job.name, out)
        known, count = len(failures), _counter(len(jobs))
        on_done = partial(_done, ended, count)
        engine.run(jobs, on_failure=failed, on_done=on_done)
        if len(failures) == known:
            break
    return failures


def _done(ended: dict[str, bool], count: Callable[[Job], None], job: Job) -> None:
    ended[job.name] = True
    count(job)


@contextmanager
def open_engine(
    name: EngineName, planned: StudyPlan, out: Path, jobs: int | None
) -> Iterator[tuple[Engine, Machine]]:
    """What does the jobs of a study, and the machine whose threads they share.

    Raises:
        InputError: what `open_cluster` raises.
    """
    if name == "ray":
        with open_cluster(out, _read_by(planned)) as cluster:
            yield cluster, cluster.machine
        return
    machine = this_machine()
    most = min(jobs or machine.capacity, machine.capacity)
    with Workers(machine, most) as workers:
        workers.warm_up(most)
        yield workers, machine


def _read_by(planned: StudyPlan) -> list[Path]:
    """What trials read that no stage has made: text and benchmarks."""
    found: dict[Path, None] = {}
    for trial, everything in zip(planned.trials, planned.shared, strict=True):
        line = [made.stage for made in everything if made.stage]
        for stage in [*line, evaluation_stage(trial.recipe, trial.folder)]:
            paths = [path.expanduser().absolute() for path in stage.inputs.values()]
            inside = trial.folder.absolute()
            found |= {p: None for p in paths if not p.is_relative_to(inside) and p.exists()}
    return list(found)


def _counter(total: int) -> Callable[[Job], None]:
    """Print each job that is done, with how many are left."""
    numbers = itertools.count(1)
    return lambda job: print_status(f"  {next(numbers)} of {total} done: {job.name}", style="dim")


def _jobs(
    planned: StudyPlan, machine: Machine, jobs: int | None, ended: Mapping[str, bool]
) -> Iterator[Job]:
    """A job for each thing that is not made, and one for each trial that is not finished.

    Trial by trial, so that a study which is stopped has finished some. What trials share is made
    for the first of them that can make it: a cell that fails takes no other with it.

    Args:
        ended: names of jobs that have ended, and whether they succeeded. What cannot be made
            without one that failed is left out.
    """
    to_make = {need.made.folder: need for need in planned.open()}
    line = [
        (trial, everything)
        for trial, everything in zip(planned.trials, planned.shared, strict=True)
        if ended.get(check_name(trial.cell), True)
    ]
    makers = _makers([everything for _, everything in line], to_make, ended)
    checked = {name for name, succeeded in ended.items() if succeeded}
    for trial, everything in line:
        check = _check_job(trial, everything, makers)
        for made in everything:
            if makers.get(made.folder) is not made:  # made, or made for another trial
                continue
            needs = _shown(made.needs, makers)
            if made.is_training and not ended.get(check.name):  # the settings may not fit
                if check.name not in checked:
                    checked.add(check.name)
                    yield check
                needs |= {check.name}
            yield Job(
                name=made.shown,
                function=_function(functions.make_shared),
                arguments={**_folders(trial), "name": made.name, "shown": made.shown},
                threads=threads_in_study(made, machine, jobs),
                memory=0 if machine.gpus else to_make[made.folder].memory,
                needs=needs,
                label=trial.name,
            )
        lost = any(made.folder in to_make and made.folder not in makers for made in everything)
        finish = _finish_job(trial, everything, makers)
        if not lost and finish.name not in ended and not is_finished(trial, everything):
            yield finish


def _makers(
    shared: Sequence[Sequence[Made]], to_make: Mapping[Path, Need], ended: Mapping[str, bool]
) -> dict[Path, Made]:
    """By folder, what makes each thing that is not made: for the first trial with all it needs.

    What has failed is left out, and what no trial can make without that.
    """
    every = [made for everything in shared for made in everything if made.folder in to_make]
    failed = {made.folder for made in every if not ended.get(made.shown, True)}
    found: dict[Path, Made] = {}
    for made in every:
        needs = [folder for folder in made.needs if folder in to_make]
        if made.folder not in failed and all(folder in found for folder in needs):
            found.setdefault(made.folder, made)
    return found


def _finish_job(trial: Trial, everything: Sequence[Made], makers: Mapping[Path, Made]) -> Job:
    shown = finish_name(trial)
    found = {"addresses": addresses(everything)}
    return Job(
        name=shown,
        function=_function(functions.finish_trial),
        arguments={**_folders(trial), "shown": shown, **found},
        threads=1,
        needs=_shown([made.folder for made in everything], makers),
    )


def _folders(trial: Trial) -> dict[str, str]:
    """The study's folder and the trial's, as a worker anywhere finds them."""
    folder = trial.folder.absolute()
    return {"study": str(folder.parents[2]), "trial": str(folder)}


def _check_job(trial: Trial, everything: Sequence[Made], makers: Mapping[Path, Made]) -> Job:
    tokens = [made.folder for made in everything if made.name == names.TOKENS]
    return Job(
        name=check_name(trial.cell),
        function=_function(functions.check_trainings),
        arguments={"trial": _folders(trial)["trial"]},
        threads=1,
        needs=_shown(tokens, makers),
    )


def _shown(folders: Iterable[Path], makers: Mapping[Path, Made]) -> frozenset[str]:
    """Names of the jobs that make these folders."""
    return frozenset(makers[folder].shown for folder in folders if folder in makers)


def _function(function: Callable[..., None]) -> str:
    return f"{function.__module__}:{function.__name__}"
