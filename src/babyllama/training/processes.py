"""The processes that train one model together: which of them this is, and how they communicate.

A single process is the usual case, and runs the same code. Accelerate finds the devices and starts
the communication; torch shards a model over the processes where a recipe asks for it.
"""

import time
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
from babyllama.runs.launched import COUNT, Launched
from babyllama.training.meeting import meet

if TYPE_CHECKING:
    from accelerate import PartialState

# While the first process makes a stage by itself, which may take days, the others wait.
_TIMEOUT = timedelta(days=7)
_BETWEEN_LOOKS = 0.05  # seconds


class Processes:
    """The processes that a launcher started; this one alone without a launcher."""

    def __init__(self) -> None:
        self._state = _state()
        self.device: torch.device = self._state.device
        self.rank: int = self._state.process_index
        self.count: int = self._state.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """This process's share of the rows of a batch.

        Raises:
            InputError: fewer rows than processes.
        """
        if rows < self.count:
            raise InputError(
                f"{rows} windows cannot be shared by {self.count} processes",
                mend="Use fewer processes, or a larger training.batch_size.",
            )
        return slice(self.rank * rows // self.count, (self.rank + 1) * rows // self.count)

    def wrap(self, module: nn.Module, *, shard: bool) -> nn.Module:
        """The module as all processes train it: a replica in each, or sharded.

        Gradients are averaged over the processes while they are computed.
        """
        if self.count == 1:
            return module
        if shard:
            return _sharded(module, self.device, self.count)
        # With find_unused_parameters the buckets of gradients are never rebuilt. Otherwise a
        # resumed run adds up gradients in another order than an uninterrupted one.
        return DistributedDataParallel(
            module,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            find_unused_parameters=True,
        )

    @contextmanager
    def no_sync(self, module: nn.Module, *, enabled: bool) -> Iterator[None]:
        """Do not average gradients: wanted for all but the last of several micro-batches."""
        if enabled and self.count > 1 and hasattr(module, "no_sync"):
            with module.no_sync():  # type: ignore[operator]
                yield
        else:
            yield

    def mean(self, values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The mean over the processes."""
        if self.count == 1:
            return values
        torch.distributed.all_reduce(values)
        return values / self.count

    def any(self, is_so: bool) -> bool:
        """Whether it is so in any process. Every process must call it."""
        return bool(self.mean(torch.tensor([float(is_so)], device=self.device)) > 0)

    def wait(self) -> None:
        """Wait until all processes have come here."""
        self._state.wait_for_everyone()

    def broadcast(self, text: str | None) -> str | None:
        """Broadcast the first process's text; the text of the others is ignored.

        The others may wait for days while the first one works alone; Ctrl-C and SIGTERM end that.

        Raises:
            RuntimeError: another process has ended meanwhile.
        """
        if self.count == 1:
            return text
        sent = text.encode() if self.is_first and text is not None else b""
        size = torch.tensor([len(sent)])
        _broadcast(size)
        received = torch.zeros(int(size), dtype=torch.uint8)
        if self.is_first:
            received[:] = torch.frombuffer(bytearray(sent), dtype=torch.uint8) if sent else received
        if len(received):
            _broadcast(received)
        return bytes(received.tolist()).decode()


def join_processes(launched: Launched) -> None:
    """Meet the other processes of the launcher, and start the communication.

    Raises:
        InputError: they do not come (names them), or torch finds fewer.
    """
    meet(launched)
    found = Processes().count
    if found != launched.count:
        raise InputError(
            f"{COUNT} is {launched.count}, but {found} processes were found",
            why="Processes find each other by RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT.",
            mend="Start them with torchrun or accelerate launch.",
        )
    _group_with_timeout()  # all are here: made later, it would wait in C++ for the slowest


def gathered(tensor: Tensor) -> Tensor:
    """The full tensor, if it is sharded. Every process must call it."""
    gather: Callable[[], Tensor] | None = getattr(tensor, "full_tensor", None)
    return gather() if gather else tensor


def distributed(tensor: Tensor, like: Tensor) -> Tensor:
    """A full tensor on the device of `like`, and sharded as `like` is."""
    moved = tensor.to(like.device)
    if hasattr(like, "placements"):
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(like, DTensor)
        return distribute_tensor(moved, like.device_mesh, like.placements)
    return moved


def _broadcast(tensor: Tensor) -> None:
    """Broadcast from the first process; wait in Python, where signals are handled.

    Raises:
        RuntimeError: another process has ended meanwhile.
    """
    work = torch.distributed.broadcast(tensor, 0, group=_group_with_timeout(), async_op=True)
    while not work.is_completed():
        time.sleep(_BETWEEN_LOOKS)
    work.wait()


@lru_cache
def _group_with_timeout() -> Any:
    """A group for text, with a long timeout; if a peer dies, the wait ends at once."""
    return torch.distributed.new_group(backend="gloo", timeout=_TIMEOUT)


def _state() -> "PartialState":
    """Accelerate's state: the device, and the process group that a launcher's variables describe.

    Nothing else of Accelerate is used here, because it would bring a launcher's own settings
    (precision, compilation, sharding), and the recipe decides these.
    """
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())


def _sharded(module: nn.Module, device: torch.device, count: int) -> nn.Module:
    """Shard every repeated block by itself, then the rest: one block at a time is gathered."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (count,))
    for each in list(module.modules()):
        if isinstance(each, nn.ModuleList):
            for block in each:
                fully_shard(block, mesh=mesh)
    # Reshard after every pass: scoring, saving and averaging in between expect shards.
    fully_shard(module, mesh=mesh, reshard_after_forward=True)
    return module
