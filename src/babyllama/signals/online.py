"""The online kind: the teachers run beside the student. Exact, for any windows."""

from collections.abc import Sequence
from pathlib import Path

import torch

from babyllama.data.windows import Batch
from babyllama.models.ensemble import Ensemble, load_ensemble, refuse_unread_windows
from babyllama.models.loss import TeacherTargets
from babyllama.models.precision import compute_dtype
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.signals.encoding import Sizes, TeacherShapes


def sizes(teachers: TeacherShapes) -> Sizes:
    """Nothing on disk; every token passes through all teachers."""
    return Sizes(products=teachers.products, state_width=teachers.width, runs_teachers=True)


class OnlineTeachers:
    """Running teachers as a signal: they give hidden states, logits exist a slice at a time."""

    def __init__(self, ensemble: Ensemble, temperature: float) -> None:
        self._ensemble = ensemble
        self._temperature = temperature
        shapes = TeacherShapes.of(ensemble.models, ensemble.mixture.vocab_size)
        self.products = sizes(shapes).products

    def targets(self, batch: Batch) -> TeacherTargets:
        """Run the teachers over the batch's windows."""
        states = self._ensemble.states_of(batch).flatten(0, 1)
        return lambda part: self._ensemble.mixture.logits(states[part], self._temperature)


def open_online(
    teachers: Sequence[Path],
    *,
    window: int,
    temperature: float,
    precision: str,
    device: torch.device,
    separate: bool = False,
    mixing: Mixing = EQUAL_WEIGHTS,
) -> OnlineTeachers:
    """Load teacher folders as a signal for windows of this length.

    Args:
        separate: whether the windows' documents are read separately.

    Raises:
        InputError: teachers that cannot read such windows; as `load_ensemble`.
    """
    ensemble = load_ensemble(
        teachers,
        device=device,
        mixing=mixing,
        dtype=compute_dtype(precision, device),
    )
    refuse_unread_windows(ensemble, window, separate=separate)
    return OnlineTeachers(ensemble, temperature)
