"""Windows whose documents are read separately: the mask, and which models can do it.

A window is cut from a stream of documents, so it often holds the end of one and the start of
another. Read separately, attention and positions begin anew at each document's first token.
"""

import inspect
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int64
from torch import Tensor

from babyllama.errors import InputError
from babyllama.models.logits import hidden_states

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def separate_documents(
    position_ids: Int64[Tensor, "batch window"] | None, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The context for `hidden_states` in which each document of a window is read on its own.

    Args:
        position_ids: of a `Batch`: 0 where a document begins. None: the windows are read whole.
        dtype: the precision of the attention.

    Returns:
        the positions and an additive mask (batch, 1, window, window); nothing for whole windows.
    """
    if position_ids is None:
        return {}
    document = (position_ids == 0).cumsum(-1)
    sees = (document[:, :, None] == document[:, None, :]).tril()
    mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
    mask.masked_fill_(~sees, torch.finfo(dtype).min)
    return {"position_ids": position_ids, "attention_mask": mask[:, None]}


@torch.no_grad()
def refuse_joined_documents(model: "PreTrainedModel", window: int) -> None:
    """Check on a window of two documents that a model reads the second as if it were alone.

    Raises:
        InputError: an architecture in which a token sees other documents all the same, or in which
            the mask changes how a document itself is read.
    """
    was_training = model.training
    model.eval()
    vocab_size = model.get_input_embeddings().weight.shape[0]
    ids = (torch.arange(window, device=model.device) * 31 % vocab_size)[None]
    positions = torch.arange(-1, window - 1, device=model.device).clamp(min=0)[None]
    alone = hidden_states(model, ids[:, 1:])
    try:
        together = hidden_states(model, ids, **separate_documents(positions, alone.dtype))[:, 1:]
        is_separate = bool((together - alone).abs().max() <= 1e-3 * alone.abs().max())
    except Exception:  # an architecture that takes no positions or no such mask raises its own kind
        is_separate = False
    model.train(was_training)
    if not is_separate:
        raise _inseparable(model)


def refuse_inseparable(model: "PreTrainedModel", window: int, name: str) -> None:
    """The same check by the configuration alone, for a model that has no weights yet.

    Args:
        name: of the model, for the message.

    Raises:
        InputError: an architecture that takes no positions, or attends in windows of its own that
            are shorter than this one.
    """
    own = (
        getattr(model.config, field, None) for field in ("sliding_window", "attention_chunk_size")
    )
    takes_positions = "position_ids" in inspect.signature(model.base_model.forward).parameters
    if not takes_positions or any(each and each < window for each in own):
        raise _inseparable(model, f"{name}: ")


def _inseparable(model: "PreTrainedModel", before: str = "") -> InputError:
    return InputError(
        f"{before}{model.config.model_type} cannot read the documents of a window separately",
        why="It takes no positions and no mask between documents, or attends in windows of its "
        "own.",
        mend="Set tokens.documents to attend, or use another architecture, such as llama or gpt2.",
    )
