"""What came out of a study: a row for each model of each trial, and what is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from babyllama.console import print_status
from babyllama.errors import InputError, listed
from babyllama.recipe import load_recipe
from babyllama.runs.artefact import difference
from babyllama.runs.layout import Layout
from babyllama.runs.run import Role, read_run
from babyllama.scores.measures import read_measures
from babyllama.scores.results import ModelResult, read_results
from babyllama.studies.cells import Trial
from babyllama.studies.failures import read_failure
from babyllama.studies.store import (
    ADDRESSES,
    Made,
    check_name,
    files_of_user,
    finish_name,
    is_finished,
    is_made,
    shared_by,
    was_finished,
)
from babyllama.studies.study import ABOVE_ENTROPY, DEV_LOSS


@dataclass(frozen=True)
class Outcome:
    """A model of a finished trial.

    Attributes:
        result: its result file: scores, decisions on items, and measures on dev text.
        values: by measure, in its unit: benchmarks, `dev_cross_entropy`, `nats_above_entropy` if
            the corpus's entropy is known, and measures of predictions such as `calibration_error`.
        flops, seconds: of its own training; 0 of the ensemble and of random weights.
        made_with: device, precision and versions of its training, in words; "" without one.
    """

    cell: str
    seed: int
    model: str
    role: Role
    trial: Path
    result: ModelResult = field(repr=False)
    values: Mapping[str, float]
    flops: float = 0.0
    seconds: float = 0.0
    made_with: str = ""


@dataclass(frozen=True)
class Missing:
    """A trial that is not finished.

    Attributes:
        why: what it lacks, in a few words.
    """

    cell: str
    seed: int
    why: str


def outcomes_of(trials: Iterable[Trial], out: Path) -> tuple[list[Outcome], list[Missing]]:
    """Every model of every finished trial, in the order of the trials; and the other trials.

    Where a text or a benchmark is not there any more, a trial is finished if its folder says so.

    Args:
        out: the study's folder.

    Raises:
        InputError: a result file that cannot be read.
    """
    found: list[Outcome] = []
    unfinished: list[tuple[Trial, list[Made]]] = []
    makers: dict[Path, list[str]] = {}  # the names of all jobs that may have made a folder
    absent: dict[Path, None] = {}
    for trial in trials:
        everything = list(shared_by(trial, out))
        for made in everything:
            makers.setdefault(made.folder, []).append(made.shown)
        gone = [path for path in files_of_user(trial) if not path.exists()]
        if gone and was_finished(trial, out):
            absent |= dict.fromkeys(gone)
            found += _outcomes(trial)
        elif is_finished(trial, everything):
            found += _outcomes(trial)
        else:
            unfinished.append((trial, everything))
    if absent:
        print_status(
            f"  not there: {listed([*absent])}. What the trials recorded is shown", style="yellow"
        )
    return found, [
        Missing(
            trial.cell,
            trial.seed,
            _failed(trial, everything, makers, out)
            or _changed(trial)
            or _older(trial, out)
            or _lacking(everything),
        )
        for trial, everything in unfinished
    ]


def _outcomes(trial: Trial) -> Iterator[Outcome]:
    run, layout = read_run(trial.folder), Layout(trial.folder)
    entropy = run.dev_entropy
    for model in run.models:
        (result,) = read_results(layout.scores(model.name))
        facts = model.facts
        values = {name: scores.score for name, scores in result.benchmarks.items()}
        if result.dev:
            values[DEV_LOSS] = result.dev.cross_entropy
            if entropy is not None and result.dev.nats_per_word is not None:
                values[ABOVE_ENTROPY] = result.dev.nats_per_word - entropy
        measures = read_measures(layout.measures(model.name))
        values |= {name: each.value for name, each in measures.items() if name not in values}
        yield Outcome(
            cell=trial.cell,
            seed=trial.seed,
            model=model.name,
            role=model.role,
            trial=trial.folder,
            result=result,
            values=values,
            flops=float(facts.get("flops", 0)),
            seconds=float(model.manifest.get("wall_seconds", 0)),
            made_with=_made_with(model.manifest),
        )


def _made_with(manifest: Mapping[str, object]) -> str:
    facts, versions = manifest.get("facts"), manifest.get("versions")
    if not isinstance(facts, dict) or not isinstance(versions, dict):
        return ""
    # Without the number of threads, which differs between a study's teachers and its students.
    device = str(facts.get("device", "")).partition(",")[0]
    parts = [device, facts.get("precision"), *(f"{name} {v}" for name, v in versions.items())]
    return ", ".join(str(part) for part in parts if part)


def _failed(
    trial: Trial, everything: Sequence[Made], makers: Mapping[Path, Sequence[str]], out: Path
) -> str:
    """The failure because of which a trial is not finished; "" if none is known."""
    of_things = [name for made in everything if not is_made(made) for name in makers[made.folder]]
    for name in (check_name(trial.cell), *of_things, finish_name(trial)):
        if failure := read_failure(name, out):
            why = f": {failure.why}" if failure.why else ""
            return f"{name} failed{why}; log {failure.log.relative_to(out)}"
    return ""


def _changed(trial: Trial) -> str:
    """With which other settings a trial was finished; "" if it was not, or none is known."""
    recorded = Layout(trial.folder).recipe
    if not (trial.folder / ADDRESSES).is_file() or not recorded.is_file():
        return ""
    try:
        was = load_recipe(str(recorded)).model_dump(mode="json")
    except InputError:  # of another release
        return ""
    change = difference(was, trial.recipe.model_dump(mode="json"))
    return f"finished with other settings: {change}" if change else ""


def _older(trial: Trial, out: Path) -> str:
    """What may have changed since a trial was finished with its recipe; "" if it was not."""
    if not was_finished(trial, out):
        return ""
    may_be = listed([*files_of_user(trial), "babyllama"])
    return f"finished before one of these changed: {may_be}"


def _lacking(everything: Sequence[Made]) -> str:
    lacking = [made.name for made in everything if not is_made(made)]
    if not lacking:
        return "scores not collected"
    return f"not made: {', '.join(lacking[:3])}" + (", ..." if lacking[3:] else "")
