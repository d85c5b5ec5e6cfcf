"""The online signal: the teachers run beside the student. Exact, for any windows."""

from collections.abc import Sequence
from pathlib import Path

import torch

from babyllama.data.windows import Batch
from babyllama.models.build import product_shapes
from babyllama.models.ensemble import Ensemble, load_ensemble, refuse_long_windows
from babyllama.models.loss import TeacherTargets
from babyllama.models.precision import compute_dtype
from babyllama.recipe import EQUAL_WEIGHTS, Mixing


class OnlineSignal:
    """Only the teachers' hidden states leave them; logits exist a slice at a time."""

    def __init__(self, ensemble: Ensemble, temperature: float) -> None:
        self._ensemble = ensemble
        self._temperature = temperature
        self.products = tuple(shape for model in ensemble.models for shape in product_shapes(model))

    def targets(self, batch: Batch) -> TeacherTargets:
        """Run the teachers over the batch's windows."""
        states = self._ensemble.states(batch.input_ids).flatten(0, 1)
        return lambda part: self._ensemble.mixture.logits(states[part], self._temperature)


def open_online(
    teachers: Sequence[Path],
    *,
    window: int,
    temperature: float,
    precision: str,
    device: torch.device,
    mixing: Mixing = EQUAL_WEIGHTS,
) -> OnlineSignal:
    """Load teacher folders as one signal for windows of this length.

    Raises:
        InputError: teachers too short for the window; what `load_ensemble` raises.
    """
    ensemble = load_ensemble(
        teachers,
        device=device,
        mixing=mixing,
        dtype=compute_dtype(precision, device),
    )
    refuse_long_windows(ensemble, window)
    return OnlineSignal(ensemble, temperature)
