"""About how much memory a training takes, derived from shapes: no model is allocated.

What the backward pass needs is counted: a forward pass runs on tensors that have shapes and no
memory. What does not follow from shapes is not counted: Python and its libraries (some hundred
MiB), an allocator's unused blocks, temporary results within an operation. Blocks are
counted as if uncompiled; compiled ones keep less. `python -m benchmarks.peak_memory` compares the
sum with a measured peak.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from babyllama.models.build import configuration, prefer_fast_attention
from babyllama.models.logits import hidden_states
from babyllama.models.loss import chunk_size
from babyllama.models.precision import compute_dtype, gains_by_rounding
from babyllama.recipe import ExponentialAverage, PretrainingRecipe, Sam, Shape, TrainingRecipe
from babyllama.training.optimizer import make_optimizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes by what they are for.

    Attributes:
        gradients: of all parameters; they stay while the next micro-batch is computed.
        optimizer: two moments per parameter for AdamW, one for Muon.
        copies: of the weights, for a moving average and for SAM.
        activations: what the backward pass needs of a micro-batch.
        loss: logits of a chunk, and the gradients that are computed with them.
        teachers: of a student's teachers: weights, heads, states. A stored signal is not counted:
            it is memory-mapped, and a GPU keeps it only if it has room.
    """

    weights: int
    gradients: int
    optimizer: int
    copies: int
    activations: int
    loss: int
    teachers: int

    @property
    def total(self) -> int:
        """The sum."""
        return sum(astuple(self))


@dataclass(frozen=True)
class Taught:
    """What a student's memory needs to know about its teachers.

    Attributes:
        width: numbers per token that the teachers' logits are computed from; 0 without logits.
        running: parameters of the teachers that run beside the student.
    """

    width: int = 0
    running: int = 0


NO_TEACHERS = Taught()


@cache  # plans of studies ask for the same models again and again
def training_memory(
    part: PretrainingRecipe, vocab_size: int, device: torch.device, taught: Taught = NO_TEACHERS
) -> TrainingMemory | None:
    """About what training one model takes.

    Returns:
        None for an architecture whose shapes depend on the text, such as a mixture of experts.
    """
    training = part.training
    windows = training.micro_batch_size or training.batch_size
    dtype = compute_dtype(training.precision, device)
    # A trial with real tensors, whose answer is kept for the pass below.
    rounds = dtype != torch.float32 and gains_by_rounding(device)
    with FakeTensorMode():
        model = _planned_model(part.model, vocab_size, device)
        weights = _bytes_of(model.parameters())
        moments = _moments(model, training)
        try:
            kept = _kept(model, windows, training.window, dtype)
        except RuntimeError:  # an operation needs values; each raises its own message
            return None
    blocks = kept.inputs + kept.largest if training.activation_checkpointing else kept.inside
    tokens = windows * training.window
    chunk_logits = 4 * min(tokens, chunk_size(vocab_size, device)) * vocab_size
    gradients_of_loss = 4 * kept.width * (vocab_size + tokens)
    if rounds:  # the gradient of a chunk's logits in bfloat16
        gradients_of_loss += chunk_logits // 2
    return TrainingMemory(
        weights=weights,
        gradients=weights,
        optimizer=moments,
        copies=_copies(training) * weights,
        activations=kept.outside + blocks,
        loss=(2 if taught.width else 1) * chunk_logits + gradients_of_loss,
        teachers=4 * taught.running + 4 * taught.width * (vocab_size + tokens),
    )


@dataclass(frozen=True)
class _Kept:
    """Bytes that one forward pass keeps for the backward pass.

    Attributes:
        inside: of all repeated blocks; `largest` is that of one block.
        outside: of everything else.
        inputs: of the inputs of all blocks.
        width: columns of the last hidden states; not bytes.
    """

    inside: int
    largest: int
    outside: int
    inputs: int
    width: int


def _kept(model: "PreTrainedModel", windows: int, window: int, dtype: torch.dtype) -> _Kept:
    """Run a forward pass and count what it keeps: each storage once, parameters not."""
    seen: dict[int, Tensor] = {_storage(each): each for each in model.parameters()}
    by_block: Counter[nn.Module | None] = Counter()
    inputs: list[int] = []
    within: list[nn.Module | None] = [None]  # blocks that are running; None outside of blocks

    def enter(block: nn.Module, given: tuple[Any, ...]) -> None:
        inputs.append(given[0].nbytes)
        within.append(block)

    def leave(*_: object) -> None:
        within.pop()

    def look(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in seen:
            seen[_storage(tensor)] = tensor  # kept, so that no other storage gets its address
            by_block[within[-1]] += tensor.untyped_storage().nbytes()
        return tensor

    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                block.register_forward_pre_hook(enter)
                block.register_forward_hook(leave)
    ids = torch.zeros(windows, window, dtype=torch.int64, device=model.device)
    with (
        _silent(logging.getLogger("torch._subclasses.fake_tensor")),
        torch.autograd.graph.saved_tensors_hooks(look, lambda tensor: tensor),
        torch.autocast(model.device.type, dtype=dtype, enabled=dtype != torch.float32),
    ):
        width = hidden_states(model, ids).shape[-1]
    outside = by_block.pop(None, 0)
    return _Kept(by_block.total(), max(by_block.values(), default=0), outside, sum(inputs), width)


def _planned_model(shape: Shape, vocab_size: int, device: torch.device) -> "PreTrainedModel":
    """The model as it will be on its device, with fake tensors."""
    from transformers import AutoModelForCausalLM

    with device:
        config = configuration(shape, vocab_size, separators=True)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train()
    prefer_fast_attention(model, device)
    return model


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Hide the trace of an operation that fails on tensors without numbers."""
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes_of(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _moments(model: nn.Module, training: TrainingRecipe) -> int:
    """Two numbers per parameter for AdamW, one for Muon."""
    return sum(
        (2 if isinstance(part, torch.optim.AdamW) else 1) * _bytes_of(group["params"])
        for part in make_optimizer(model, training).parts
        for group in part.param_groups
    )


def _copies(training: TrainingRecipe) -> int:
    """Copies of the weights that are kept for a step or longer."""
    is_averaged = isinstance(training.average, ExponentialAverage)
    return is_averaged + isinstance(training.optimizer, Sam)
