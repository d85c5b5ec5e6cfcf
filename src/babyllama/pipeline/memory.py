"""How much memory a training takes at its peak, worked out from shapes: no model is allocated.

What the backward pass keeps is counted, not guessed: a forward pass runs on tensors that have
shapes and no memory. What a compiled block does without, and what a processor's allocator does not
give back, are factors that were measured: `python -m benchmarks.peak_memory`.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from babyllama.models.build import configuration, parameter_count, prefer_fast_attention
from babyllama.models.logits import hidden_states
from babyllama.models.loss import chunk_size
from babyllama.models.precision import compute_dtype
from babyllama.recipe import ExponentialAverage, PretrainingRecipe, Sam, Shape, TrainingRecipe
from babyllama.training.compilation import can_compile
from babyllama.training.optimizer import make_optimizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# What a training loads beyond what a plan has loaded: tokenizer and tokens; the compiler.
_LOADED_LATER = 40 * 2**20
_COMPILER = 80 * 2**20
# Of what an eager block keeps, what a compiled one does: element-wise results are worked out again.
# In few bits an eager block also keeps copies in both precisions.
_COMPILED_KEEPS = {torch.float32: 0.7, torch.bfloat16: 0.63}
# Holes between blocks in use: what glibc holds beyond what a step needs at once. Larger blocks than
# this fill no holes: they come from the system and go back to it at once.
_HOLES = 0.3
_LARGEST_IN_HOLES = 32 * 2**20


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes at the fullest moment, by what they are for.

    Attributes:
        process: Python and its libraries, the compiler among them; 0 for a card.
        state: weights, the optimiser's moments, copies of the weights for an average or SAM.
        gradients: of all parameters; they lie there while the next micro-batch is computed.
        activations: what the backward pass needs of a micro-batch.
        loss: logits of a chunk, and the gradients that are made with them.
        teachers: of a student's teachers: weights, heads, states.
        allocator: holes in a processor's memory, and the products that speed is held against.
        signal: as much of a stored one as finds room. On a processor it is mapped: memory that the
            system lends and takes back, so a training can do with less.
    """

    process: int
    state: int
    gradients: int
    activations: int
    loss: int
    teachers: int
    allocator: int
    signal: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(astuple(self))


@dataclass(frozen=True)
class Taught:
    """What tells a student about its teachers.

    Attributes:
        width: numbers a token that the teachers' logits are made of; 0 where no logits are made.
        running: teachers that run beside the student.
        signal_bytes: of a stored signal, all of which is read.
    """

    width: int = 0
    running: tuple[Shape, ...] = ()
    signal_bytes: int = 0


def training_memory(
    part: PretrainingRecipe, vocab_size: int, device: torch.device, *, taught: Taught | None = None
) -> TrainingMemory | None:
    """What training one model takes at its peak, alone in a process of its own.

    Returns:
        None for an architecture whose shapes depend on the text, such as a mixture of experts.
    """
    training = part.training
    windows = training.micro_batch_size or training.batch_size
    tokens, on_card = windows * training.window, device.type != "cpu"
    dtype = compute_dtype(training.precision, device)
    compiled = training.compile and can_compile()
    with FakeTensorMode():
        model = _planned_model(part.model, vocab_size, device)
        weights = _bytes_of(model.parameters())
        state = (1 + _copies(training)) * weights + _moments(model, training)
        try:
            kept = _kept(model, windows, training.window, dtype)
        except RuntimeError:  # an operation needs to see numbers, each says so in its own words
            return None
    blocks = kept.inputs + kept.largest if training.activation_checkpointing else kept.inside
    activations = kept.outside + round(blocks * (_COMPILED_KEEPS[dtype] if compiled else 1))
    # A chunk's logits, the teachers', on a card what passes over them make; then the gradients.
    passes = 1 if not on_card else 2 if compiled else 4
    chunk = min(tokens, chunk_size(vocab_size, device))
    taught = taught or Taught()
    loss = 4 * chunk * vocab_size * passes * (2 if taught.width else 1)
    loss += 4 * kept.width * (vocab_size + tokens)
    teachers = 4 * taught.width * (vocab_size + tokens)
    teachers += 4 * sum(parameter_count(shape, vocab_size) for shape in taught.running)
    process = allocator = 0
    if not on_card:
        process = psutil.Process().memory_info().rss + _LOADED_LATER + compiled * _COMPILER
        products = (4 if dtype == torch.float32 else 6) * tokens * vocab_size
        allocator = round(_HOLES * (weights + activations + loss))
        allocator += products if products > _LARGEST_IN_HOLES else 0
    needed = TrainingMemory(process, state, weights, activations, loss, teachers, allocator, 0)
    return replace(needed, signal=_resident(taught.signal_bytes, needed.total, device))


@dataclass(frozen=True)
class _Kept:
    """Bytes that one forward pass keeps for the backward pass.

    Attributes:
        inside: of the repeated blocks, all together; `largest` is one block's.
        outside: of all else.
        inputs: of what goes into the blocks.
        width: columns of the last hidden states; no bytes.
    """

    inside: int
    largest: int
    outside: int
    inputs: int
    width: int


def _kept(model: "PreTrainedModel", windows: int, window: int, dtype: torch.dtype) -> _Kept:
    """Run a forward pass and look at what it keeps: each storage once, parameters not."""
    seen: dict[int, Tensor] = {_storage(each): each for each in model.parameters()}
    by_block: Counter[nn.Module | None] = Counter()
    inputs: list[int] = []
    within: list[nn.Module | None] = [None]  # blocks that are running; outside of all: None

    def enter(block: nn.Module, given: tuple[Any, ...]) -> None:
        inputs.append(given[0].nbytes)
        within.append(block)

    def leave(*_: object) -> None:
        within.pop()

    def look(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in seen:
            seen[_storage(tensor)] = tensor  # held, so that no other storage gets its number
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
    """A model that will be trained, as it stands on its device; fake where tensors are."""
    from transformers import AutoModelForCausalLM

    with device:
        config = configuration(shape, vocab_size, separators=True)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train()
    prefer_fast_attention(model, device)
    return model


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Without the trace of an operation that fails on tensors without numbers."""
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
    """Two numbers a parameter for AdamW, one for Muon."""
    return sum(
        (2 if isinstance(part, torch.optim.AdamW) else 1) * _bytes_of(group["params"])
        for part in make_optimizer(model, training).parts
        for group in part.param_groups
    )


def _copies(training: TrainingRecipe) -> int:
    """Copies of the weights that last for a step or longer."""
    is_averaged = isinstance(training.average, ExponentialAverage)
    return is_averaged + isinstance(training.optimizer, Sam)


def _resident(signal_bytes: int, needed: int, device: torch.device) -> int:
    """What stays of a stored signal: a card keeps one that fits into half of what is free."""
    if device.type == "cpu":
        return min(signal_bytes, max(0, int(psutil.virtual_memory().available) - needed))
    free: int = torch.cuda.mem_get_info(device)[0]
    return signal_bytes if signal_bytes <= free / 2 else 0
