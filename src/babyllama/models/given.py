"""An existing model or tokenizer: find it, check it, and link it into the run.

Links, not copies: the weights stay where they are. The manifest that the stage writes has their
hashes, so what is made from them is made again when they change.
"""

import logging
import math
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.console import print_status
from babyllama.data.tokenizer import differing_tokens, load_tokenizer, refuse_missing_marks
from babyllama.errors import InputError, quoted
from babyllama.models.build import positions_of, reason_of
from babyllama.models.loading import configuration_of
from babyllama.models.model_files import refuse_unusable, stored_tensors
from babyllama.models.vocabulary import shared_vocabulary
from babyllama.recipe import Given, TokensRecipe, names
from babyllama.runs.manifests import read_manifest, refuse_damaged_input

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SECONDS_FOR_THE_HUB = 10.0  # to answer whether it has a model
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja",
)  # fmt: skip
_MODEL_FILES = (
    *_TOKENIZER_FILES, "config.json", "generation_config.json", "*.safetensors",
    "model.safetensors.index.json",
)  # fmt: skip


def folder_of(given: Given, field: str) -> Path:
    """The folder of an existing model or tokenizer; one of the hub is fetched into its cache.

    Args:
        field: where the recipe gives it, `teachers.old`, for messages; "" on the command line.

    Raises:
        InputError: no such folder, or the hub has no such commit or cannot be reached.
    """
    folder = given.local
    if folder is not None:
        if not folder.is_dir():
            raise InputError(
                f"{field}.path is {given.path!r}, which is not a folder",
                mend="Check the path: relative ones start at the current folder. For a model on "
                f"the hub, add {field}.revision, its commit.",
            )
        return folder.absolute()
    cached = _from_hub(given, field, is_local=True)
    if cached is not None and (cached / "tokenizer.json").is_file() and _has_weights(cached):
        return cached
    print_status(f"{field}: fetching {given} from the hub".removeprefix(": "))
    fetched = _from_hub(given, field, is_local=False)
    assert fetched is not None
    return fetched


def check_model(given: Given, field: str, *, window: int, tokenizer: Path | None) -> None:
    """Check that a given model can be loaded, and reads the windows of the models that learn.

    Args:
        window: their longest, in tokens.
        tokenizer: the run's, if it is known by now.

    Raises:
        InputError: files that are missing, damaged or unsafe; too few positions; a vocabulary that
            differs from the tokenizer's.
    """
    folder = folder_of(given, field)
    refuse_damaged_input(folder)
    refuse_unusable(folder)
    config = configuration_of(folder)
    positions = positions_of(config)
    if positions is not None and positions < window:
        raise InputError(
            f"{field} has {positions} positions, a window has {window} tokens",
            why="A teacher must read the windows that the run's models learn from.",
            mend="Use shorter windows, or a model with more positions.",
        )
    if tokenizer is None:
        return
    setting = f"path: {given.path}" + (f", revision: {given.revision}" if given.revision else "")
    if differing := differing_tokens(folder, tokenizer):
        raise InputError(
            f"{field} was trained with another vocabulary than the run's: token {differing[0]}",
            why="It and the models of the run must mean the same by every token.",
            mend=f"Use its tokenizer for the run: --set {quoted(f'tokenizer={{{setting}}}')}",
        )
    shared_vocabulary(config, load_tokenizer(tokenizer))


def check_tokenizer(given: Given, recipe: TokensRecipe) -> int:
    """Check that a corpus can be tokenized with a given tokenizer; returns its number of tokens.

    Raises:
        InputError: it cannot be read, or lacks the special tokens that the layout needs.
    """
    tokenizer = load_tokenizer(folder_of(given, names.TOKENIZER))
    refuse_missing_marks(tokenizer, recipe, f"tokenizer {given}")
    return len(tokenizer)


def planned_teacher(given: Given, field: str) -> "PreTrainedModel":
    """The model on torch's meta device: its shapes, without its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = folder_of(given, field)
    refuse_unusable(folder)
    config = configuration_of(folder)
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except Exception as error:  # each architecture raises its own kind
        raise InputError(
            f"{field} {given} cannot be used",
            why=reason_of(error),
            mend="Name a causal model that transformers can load.",
        ) from None


def link_model(given: Given, out: Path, field: str) -> dict[str, Any]:
    """Link a model's files into a folder; returns facts about it."""
    folder = folder_of(given, field)
    refuse_unusable(folder)
    _link(folder, out, _MODEL_FILES)
    facts = (read_manifest(folder) or {}).get("facts", {})
    tensors = stored_tensors(folder)
    return {
        "given": str(given),
        "parameters": facts.get("parameters")
        or sum(math.prod(tensor.shape) for tensor in tensors.values()),
        **({"words_seen": facts["words_seen"]} if "words_seen" in facts else {}),
    }


def link_tokenizer(given: Given, out: Path, field: str) -> dict[str, Any]:
    """Link a tokenizer's files into a folder; returns facts about it."""
    folder = folder_of(given, field)
    size = len(load_tokenizer(folder))
    _link(folder, out, _TOKENIZER_FILES)
    return {"given": str(given), "vocab_size": size}


def _link(folder: Path, out: Path, patterns: Sequence[str]) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_file() and any(fnmatch(path.name, each) for each in patterns):
            link = out / path.name
            link.unlink(missing_ok=True)
            link.symlink_to(path.absolute())


def _has_weights(folder: Path) -> bool:
    try:
        refuse_unusable(folder)
    except InputError:
        return False
    return True


def _from_hub(given: Given, field: str, *, is_local: bool) -> Path | None:
    """The folder of a commit in the hub's cache; None if `is_local` and it is not there."""
    from huggingface_hub import HfApi, snapshot_download

    # The library would list every try of each file, and try for half a minute.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        if not is_local:
            HfApi().model_info(given.path, revision=given.revision, timeout=_SECONDS_FOR_THE_HUB)
        return Path(
            snapshot_download(
                given.path,
                revision=given.revision,
                allow_patterns=list(_MODEL_FILES),
                local_files_only=is_local,
            )
        )
    except Exception as error:  # the library raises many kinds, also those of its HTTP client
        if is_local:
            return None
        raise InputError(
            f"{field}.path is {given.path!r}, which cannot be fetched from the hub"
            if field
            else f"{given.path}@{given.revision} cannot be fetched from the hub",
            why=reason_of(error),
            mend="Check name, revision, network and, for a private model, HF_TOKEN; or give the "
            "path of a folder.",
        ) from None
