"""Write a clean corpus as token streams.

`train.bin` and `dev.bin` hold bare numbers for a memory map, so a corpus of any size takes no
memory. `*.words.bin` has one byte for each token: how many white-space words begin in it.
`*.documents.npy` holds the index of each document's first token, `tokens.json` the number type,
the layout, the counts, and whether documents are read separately. `windows` reads these files.
"""

import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from babyllama.console import ProgressBar, print_status
from babyllama.data.sources import Split, clean_files
from babyllama.data.text_pieces import Piece, read_documents
from babyllama.data.token_streams import SplitStreams, count_tokens
from babyllama.data.tokenizer import load_tokenizer, refuse_missing_marks, vocabulary_digest
from babyllama.data.tokenizer_statistics import doubts_about
from babyllama.data.word_starts import ByteTokens, Encoded, byte_tokens, encode_in_groups
from babyllama.errors import InputError
from babyllama.recipe import TokensRecipe
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import TOKENS_HEADER, stream_file

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_GROUPS_AT_ONCE = 4  # that are encoded while the ones before are written
_CHARACTERS_OF_A_GROUP = 2**16


def tokenize(
    corpus: Path,
    tokenizer: Path,
    recipe: TokensRecipe,
    out: Path,
    *,
    lines_at_once: int = 20_000,
    characters_at_once: int = 2**17,
    pieces_between_notes: int = 200,
) -> dict[str, int]:
    """Write a clean corpus as token streams; documents keep the order of files and lines.

    Words are counted as `word_starts` says. Text without any token has no words. A folder in which
    an earlier attempt was killed is resumed.

    Args:
        lines_at_once, characters_at_once: how much text is encoded at a time. They do not change
            the output.
        pieces_between_notes: how many of these a kill costs at most.

    Returns:
        tokens and white-space words of both splits, and the vocabulary's size.

    Raises:
        InputError: a split has no text, a file is not UTF-8, the tokenizer lacks the special
            tokens that the layout needs, or one token covers more than 255 words.
    """
    loaded = load_tokenizer(tokenizer)
    refuse_missing_marks(loaded, recipe, str(tokenizer))
    if recipe.layout == "lines" and loaded.bos_token_id == loaded.eos_token_id:
        print_status(f"  {loaded.bos_token} begins every line and also ends every document")
    dtype = np.dtype(np.uint16 if len(loaded) <= 2**16 else np.uint32)
    facts = {"vocab_size": len(loaded)}
    splits: tuple[Split, ...] = ("train", "dev")
    end = loaded.eos_token_id if recipe.layout == "lines" else None
    written = {split: SplitStreams(out, split, dtype) for split in splits}
    for split, streams in written.items():
        files = clean_files(corpus, split)
        documents = read_documents(
            files,
            recipe.layout,
            loaded.backend_tokenizer,
            lines_at_once=lines_at_once,
            characters_at_once=characters_at_once,
        )
        size = sum(file.stat().st_size for file in files)
        with ProgressBar(f"tokens {split}", size, "bytes") as bar:
            _write(streams, documents, loaded, end, bar, pieces_between_notes)
        if not streams.words:
            raise InputError(
                f"{corpus}/{split} holds no text to tokenize",
                mend="Clean the raw text again: babyllama corpus clean SRC OUT",
            )
        np.save(out / f"{split}.documents.npy", streams.document_starts())
        facts |= {f"{split}_tokens": streams.tokens, f"{split}_words": streams.words}
    header = {
        "dtype": dtype.name,
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(tokenizer),
        **facts,
    }
    if recipe.documents == "separate":  # without the field, as folders of earlier releases are
        header["documents"] = recipe.documents
    write_atomically(out / TOKENS_HEADER, json.dumps(header, indent=1) + "\n")
    counts = count_tokens(stream_file(out, "train"), dtype, len(loaded))
    for line in doubts_about(loaded, counts, is_train=True):
        print_status(f"  {line}")
    for streams in written.values():
        streams.discard_note()
    return facts


