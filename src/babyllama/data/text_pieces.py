"""Clean text read as documents, in pieces that fit into memory and change no token.

Blank lines separate documents under the layout `lines`; under `stream` a file is one document. Both
cut a long text only before a space after a word, where the tokenizer splits it anyway.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from babyllama.data.tokenizer_kinds import UNIGRAM_WORDS
from babyllama.errors import InputError

Layout = Literal["lines", "stream"]


class Piece(NamedTuple):
    """Some texts of a document, encoded at once.

    Attributes:
        are_lines: whether each text begins a line, so that the token for a text's start precedes
            it. False for the rest of a line that was cut, and for all text under `stream`.
    """

    texts: Sequence[str]
    are_lines: bool


def read_documents(
    files: Iterable[Path],
    layout: Layout,
    tokenizer: Tokenizer,
    *,
    lines_at_once: int,
    characters_at_once: int,
) -> Iterator[Iterator[Piece]]:
    """Yield each document as an iterator over its pieces.

    Args:
        tokenizer: determines whether a long text may be cut, or is one piece.
        lines_at_once: the most lines of a piece under `lines`.
        characters_at_once: about the most characters of a piece. Neither changes a token.

    Raises:
        InputError: a file is not UTF-8.
    """
    may_split = can_split_before_spaces(tokenizer)
    longest = characters_at_once if may_split else sys.maxsize
    for file in files:
        if layout == "stream":
            blocks = _read_blocks(file, characters_at_once)
            texts = split_before_spaces(blocks) if may_split else iter(["".join(blocks)])
            yield (Piece([text], are_lines=False) for text in texts)
            continue
        for is_blank, lines in groupby(_read_lines(file), str.isspace):
            if not is_blank:
                yield _pieces(lines, lines_at_once, characters_at_once, longest)


def can_split_before_spaces(tokenizer: Tokenizer) -> bool:
    """Whether the pieces of `split_before_spaces` have the same tokens as the full text.

    True for tokenizers that first split text into words with GPT-2's pattern: a word has a space
    only at its start, and a later piece starts with a space, so no prefix space is added to it.
    Our own tokenizers are of this kind, except Unigram, which splits before spaces too, and
    characters, whose tokens depend on nothing beside them. False for all others, whose rules we do
    not know.
    """
    normal = tokenizer.normalizer
    return (
        _splits_before_spaces(tokenizer)
        and (normal is None or isinstance(normal, normalizers.NFKC | normalizers.NFC))
        and all(" " not in str(added) for added in tokenizer.get_added_tokens_decoder().values())
    )


def _splits_before_spaces(tokenizer: Tokenizer) -> bool:
    words = tokenizer.pre_tokenizer
    if words is None:
        return isinstance(tokenizer.model, models.BPE) and _knows_characters_alone(tokenizer)
    if isinstance(words, pre_tokenizers.ByteLevel):
        return bool(words.use_regex)
    return str(words) == str(UNIGRAM_WORDS)


def _knows_characters_alone(tokenizer: Tokenizer) -> bool:
    model = json.loads(tokenizer.to_str())["model"]
    marked = ("merges", "continuing_subword_prefix", "end_of_word_suffix")
    return not any(model[name] for name in marked)


def split_before_spaces(blocks: Iterable[str]) -> Iterator[str]:
    """Move the borders of blocks: every piece but the first starts with a space after a word.

    Joined, the pieces are the joined blocks. A piece is at most a block and a word longer than
    the block size.
    """
    text = ""
    for block in blocks:
        text += block
        space = text.rfind(" ")
        while space > 0 and not text[space - 1].isalnum():
            space = text.rfind(" ", 0, space)
        if space > 0:
            yield text[:space]
            text = text[space:]
    yield text


def _pieces(
    lines: Iterable[str], most_lines: int, most_characters: int, longest: int
) -> Iterator[Piece]:
    """Group lines into pieces; a line with more characters than `longest` is cut."""
    group: list[str] = []
    characters = 0
    for line in lines:
        size = len(line)
        if group and (characters + size > most_characters or len(group) == most_lines):
            yield Piece(group, are_lines=True)
            group, characters = [], 0
        if size > longest:
            yield from _cut(line.rstrip("\n"), longest)
        else:
            group.append(line)
            characters += size
    if group:
        yield Piece(group, are_lines=True)


def _cut(line: str, size: int) -> Iterator[Piece]:
    blocks = (line[start : start + size] for start in range(0, len(line), size))
    for number, text in enumerate(split_before_spaces(blocks)):
        yield Piece([text], are_lines=not number)


def _read_lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", newline="\n") as text:
            yield from text
    except UnicodeDecodeError:
        raise _not_utf8(file) from None


def _read_blocks(file: Path, size: int) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", newline="\n") as text:
            yield from iter(partial(text.read, size), "")
    except UnicodeDecodeError:
        raise _not_utf8(file) from None


def _not_utf8(file: Path) -> InputError:
    return InputError(
        f"{file} is not UTF-8 text", mend="Clean the text first: babyllama corpus clean SRC OUT"
    )
