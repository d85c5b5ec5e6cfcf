"""How much of a run's trainings and signal is left while they are made."""

import time
from collections.abc import Iterable, Mapping

from babyllama.console import format_duration, print_status
from babyllama.pipeline.planning import Plan
from babyllama.recipe.names import SAMPLED_TEXT, SIGNAL
from babyllama.runs.artefact import Stage


class Remaining:
    """Counts stages that are made, and estimates the time of the others from their FLOPs.

    Args:
        flops: of each stage that is to be made, by name.
    """

    def __init__(self, flops: Mapping[str, float]) -> None:
        self._flops = flops
        self._done: list[str] = []
        self._started = time.monotonic()

    def count(self, name: str) -> None:
        """Count a stage that is made, and print how far the run is."""
        self._done.append(name)
        text = f"  {len(self._done)} of {len(self._flops)} trainings and signals are made"
        left = self.seconds_left(time.monotonic() - self._started)
        if left:
            text += f"; about {format_duration(left)} for the others, then scores and report"
        print_status(text, style="dim")

    def seconds_left(self, seconds: float) -> float:
        """Seconds for what is left, if it is made as fast as what is done; 0 if nothing is left.

        Args:
            seconds: since the first stage was begun.
        """
        done = sum(self._flops[name] for name in self._done)
        left = sum(self._flops.values()) - done
        return seconds * left / done if done and len(self._done) < len(self._flops) else 0.0


def remaining(planned: Plan, stages: Iterable[Stage]) -> Remaining:
    """Count for stages that are trainings, signals and sampled texts."""
    models = {model.name: model.flops for model in planned.models}

    def flops(stage: Stage) -> float:
        if stage.kind == SIGNAL:
            return planned.signal_flops
        if stage.kind == SAMPLED_TEXT:
            return planned.sampling_flops[stage.out.name]
        return models[stage.out.name]

    return Remaining({stage.name: flops(stage) for stage in stages})