def _write(
    streams: SplitStreams,
    documents: Iterable[Iterable[Piece]],
    tokenizer: "PreTrainedTokenizerFast",
    end: int | None,
    bar: ProgressBar,
    pieces_between_notes: int,
) -> None:
    """Encode the documents that are not encoded yet.

    Args:
        end: the token after each document.
    """
    if streams.is_complete:  # by an earlier attempt, which was killed later
        return
    mark = None if end is None else (np.array([end]), np.zeros(1, np.int64))
    pieces = _in_a_row(documents)
    if is_open := streams.pieces > 0:
        bar.start_at(sum(_bytes(piece) for piece, _ in islice(pieces, streams.pieces)))
    with streams.opened(), closing(_encoded(tokenizer, pieces)) as encoded:
        for piece, begins, (ids, words) in encoded:
            if begins:
                if is_open and mark:
                    streams.write(*mark)
                streams.begin_document()
            _refuse_overflow(words, tokenizer)
            streams.write(ids, words)
            streams.pieces += 1
            is_open = True
            bar.advance(_bytes(piece))
            if streams.pieces % pieces_between_notes == 0:
                streams.save()
        if is_open and mark:
            streams.write(*mark)
        streams.is_complete = True


def _in_a_row(documents: Iterable[Iterable[Piece]]) -> Iterator[tuple[Piece, bool]]:
    """The pieces of all documents, and whether each begins one."""
    for pieces in documents:
        begins = True
        for piece in pieces:
            yield piece, begins
            begins = False


def _encoded(
    tokenizer: "PreTrainedTokenizerFast", pieces: Iterable[tuple[Piece, bool]]
) -> Generator[tuple[Piece, bool, Encoded]]:
    """The pieces with their tokens and words, in order.

    The library encodes pieces with all cores and without Python's lock; in the meantime another
    thread counts the words of those before.
    """
    known = byte_tokens(tokenizer)
    waiting: deque[tuple[list[tuple[Piece, bool]], Future[list[Encoded]]]] = deque()

    def done() -> Iterator[tuple[Piece, bool, Encoded]]:
        group, found = waiting.popleft()
        for (piece, begins), encoded in zip(group, found.result(), strict=True):
            yield piece, begins, encoded

    with ThreadPoolExecutor(_GROUPS_AT_ONCE) as pool:
        for group in _groups(pieces):
            texts = [piece for piece, _ in group]
            waiting.append((group, pool.submit(_encode_together, tokenizer, texts, known)))
            if len(waiting) > _GROUPS_AT_ONCE:
                yield from done()
        while waiting:
            yield from done()


def _groups(pieces: Iterable[tuple[Piece, bool]]) -> Iterator[list[tuple[Piece, bool]]]:
    """Pieces that are encoded at once: one, or the lines of several short documents."""
    group: list[tuple[Piece, bool]] = []
    characters = 0
    for piece, begins in pieces:
        if group and (characters >= _CHARACTERS_OF_A_GROUP or not piece.are_lines):
            yield group
            group, characters = [], 0
        group.append((piece, begins))
        characters += sum(map(len, piece.texts)) if piece.are_lines else _CHARACTERS_OF_A_GROUP
    if group:
        yield group


def _encode_together(
    tokenizer: "PreTrainedTokenizerFast", pieces: Sequence[Piece], known: ByteTokens | None
) -> list[Encoded]:
    """Encode the texts of several pieces as those of one, and give each piece its own tokens."""
    texts = [text for piece in pieces for text in piece.texts]
    whole = Piece(texts, are_lines=pieces[0].are_lines)
    return encode_in_groups(tokenizer, whole, [len(piece.texts) for piece in pieces], known)


def _bytes(piece: Piece) -> int:
    return len("".join(piece.texts).encode())


def _refuse_overflow(
    word_starts: Int64[np.ndarray, " tokens"], tokenizer: "PreTrainedTokenizerFast"
) -> None:
    most = word_starts.max(initial=0)
    if most > np.iinfo(np.uint8).max:
        raise InputError(
            f"{tokenizer.name_or_path} puts {most} words into one token",
            why="The number of words that begin in a token is stored in one byte, so at most 255.",
            mend="Train one that separates words: babyllama tokenizer train CORPUS OUT",
        )
