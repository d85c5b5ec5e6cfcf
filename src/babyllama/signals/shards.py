"""The files of a stored signal: its shards and their windows, each file complete or absent."""

import os
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from babyllama.models.tensor_files import write_tensors
from babyllama.runs.durable import flush
from babyllama.runs.files import hash_file
from babyllama.runs.unfinished import SCRATCH, record

HEADER = "signal.json"  # what was read, and how it is encoded
TABLES = "format.safetensors"  # what reading needs besides the shards
SHARDS = "shard-*.safetensors"


def shard_plan(counts: Sequence[int], per_shard: int) -> list[tuple[int, int]]:
    """(first, stop) of each shard's windows, numbered through all passes."""
    total = sum(counts)
    return [(first, min(first + per_shard, total)) for first in range(0, total, per_shard)]


def shard_path(folder: Path, number: int) -> Path:
    """The path of a shard."""
    return folder / f"shard-{number:05d}.safetensors"


def shard_damage(path: Path) -> str:
    """What is wrong with a shard's length or header, in words; "" if nothing is.

    A flipped byte in its numbers is found only by the manifest's checksum.
    """
    try:
        with safe_open(path, "pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        return f"{path} is cut short or damaged ({str(error).strip()})"
    return ""


def save_tensors(path: Path, tensors: dict[str, Tensor], *, made_from: str = "") -> None:
    """Write a file such that a kill at any byte leaves the old file or none.

    It is written in SCRATCH, which is not part of a complete folder, recorded, and then renamed.

    Args:
        made_from: a digest of what the signal is made from.
    """
    scratch = path.parent / SCRATCH
    scratch.mkdir(exist_ok=True)
    ready = scratch / f"{path.name}.{os.getpid()}"
    write_tensors(ready, tensors, beside=ready.with_name(f"{ready.name}.writing"))
    record(path, hash_file(ready), made_from)
    ready.replace(path)
    flush(path.parent)
