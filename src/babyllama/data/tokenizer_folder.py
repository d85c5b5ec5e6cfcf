"""Writing a tokenizer folder that every release of transformers reads in the same way."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.data.foreign_files import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def save_tokenizer(
    tokenizer: "PreTrainedTokenizerFast", folder: Path, *, positions: int | None = None
) -> None:
    """Write a tokenizer folder that every transformers from 4.46 on reads as tokenizer.json says.

    The configuration says more than the newest release needs:

    - `tokenizer_class`: that release writes `TokenizersBackend`, which others before 5 lack.
    - `add_prefix_space`: 4.51 to 4.57 put no space before a text if it is missing.
    - `model_input_names`: before 5, every text otherwise gets `token_type_ids`, which LLaMA refuses
      and GPT-2 adds to its embeddings.
    - `clean_up_tokenization_spaces`: some releases drop spaces from decoded text by default.
    - `additional_special_tokens`: before 5, `extra_special_tokens` must not be a list.

    Args:
        positions: the longest input of the model that the tokenizer is saved for; None: no limit.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = read_object(path)
    for name in ("backend", "is_local", "local_files_only", "model_max_length"):
        config.pop(name, None)
    extra = config.get("extra_special_tokens")
    if isinstance(extra, list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    config |= {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **_prefix_space(tokenizer),
        **({} if positions is None else {"model_max_length": positions}),
    }
    path.write_text(
        json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _prefix_space(tokenizer: "PreTrainedTokenizerFast") -> dict[str, bool]:
    """Whether a space is put before a text; empty if its parts have no such setting."""
    part = json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"] or {}
    for step in part.get("pretokenizers", [part]):
        if "add_prefix_space" in step:
            return {"add_prefix_space": step["add_prefix_space"]}
    return {}
