"""From a model's last hidden states to its logits: states, output head, log-probabilities.

    logits = softcap(scale * (states @ weight.T + bias))

Most architectures only have the product; the others also have a bias, a scale or a softcap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from babyllama.data.windows import IGNORE_INDEX
from babyllama.errors import InputError
from babyllama.models.precision import (
    accumulation_dtype,
    as_head_operand,
    onednn_matmul,
    operand_dtype,
)

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

CHUNK = 512  # positions whose logits exist at once, unless a caller needs another number


@dataclass(frozen=True)
class Head:
    """What turns last hidden states into logits.

    Attributes:
        weight: the output embedding, tied to the input's or not.
        bias: added to the product.
        scale: what the sum is multiplied by.
        softcap: c of logits c * tanh(z / c), as in Gemma 2.
    """

    weight: Float[Tensor, "vocab hidden"]
    bias: Float[Tensor, " vocab"] | None = None
    scale: float = 1.0
    softcap: float | None = None

    @property
    def vocab_size(self) -> int:
        """Logits of a position."""
        return self.weight.shape[0]

    def as_product(self) -> "Head":
        """The same head without bias and scale, for states that `with_bias_column` gives.

        The scale moves into the weight, the bias becomes the weight's last column. A softcap stays.
        """
        weight = self.weight
        if self.bias is not None:
            weight = torch.cat([weight, self.bias[:, None]], dim=1)
        return Head(weight if self.scale == 1 else weight * self.scale, softcap=self.softcap)

    def with_bias_column(self, states: Float[Tensor, "*positions _"]) -> Tensor:
        """The states that `as_product` reads: they end in a 1 where this head has a bias."""
        if self.bias is None:
            return states
        return torch.cat([states, torch.ones_like(states[..., :1])], dim=-1)


def hidden_states(
    model: "PreTrainedModel", input_ids: Int64[Tensor, "batch window"], **context: Any
) -> Float[Tensor, "batch window hidden"]:
    """What the output head reads: the last hidden states, after the final norm.

    Under autocast they may have its data type: see `as_head_operand`.

    Args:
        context: `attention_mask` and `position_ids`, if tokens do not attend to all earlier tokens
            of the row; the key-value cache under the model's name for it, if tokens were read
            before.
    """
    base = model.base_model
    states: Tensor = base(input_ids=input_ids, use_cache=False, **context).last_hidden_state
    return as_head_operand(states)


def output_head(model: "PreTrainedModel") -> Head:
    """A causal model's output head. Gradients flow through it to the model's parameters."""
    embedding = model.get_output_embeddings()
    return Head(
        weight=embedding.weight,
        bias=getattr(embedding, "bias", None),
        scale=_logit_scale(model.config),
        softcap=_softcap(model.config),
    )


def form_logits(
    states: Float[Tensor, "chunk hidden"], head: Head
) -> Float[Tensor, "chunk {head.vocab_size}"]:
    """The logits of some positions, in float32 or better whatever the operands' precision."""
    operands = operand_dtype(states)
    if operands.itemsize < 4 and not torch.is_grad_enabled():
        logits = torch.mm(states, head.weight.to(operands).T, out_dtype=torch.float32)
    else:
        exact = accumulation_dtype(states.dtype)
        with onednn_matmul():
            logits = states.to(exact) @ head.weight.to(exact).T
    if head.bias is not None:
        logits = logits + head.bias
    if head.scale != 1:
        logits = logits * head.scale
    return logits if head.softcap is None else head.softcap * torch.tanh(logits / head.softcap)


def token_log_probabilities(
    logits_of: Callable[[slice], Tensor], labels: Int64[Tensor, " tokens"], *, chunk: int = CHUNK
) -> Float[Tensor, " tokens"]:
    """log p(label) at each position in nats, a chunk of logits at a time; 0 where ignored.

    Args:
        logits_of: given a slice of the positions, their logits (chunk, vocab).
    """
    pieces = []
    for start in range(0, len(labels), chunk):
        part = slice(start, start + chunk)
        pieces.append(
            -F.cross_entropy(
                logits_of(part), labels[part], ignore_index=IGNORE_INDEX, reduction="none"
            )
        )
    return torch.cat(pieces)


@torch.no_grad()
def refuse_unread_head(model: "PreTrainedModel") -> None:
    """Check on a few tokens that we form the same logits as the model itself.

    Raises:
        InputError: an architecture that does something else to its logits.
    """
    was_training = model.training
    model.eval()
    vocab_size = model.get_output_embeddings().weight.shape[0]
    ids = (torch.arange(7, device=model.device) * 31 % vocab_size)[None]
    mask = torch.ones_like(ids)  # the library warns of ids that look like padding without it
    theirs = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    ours = form_logits(hidden_states(model, ids)[0], output_head(model))
    model.train(was_training)
    if (ours - theirs[0]).abs().max() > 1e-3 * theirs.abs().max() + 1e-6:
        raise InputError(
            f"{model.config.model_type} forms its logits in a way that babyllama does not know",
            why="They are not a product of hidden states and output head with a bias, a scale or "
            "a softcap, so the loss would read other logits than the model gives.",
            mend="Use another architecture, such as llama or gpt2.",
        )


def _softcap(config: "PretrainedConfig") -> float | None:
    for name in ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap"):
        if (softcap := getattr(config, name, None)) is not None:
            return float(softcap)
    return None


def _logit_scale(config: "PretrainedConfig") -> float:
    """What an architecture multiplies its logits by; each has its own name for it."""
    scale = 1.0
    for name in ("logit_scale", "lm_head_multiplier"):
        scale *= float(getattr(config, name, None) or 1)
    return scale / float(getattr(config, "logits_scaling", None) or 1)
