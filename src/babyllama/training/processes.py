"""The processes that train one model together: which of them this is, and what they share.

One alone is the usual case, and the same code. Accelerate finds the devices and starts the
communication; torch shares a model's weights out over the processes where a recipe asks for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from babyllama.errors import InputError

if TYPE_CHECKING:
    from accelerate import PartialState

# A stage that the first process does alone may take days.
_PATIENCE = timedelta(days=7)


class Processes:
    """Those that a launcher started; this one alone where none did."""

    def __init__(self) -> None:
        self._state = _state()
        self.device: torch.device = self._state.device
        self.rank: int = self._state.process_index
        self.count: int = self._state.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """The rows of a batch that are this process's.

        Raises:
            InputError: fewer rows than processes.
        """
        if rows < self.count:
            raise InputError(
                f"{rows} windows cannot be shared by {self.count} processes",
                mend="Use fewer processes, or a larger training.batch_size.",
            )
        return slice(self.rank * rows // self.count, (self.rank + 1) * rows // self.count)

    def together(self, module: nn.Module, *, shard: bool) -> nn.Module:
        """The module as all processes train it: a copy in each, or shared out.

        Gradients become the mean over the processes while they are computed.
        """
        if self.count == 1:
            return module
        if shard:
            return _shared_out(module, self.device, self.count)
        # Buckets that are never laid out anew: otherwise a run that goes on adds up gradients in
        # another order than one that was never stopped.
        return DistributedDataParallel(
            module,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            find_unused_parameters=True,
        )

    @contextmanager
    def no_sync(self, module: nn.Module, *, until: bool) -> Iterator[None]:
        """Leave gradients where they are, for all but the last of several micro-batches."""
        if until or self.count == 1 or not hasattr(module, "no_sync"):
            yield
        else:
            with module.no_sync():  # type: ignore[operator]
                yield

    def mean(self, values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Means over the processes."""
        if self.count == 1:
            return values
        torch.distributed.all_reduce(values)
        return values / self.count

    def wait(self) -> None:
        """Until all processes are here."""
        self._state.wait_for_everyone()

    def broadcast(self, words: str | None) -> str | None:
        """What the first process says, to all of them; the others' words do not count."""
        if self.count == 1:
            return words
        said: list[Any] = [words]
        torch.distributed.broadcast_object_list(said, group=_patient_group())
        heard: str | None = said[0]
        return heard


def gathered(tensor: Tensor) -> Tensor:
    """All of a tensor that may be shared out; every process must ask for it."""
    gather: Callable[[], Tensor] | None = getattr(tensor, "full_tensor", None)
    return gather() if gather else tensor


def distributed(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, on the device of `like` and shared out as that is."""
    moved = tensor.to(like.device)
    if hasattr(like, "placements"):
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(like, DTensor)
        return distribute_tensor(moved, like.device_mesh, like.placements)
    return moved


@lru_cache
def _patient_group() -> Any:
    """For words, which the others may wait for long; a peer that dies ends the wait at once."""
    return torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)


def _state() -> "PartialState":
    """Accelerate's: the device, and the process group that a launcher's variables describe.

    No more of it, since a launcher's own settings (precision, compilation, sharding) would come
    along; the recipe decides these.
    """
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())


def _shared_out(module: nn.Module, device: torch.device, count: int) -> nn.Module:
    """Every repeated block by itself, then what is left, so that one block is whole at a time."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (count,))
    for each in list(module.modules()):
        if isinstance(each, nn.ModuleList):
            for block in each:
                fully_shard(block, mesh=mesh)
    # After every pass: scoring, saving and averaging in between must find what is shared out.
    fully_shard(module, mesh=mesh, reshard_after_forward=True)
    return module
