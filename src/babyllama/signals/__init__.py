"""What the teachers say about a window of tokens: one interface, live or stored.

A signal is asked once a batch and answers with a function from a slice of the batch's positions to
what the ensemble says there, which is all that the loss needs. `online` runs the teachers; the
stored kinds (`hidden`, `topk`, `sampled`) read what they said once.
"""

from typing import Protocol, runtime_checkable

from babyllama.data.windows import Batch
from babyllama.models.loss import TeacherTargets


@runtime_checkable  # so that the tests can check annotations
class Signal(Protocol):
    """What distillation needs of the teachers, opened for one temperature.

    Attributes:
        products: (inputs, outputs) of the products that `targets` does for each token, for the
            account of FLOPs.
    """

    products: tuple[tuple[int, int], ...]

    def targets(self, batch: Batch) -> TeacherTargets:
        """What the ensemble says over a batch's windows, a slice of positions at a time.

        The slice counts positions row by row, as `hidden.reshape(batch * window, -1)` does.
        """
        ...
