"""How far a run is while it is made: how many stages, and about how long the rest takes."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from babyllama.console import format_duration, open_bars, print_status
from babyllama.pipeline.planning import Plan
from babyllama.pipeline.stages import benchmarks_of, scored_models
from babyllama.recipe import Recipe
from babyllama.recipe.names import EVALUATION, SAMPLED_TEXT, SIGNAL, TRAININGS, UNTRAINED
from babyllama.runs.artefact import Stage
from babyllama.runs.layout import Layout

_LEAST_SECONDS = 15.0  # before an estimate is shown
# Bytes of a benchmark's files for each token that is scored. Chosen so that scoring does as many
# FLOPs a second as training: on mini scoring took 33 of 90 s of work.
_BYTES_PER_TOKEN = 8.0


class Remaining:
    """Counts the stages that are made, and estimates the time of the others from their FLOPs.

    Args:
        stages: names of all stages.
        flops: of each training, signal and sampled text that is to be made, by name.
        made: names of those that are complete.
        scoring: estimates the FLOPs of scoring each model, by name; called once benchmarks exist.
    """

    def __init__(
        self,
        stages: Sequence[str],
        flops: Mapping[str, float],
        scoring: Callable[[], Mapping[str, float]] = dict,
        *,
        made: Iterable[str] = (),
    ) -> None:
        self._stages, self._flops, self._find_scoring = stages, flops, scoring
        self._scoring: Mapping[str, float] = {}
        self._shares: dict[str, tuple[float, float]] = {}  # of trainings: done now, and before
        self._made = set(made)
        self._scored: set[str] = set()
        self._now = ""
        self._started = self._scoring_started = self._last_scored = 0.0

    def begin(self, name: str) -> None:
        """Note the stage that is made now, or the first of several."""
        self._now = name
        if name in self._flops:
            self._started = self._started or time.monotonic()
        if name == EVALUATION:
            self._scoring_started = time.monotonic()
        if name in self._flops or name == EVALUATION:
            self._scoring = self._scoring or self._find_scoring()

    def count(self, name: str) -> None:
        """Count a stage that is made; a log says how far the run is after a long one."""
        self._made.add(name)
        if name in self._flops:
            print_status(f"  {self.line()}", style="dim", only="log")

    def count_scored(self, model: str) -> None:
        """Count a model that is scored."""
        self._scored.add(model)
        self._last_scored = time.monotonic()

    def line(self) -> str:
        """`5 of 11 stages are made, about 2 min 10 s left`."""
        made = len(self._made)
        text = f"{made} of {len(self._stages)} stages are made"
        if self._now and self._now not in self._made and self._now not in self._flops:
            text += f", now {self._now}"
        left = self.seconds_left()
        if left is None:
            return text
        return f"{text}, about {format_duration(round(left, -1) if left > 60 else left)} left"

    def seconds_left(self) -> float | None:
        """Seconds for trainings, signal and scores, at the speed so far; None while it is unknown.

        Cleaning, tokens and report take seconds, and are not counted.
        """
        now, bars = time.monotonic(), open_bars()
        done = left = 0.0
        for name, flops in self._flops.items():
            if bar := bars.get(name.rpartition("/")[2]):
                self._shares[name] = bar.share, bar.share_before
            share, before = self._shares.get(name, (0.0, 0.0))
            share = 1.0 if name in self._made else share
            done += flops * (share - before)
            left += flops * (1 - share)
        to_score = sum(flops for name, flops in self._scoring.items() if name not in self._scored)
        if EVALUATION in self._made or not (left or to_score):
            return None
        seconds = (self._scoring_started or now) - self._started
        speed = done / seconds if self._started and done and seconds >= _LEAST_SECONDS else 0.0
        scored = sum(self._scoring[name] for name in self._scored & self._scoring.keys())
        begun = self._last_scored or self._scoring_started
        scoring_speed = scored / (begun - self._scoring_started) if scored else speed
        if (left and not speed) or (to_score and not scoring_speed):
            return None
        found = (left / speed if left else 0.0) + (to_score / scoring_speed if to_score else 0.0)
        # Between two models only the clock says how far scoring is.
        found -= now - begun if begun else 0.0
        return found if found >= 1 else None


def remaining(
    recipe: Recipe, folder: Path, planned: Plan, line: Sequence[Stage], to_make: Iterable[Stage]
) -> Remaining:
    """Count for the stages of a run.

    Args:
        line: all stages.
        to_make: those that are not complete.
    """
    trainings = {model.name: model.flops for model in planned.models}
    names = {stage.name for stage in to_make}

    def flops(stage: Stage) -> float:
        if stage.kind == SIGNAL:
            return planned.signal_flops
        if stage.kind == SAMPLED_TEXT:
            return planned.sampling_flops[stage.out.name]
        return trainings.get(stage.out.name, 0.0)

    long = [
        stage
        for stage in line
        if stage.name in names and stage.kind in (*TRAININGS, SIGNAL, SAMPLED_TEXT)
    ]
    return Remaining(
        [stage.name for stage in line],
        {stage.name: flops(stage) for stage in long},
        lambda: _scoring(recipe, folder, planned, long) if EVALUATION in names else {},
        made=[stage.name for stage in line if stage.name not in names],
    )


def _scoring(
    recipe: Recipe, folder: Path, planned: Plan, trained: Iterable[Stage]
) -> dict[str, float]:
    """About the FLOPs of scoring each model: two for each parameter and token.

    If the run was scored before, only the models that are trained again are scored.
    """
    paths = benchmarks_of(recipe, folder).values()
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    size = sum(file.stat().st_size for file in files if file.is_file())
    parameters = {model.name: model.parameters for model in planned.models}
    usual = max(parameters.values(), default=0)
    scored = {**scored_models(recipe, folder), UNTRAINED: []}
    if Layout(folder).evaluation.exists():
        again = {stage.out.name for stage in trained}
        scored = {
            name: folders
            for name, folders in scored.items()
            if again & {path.name for path in folders}
        }
    return {
        name: 2.0
        * (size / _BYTES_PER_TOKEN)
        * sum(parameters.get(path.name, usual) for path in folders or [folder])
        for name, folders in scored.items()
    }
