"""Writing tensors and model folders: complete or absent, readable as the umask says, on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save_file
from torch import Tensor

from babyllama.models.older_releases import name_for_older_releases
from babyllama.runs.durable import flush, flush_all, follow_umask
from babyllama.runs.files import naming

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    beside: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Replace a safetensors file: a reader, or a crash, sees the old contents or the new.

    Args:
        beside: where it is written before it gets its name; on the same file system.
    """
    with naming(path, instead_of=beside):
        save_file(dict(tensors), beside, metadata=dict(metadata) if metadata else None)
        follow_umask(beside)
        flush(beside)
    beside.replace(path)
    flush(path.parent)


def save_model_folder(
    model: "PreTrainedModel", folder: Path, weights: Mapping[str, Tensor] | None = None
) -> None:
    """Write a model folder without a tokenizer, and wait until it is on the disk.

    Every transformers from 4.46 on computes the same logits with it.

    Args:
        weights: the model's tensors, if they are not those that it holds itself.
    """
    model.save_pretrained(folder, state_dict=None if weights is None else dict(weights))
    for path in folder.glob("*.safetensors"):
        follow_umask(path)
    name_for_older_releases(folder)
    flush_all(folder)
