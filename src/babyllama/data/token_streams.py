"""The token streams of one split while they are written, so that a killed command resumes.

Now and then the writer notes its progress and the checksum of what it has written. A resumed
command compares the files with the note, cuts off what came later, and skips encoded text.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Int64, Shaped

from babyllama.console import print_status
from babyllama.data.sources import Split
from babyllama.runs.files import write_json
from babyllama.runs.layout import stream_file
from babyllama.runs.unfinished import SCRATCH

_AT_ONCE = 2**22  # bytes that are hashed at a time


def count_tokens(
    stream: Path, dtype: np.dtype[Any], vocab_size: int = 0, *, at_once: int = 2**22
) -> Int64[np.ndarray, " vocab"]:
    """How often each token occurs in a stream.

    Args:
        vocab_size: the least number of counts; those of tokens that do not occur are 0.
        at_once: tokens that are counted at a time. It does not change the result.
    """
    counts = np.zeros(vocab_size, np.int64)
    with stream.open("rb") as tokens:  # not a memory map: all its pages would count as memory
        while len(part := np.fromfile(tokens, dtype, at_once)):
            more = np.bincount(part, minlength=len(counts))
            more[: len(counts)] += counts
            counts = more
    return counts


class SplitStreams:
    """Tokens, word counts and document starts of one split, and the progress of writing them.

    Attributes:
        pieces: pieces of text that are written, earlier attempts included.
        tokens, words: written so far.
        is_complete: whether all of the split's text is written.
    """

    def __init__(self, out: Path, split: Split, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._note = out / SCRATCH / f"tokens.{split}.json"
        self._paths = {
            "tokens": stream_file(out, split),
            "words": out / f"{split}.words.bin",
            "documents": out / SCRATCH / f"{split}.documents.bin",
        }
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._hashes = {name: hashlib.sha256() for name in self._paths}
        self._files: dict[str, IO[bytes]] = {}
        note = self._read_note()
        self.pieces: int = note.get("pieces", 0)
        self.tokens: int = note.get("tokens", 0)
        self.words: int = note.get("words", 0)
        self.is_complete: bool = note.get("is_complete", False)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open the files to append to them."""
        with ExitStack() as stack:
            self._files = {
                name: stack.enter_context(path.open("ab")) for name, path in self._paths.items()
            }
            yield
            self.save()

    def begin_document(self) -> None:
        """Note that the next token is a document's first."""
        self._append("documents", np.array([self.tokens], np.int64))

    def write(self, ids: Int64[np.ndarray, " tokens"], words: Int64[np.ndarray, " tokens"]) -> None:
        """Append tokens, and how many words begin in each."""
        self._append("tokens", ids.astype(self._dtype))
        self._append("words", words.astype(np.uint8))
        self.tokens += len(ids)
        self.words += int(words.sum())

    def save(self) -> None:
        """Note the progress."""
        for file in self._files.values():
            file.flush()
        write_json(
            self._note,
            {
                "pieces": self.pieces, "tokens": self.tokens, "words": self.words,
                "is_complete": self.is_complete,
                "files": {name: [file.tell(), self._hashes[name].hexdigest()]
                          for name, file in self._files.items()},
            },
        )  # fmt: skip

    def document_starts(self) -> Int64[np.ndarray, " documents"]:
        """The index of each document's first token."""
        return np.fromfile(self._paths["documents"], np.int64)

    def discard_note(self) -> None:
        """Remove what only a resumed command needs."""
        self._note.unlink(missing_ok=True)
        self._paths["documents"].unlink(missing_ok=True)
        with suppress(OSError):  # another split has a note there
            self._note.parent.rmdir()

    def _append(self, name: str, values: Shaped[np.ndarray, " values"]) -> None:
        data = values.tobytes()
        self._files[name].write(data)
        self._hashes[name].update(data)

    def _read_note(self) -> dict[str, Any]:
        """The note of an earlier attempt, to whose length the files are cut; {} to begin anew."""
        try:
            note: dict[str, Any] = json.loads(self._note.read_text("utf-8"))
            written = {name: (int(size), str(sha)) for name, (size, sha) in note["files"].items()}
            kept = written.keys() == self._paths.keys() and all(
                isinstance(note[name], int) for name in ("pieces", "tokens", "words", "is_complete")
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            written, kept = {}, False
        for name, path in self._paths.items() if kept else ():
            size, sha256 = written[name]
            if not path.is_file() or not self._is_unchanged(name, size, sha256):
                print_status(f"  {path} has changed since it was written: encoding its text again")
                kept = False
                break
        if not kept:
            self._hashes = {name: hashlib.sha256() for name in self._paths}
            self._note.unlink(missing_ok=True)
        for name, path in self._paths.items():
            with path.open("ab") as file:
                file.truncate(written[name][0] if kept else 0)
        return note if kept else {}

    def _is_unchanged(self, name: str, size: int, sha256: str) -> bool:
        """Hash the first bytes of a file, as far as they were noted."""
        with self._paths[name].open("rb") as file:
            left = size
            while left and (block := file.read(min(left, _AT_ONCE))):
                self._hashes[name].update(block)
                left -= len(block)
        return not left and self._hashes[name].hexdigest() == sha256
