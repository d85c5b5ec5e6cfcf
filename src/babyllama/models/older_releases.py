"""Write a model folder's settings under their older names, too, for transformers from 4.46 on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babyllama.data.foreign_files import read_object

_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
_PART = "partial_rotary_factor"


def name_for_older_releases(folder: Path) -> None:
    """Add to a saved folder what the newest release leaves out and older ones need.

    In config.json:

    - `torch_dtype`, beside `dtype`: releases before 4.56 know no other name.
    - `rope_theta`, `rope_scaling` and their relatives, beside `rope_parameters`: releases before 5
      ignore the latter, and rotate with a base of 10,000 whatever the model was trained with.
    - `bos_token_id`, `eos_token_id` and `pad_token_id`, null as well: where one is missing, an
      architecture's own default counts, which is another token or lies outside the vocabulary.

    In generation_config.json: the same three tokens.
    """
    path = folder / "config.json"
    config = read_object(path)
    tokens = {name: config.get(name) for name in _TOKENS}
    added = tokens | _older_rotation(config)
    if "dtype" in config:
        added["torch_dtype"] = config["dtype"]
    _write(path, config | added)
    generation = folder / "generation_config.json"
    if generation.is_file():
        _write(generation, tokens | read_object(generation))


def _older_rotation(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary embedding's settings under the names of releases before 5; empty without one."""
    settings = config.get("rope_parameters")
    if not settings:
        return {}
    is_neox = str(config.get("model_type")).startswith("gpt_neox")
    base, part = ("rotary_emb_base", "rotary_pct") if is_neox else ("rope_theta", _PART)
    sliding = settings.get("sliding_attention") or {}
    settings = settings.get("full_attention", settings)
    older = {
        base: settings.get("rope_theta"),
        part: settings.get(_PART),
        "rope_local_base_freq": sliding.get("rope_theta"),
    }
    if settings.get("rope_type", "default") != "default":
        own = ("rope_theta", _PART)
        older["rope_scaling"] = {k: v for k, v in settings.items() if k not in own}
    return {name: value for name, value in older.items() if value is not None}


def _write(path: Path, config: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
