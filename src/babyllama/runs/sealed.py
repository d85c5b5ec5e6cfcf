"""Texts that we write and people edit: a seal in the text tells whether somebody did.

A seal is a comment at the end of a text with the checksum of all that precedes it. Whoever edits
the text need not know of it.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from babyllama.runs.files import write_atomically
from babyllama.runs.layout import CARD, EVAL_RESULTS

_SEAL = "written by babyllama, sha256"
_FOUND = re.compile(rf"\n(?:<!--|#) {_SEAL} ([0-9a-f]{{64}})(?: -->)?\s*\Z")


def sealed(text: str, language: Literal["markdown", "yaml"]) -> str:
    """The text with its seal."""
    text = text.rstrip("\n") + "\n"
    line = f"{_SEAL} {_checksum(text)}"
    return f"{text}\n<!-- {line} -->\n" if language == "markdown" else f"{text}# {line}\n"


def is_edited(path: Path) -> bool:
    """Whether a file exists and is not as `sealed` made it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        return True
    found = _FOUND.search(text.replace("\r\n", "\n"))
    if found is None:
        return True
    body = text.replace("\r\n", "\n")[: found.start() + 1]
    return _checksum(body.rstrip("\n") + "\n") != found[1]


def edited_card_files(folder: Path) -> Iterator[Path]:
    """The files of a model's card that a person has edited or added."""
    others = sorted(path for path in (folder / EVAL_RESULTS).rglob("*") if path.is_file())
    yield from (path for path in (folder / CARD, *others) if is_edited(path))


def write_unless_edited(path: Path, text: str) -> bool:
    """Write a sealed text, unless the file is one that a person has edited.

    Returns:
        whether the file is now as given.
    """
    if is_edited(path):
        return False
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return True


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
