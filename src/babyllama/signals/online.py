"""The online signal: the teachers run beside the student. Exact, for any windows."""

from collections.abc import Sequence
from pathlib import Path

import torch

from babyllama.ensemble import Ensemble, load_ensemble, refuse_long_windows
from babyllama.losses import TeacherLogits, form_logits
from babyllama.models import compute_dtype, product_shapes
from babyllama.tokens import Batch


class OnlineSignal:
    """Only the teachers' hidden states leave them; logits exist a slice at a time."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self.products = tuple(shape for model in ensemble.models for shape in product_shapes(model))

    def logits(self, batch: Batch) -> TeacherLogits:
        """Run the teachers over the batch's windows."""
        states = self._ensemble.states(batch.input_ids).flatten(0, 1)
        return lambda part: form_logits(states[part], self._ensemble.head)


def open_online(
    teachers: Sequence[Path], *, window: int, precision: str, device: torch.device
) -> OnlineSignal:
    """Load teacher folders as one signal for windows of this length.

    Raises:
        InputError: teachers too short for the window; what `load_ensemble` raises.
    """
    ensemble = load_ensemble(teachers, device=device, dtype=compute_dtype(precision, device))
    refuse_long_windows(ensemble, window)
    return OnlineSignal(ensemble)
