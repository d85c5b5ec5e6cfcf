"""What the teachers say about a window of tokens: one interface, live or stored.

A signal is asked once a batch and answers with a function from a slice of the batch's positions to
the ensemble's logits there, which is all that the loss needs. `online` runs the teachers, `hidden`
reads their stored states; another kind is one more module with a `Signal` in it.
"""

from typing import Protocol, runtime_checkable

from babyllama.losses import TeacherLogits
from babyllama.tokens import Batch


@runtime_checkable  # so that the tests can check annotations
class Signal(Protocol):
    """What distillation needs of the teachers.

    Attributes:
        products: (inputs, outputs) of the products that `logits` does for each token, for the
            account of FLOPs.
    """

    products: tuple[tuple[int, int], ...]

    def logits(self, batch: Batch) -> TeacherLogits:
        """The ensemble's logits over a batch's windows, formed a slice of positions at a time.

        The slice counts positions row by row, as `hidden.reshape(batch * window, -1)` does.
        """
        ...
