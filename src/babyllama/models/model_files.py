"""The files of a model folder, checked before a library reads them.

A folder may come from anybody: its files must not run code, name files elsewhere, or hold values
that end in a library's traceback.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.data.foreign_files import (
    read_object,
    refuse_own_code,
    shown,
    unreadable,
    wrong_value,
)
from babyllama.errors import InputError
from babyllama.runs.git_lfs import refuse_pointer

if TYPE_CHECKING:
    from torch import Tensor

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
# Sizes that are positive whole numbers in every architecture that has them.
_SIZES = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "max_position_embeddings", "n_embd", "n_layer", "n_head", "n_positions",
    "d_model", "num_layers", "num_heads", "encoder_layers", "decoder_layers",
)  # fmt: skip
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers", "decoder_layers")
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def refuse_unusable(folder: Path) -> None:
    """Check that a folder has a model that is safe to load and not evidently broken.

    Raises:
        InputError: no configuration, or one with code or impossible values; an adapter; no
            weights, weights in a pickle, or weights in another folder.
    """
    config = read_config(folder)
    _refuse_adapter(folder)
    _refuse_bad_numbers(folder / "generation_config.json")
    layers = max((config[name] for name in _LAYERS if config.get(name)), default=0)
    tensors = len(stored_tensors(folder))
    if layers > tensors:
        name = next(name for name in _LAYERS if config.get(name) == layers)
        raise InputError(
            f"{folder}/config.json: {name} is {layers}, but the weights are {tensors} tensors",
            why="Every layer has at least one.",
            mend="Use the config.json and the weights that were saved together.",
        )


def read_config(folder: Path) -> dict[str, Any]:
    """The contents of config.json.

    Raises:
        InputError: no such file, a git-lfs pointer, no JSON object, code of the model's own, or a
            value that no model can have.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(
            f"{folder} has no config.json",
            why="A model is a Hugging Face folder: config.json, model.safetensors, tokenizer.",
            mend="Name the folder with these files.",
        )
    config = read_object(path)
    refuse_own_code(path, config)
    for name in _SIZES:
        value = config.get(name)
        if value is not None and not (_is_whole(value) and value > 0):
            raise wrong_value(path, name, value, "It must be a positive whole number.")
    _refuse_bad_tokens(path, config)
    attention = config.get("attn_implementation") or config.get("_attn_implementation")
    if isinstance(attention, str) and "/" in attention:
        raise wrong_value(
            path, "attn_implementation", attention, "It names code on the Hugging Face hub."
        )
    return config


@dataclass(frozen=True)
class StoredTensor:
    """The type (F32, BF16, I64, ...) and shape of a tensor in a file."""

    dtype: str
    shape: list[int]


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """Every tensor of a folder's weights by its name; only headers are read.

    Raises:
        InputError: no weights, weights in a pickle or in another folder, a damaged file.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, StoredTensor] = {}
    for path in weight_files(folder):
        refuse_pointer(path)
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118
                    part = file.get_slice(name)
                    found[name] = StoredTensor(str(part.get_dtype()), list(part.get_shape()))
        except (SafetensorError, OSError) as error:
            raise InputError(
                f"{path} is cut short or damaged",
                why=str(error).strip()[:200],
                mend="Copy the file again, or train the model again.",
            ) from None
    return found


def read_tensors(folder: Path) -> "dict[str, Tensor]":
    """The tensors themselves, in memory."""
    from safetensors.torch import load_file

    parts = (load_file(path) for path in weight_files(folder))
    return {name: tensor for part in parts for name, tensor in part.items()}


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights: model.safetensors, or those of its index.

    Raises:
        InputError: there are none; an index that names a pickle or a file elsewhere.
    """
    named = read_config(folder).get("transformers_weights")
    if named is not None:
        path = folder / "config.json"
        raise wrong_value(path, "transformers_weights", named, f"Weights are in {_WEIGHTS}.")
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    if (folder / _INDEX).is_file():
        return sorted(folder / name for name in set(_indexed(folder / _INDEX)))
    pickles = sorted(
        file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern)
    )
    if pickles:
        raise InputError(
            f"{folder} has its weights in a pickle only: {pickles[0]}",
            why="Loading a pickle runs any code in it.",
            mend="Convert it, where you trust it, with "
            "AutoModelForCausalLM.from_pretrained(...).save_pretrained(...)",
        )
    raise InputError(
        f"{folder} has no weights",
        why=f"It has a config.json but no {_WEIGHTS}.",
        mend="Copy the weights into it, or train the model again.",
    )


def _indexed(path: Path) -> Iterator[str]:
    """The file names of an index. Raises InputError: one that is not a safetensors file here."""
    named = read_object(path).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise unreadable(path, "It has no weight_map.")
    for tensor, name in named.items():
        is_plain = isinstance(name, str) and name == Path(name).name
        if not is_plain or not name.endswith(".safetensors"):
            raise InputError(
                f"{path}: {tensor} is in {shown(name)}",
                why="Only .safetensors files of the same folder are read: a pickle can run code, "
                "and a file elsewhere belongs to another model.",
                mend="Save the model again with save_pretrained().",
            )
        if not (path.parent / name).is_file():
            raise InputError(
                f"{path} names {name}, which is missing", mend="Copy the file into the folder."
            )
        yield name


def _refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        raise InputError(
            f"{folder} holds an adapter of peft: adapter_config.json",
            why="An adapter is applied to the weights of another folder.",
            mend="Merge it, with merge_and_unload() of peft, and save the merged model.",
        )


def _refuse_bad_numbers(path: Path) -> None:
    """Check generation_config.json, if there is one: numbers are numbers, tokens are tokens."""
    if not path.is_file():
        return
    config = read_object(path)
    for name, value in config.items():
        is_text = isinstance(value, str) and _NUMBER.fullmatch(value)
        if is_text and not name.endswith("_version"):
            raise wrong_value(path, name, value, "It must be a number, without quotation marks.")
    _refuse_bad_tokens(path, config)


def _refuse_bad_tokens(path: Path, config: Mapping[str, Any]) -> None:
    for name in _TOKENS:
        value = config.get(name)
        each = value if isinstance(value, list) else [] if value is None else [value]
        if any(not _is_whole(token) or token < 0 for token in each):
            raise wrong_value(path, name, value, "A token is a whole number from 0, or null.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
