"""JSON files of model and tokenizer folders, which anybody may have written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babyllama.errors import InputError
from babyllama.runs.git_lfs import refuse_pointer


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a model folder.

    Raises:
        InputError: a git-lfs pointer; not UTF-8, not JSON, nested too deeply, or not an object.
    """
    refuse_pointer(path)
    try:
        found = json.loads(path.read_text("utf-8"))
    except RecursionError:
        raise unreadable(path, "It is nested too deeply.") from None
    except ValueError as error:  # neither JSON nor UTF-8, or a number of thousands of digits
        raise unreadable(path, str(error)[:200]) from None
    if not isinstance(found, dict):
        raise unreadable(path, f"It holds {shown(found)}, not an object of fields.")
    return found


def refuse_own_code(path: Path, config: Mapping[str, Any]) -> None:
    """Check that a configuration of a model or tokenizer names no code of its own.

    Raises:
        InputError: it does; babyllama never runs it.
    """
    if config.get("auto_map"):
        raise InputError(
            f"{path}: auto_map is {shown(config['auto_map'])}",
            why="It names Python code in the folder or on the hub, which babyllama never runs.",
            mend="Use a model whose architecture and tokenizer are part of transformers. If yours "
            "are, remove auto_map.",
        )


def wrong_value(path: Path, name: str, value: Any, why: str) -> InputError:
    """The error for a field with a value that it cannot have."""
    return InputError(
        f"{path}: {name} is {shown(value)}", why=why, mend=f"Correct {name} in {path.name}."
    )


def unreadable(path: Path, why: str) -> InputError:
    """The error for a file that cannot be read."""
    return InputError(
        f"{path} cannot be read",
        why=why,
        mend="Copy it again from where the model came from.",
    )


def shown(value: Any) -> str:
    """A value of a file, in a line of bounded length."""
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, list) else "a list"
    return text if len(text) <= 80 else text[:77] + "..."
