"""The teachers' predictions for a window of tokens: one interface, running or stored teachers.

For each batch, a signal returns a function from a slice of the batch's positions to the ensemble's
predictions there: logits or a sketch, which is all that the loss needs. `online` runs the teachers;
the stored kinds (`hidden`, `topk`, `sampled`) read what was written once.
"""

from typing import Protocol, runtime_checkable

from babyllama.data.windows import Batch
from babyllama.models.loss import TeacherTargets


@runtime_checkable  # so that the tests can check annotations
class Signal(Protocol):
    """What distillation needs from the teachers, at one temperature.

    Attributes:
        products: (inputs, outputs) of the products that `targets` takes for each token, for
            counting FLOPs.
    """

    products: tuple[tuple[int, int], ...]

    def targets(self, batch: Batch) -> TeacherTargets:
        """The ensemble's predictions for a batch's windows, a slice of positions at a time.

        Positions are numbered row by row, as in `hidden.reshape(batch * window, -1)`.
        """
        ...
