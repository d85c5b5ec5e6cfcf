"""The gradient of a batch: forward and backward, a micro-batch at a time, and clipping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from babyllama.console import Stop
from babyllama.data.windows import Batch
from babyllama.models.build import checkpoint_activations, prefer_fast_attention
from babyllama.models.documents import separate_documents
from babyllama.models.logits import Head, hidden_states, output_head
from babyllama.models.loss import LossTerms
from babyllama.models.precision import matmul_precision
from babyllama.recipe import Sam, TrainingRecipe
from babyllama.training.compilation import compile_blocks
from babyllama.training.optimizer import sam_ascent
from babyllama.training.processes import Processes, gathered

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Loss = Callable[[Tensor, Head, Batch], LossTerms]
# The numbers that the guard judges a step by and the log records, in this order.
NUMBERS = ("loss", "cross_entropy", "kl", "gradient_norm", "stop")


class Forward(nn.Module):
    """A forward pass with its loss, as one module: what processes copy or shard."""

    def __init__(self, model: "PreTrainedModel", dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, loss: Loss, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, cross-entropy and KL of some windows."""
        device = self.model.device
        positions = batch.position_ids
        batch = Batch(
            batch.starts,
            _on_device(batch.input_ids, device),
            _on_device(batch.labels, device),
            None if positions is None else _on_device(positions, device),
        )
        context = separate_documents(batch.position_ids, self.dtype)
        with matmul_precision(self.dtype, device):
            with torch.autocast(device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
                hidden = hidden_states(self.model, batch.input_ids, **context)
            terms = loss(hidden, output_head(self.model), batch)
        return terms.total, terms.cross_entropy, terms.kl


def prepare(
    model: "PreTrainedModel", recipe: TrainingRecipe, dtype: torch.dtype, processes: Processes
) -> nn.Module:
    """Move a model to its device and set it up by the recipe; returns its forward pass."""
    model.to(processes.device).train()
    prefer_fast_attention(model, processes.device)
    if recipe.activation_checkpointing:
        checkpoint_activations(model)
    if recipe.compile:
        compile_blocks(model)
    return processes.wrap(Forward(model, dtype), shard=recipe.shard)


@dataclass(frozen=True)
class Gradients:
    """Computes the gradient of one batch after another.

    Attributes:
        forward: what `prepare` returned.
        seed: dropout is a function of it, the step and the rank.
    """

    forward: nn.Module
    loss: Loss
    recipe: TrainingRecipe
    dtype: torch.dtype
    processes: Processes
    seed: int

    def compute(self, batch: Batch, step: int, stop: Stop) -> Float[Tensor, " numbers"]:
        """Leave the clipped gradient of a batch in the model.

        Returns:
            NUMBERS of the step, on the device: means over all processes, so that every process
            judges and stops alike.
        """
        own = self.processes.share(len(batch.starts))
        weight = (own.stop - own.start) * self.processes.count / len(batch.starts)
        rows = batch.rows(own.start, own.stop)
        terms = weight * self._accumulate(rows, step, weight)
        if isinstance(self.recipe.optimizer, Sam):
            restore_weights = sam_ascent(self.forward, self.recipe.optimizer.rho)
            self._accumulate(rows, step, weight)
            restore_weights()
        clipped = nn.utils.clip_grad_norm_(self.forward.parameters(), self.recipe.clip_norm)
        stop_requested = torch.full((), float(stop.requested), device=terms.device)
        return self.processes.mean(
            torch.cat([terms, torch.stack([gathered(clipped), stop_requested])])
        )

    def _accumulate(self, rows: Batch, step: int, weight: float) -> Tensor:
        """`accumulate` with the step's dropout seed: both passes of SAM use the same masks."""
        rank = self.processes.rank
        dropout = (self.seed * 1_000_003 + step + 7_919_003 * rank) % 2**63
        _seed_dropout(dropout, self.processes.device)
        return accumulate(
            self.forward, self.loss, rows, self.recipe, self.processes,
            dtype=self.dtype, weight=weight,
        )  # fmt: skip


def accumulate(
    forward: nn.Module,
    loss: Loss,
    batch: Batch,
    recipe: TrainingRecipe,
    processes: Processes,
    *,
    dtype: torch.dtype,
    weight: float = 1.0,
) -> Float[Tensor, "3"]:
    """Add up gradients over the micro-batches of a batch; returns the means of the loss's terms.

    Args:
        weight: a factor on the gradient.
    """
    windows = len(batch.starts)
    size = recipe.micro_batch_size or windows
    sums = torch.zeros(3, device=processes.device)
    for start in range(0, windows, size):
        part = batch.rows(start, min(start + size, windows))
        share = len(part.starts) / windows
        is_last = start + size >= windows
        with processes.no_sync(forward, enabled=not is_last):
            total, cross_entropy, kl = forward(loss, part)
            with matmul_precision(dtype, processes.device):
                (total * (share * weight)).backward()
        sums += share * torch.stack([total.detach(), cross_entropy, kl]).float()
    return sums


def _on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; the host does not wait for the copy."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _seed_dropout(seed: int, device: torch.device) -> None:
    """Seed like torch.manual_seed, which also seeds every other kind of device: a millisecond."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
