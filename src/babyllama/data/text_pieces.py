"""Clean text read as documents, in pieces that fit into memory and change no token.

Blank lines separate documents under the layout `lines`; under `stream` a file is one document.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from babyllama.errors import InputError

Layout = Literal["lines", "stream"]


def read_documents(
    files: Iterable[Path],
    layout: Layout,
    tokenizer: Tokenizer,
    *,
    lines_at_once: int,
    characters_at_once: int,
) -> Iterator[Iterator[Sequence[str]]]:
    """Yield each document as an iterator over its pieces; a piece is a list of texts.

    Args:
        tokenizer: determines whether a file may be split under `stream`, or is one piece.
        lines_at_once: the lines of a piece under `lines`.
        characters_at_once: characters read per piece under `stream`. It changes no token.

    Raises:
        InputError: a file is not UTF-8.
    """
    for file in files:
        if layout == "stream":
            blocks = _read_blocks(file, characters_at_once)
            may_split = can_split_before_spaces(tokenizer)
            texts = split_before_spaces(blocks) if may_split else iter(["".join(blocks)])
            yield ([text] for text in texts)
            continue
        for has_text, lines in groupby(_read_lines(file), lambda line: bool(line.strip())):
            if has_text:
                yield _groups(lines, lines_at_once)


def can_split_before_spaces(tokenizer: Tokenizer) -> bool:
    """Whether the pieces of `split_before_spaces` have the same tokens as the full text.

    True for tokenizers that first split text into words with GPT-2's pattern: a word has a space
    only at its start, and a later piece starts with a space, so no prefix space is added to it.
    Our own tokenizer is of this kind. False for all others, whose rules we do not know.
    """
    words, normal = tokenizer.pre_tokenizer, tokenizer.normalizer
    return (
        isinstance(words, pre_tokenizers.ByteLevel)
        and bool(words.use_regex)
        and (normal is None or isinstance(normal, normalizers.NFKC | normalizers.NFC))
        and all(" " not in str(added) for added in tokenizer.get_added_tokens_decoder().values())
    )


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


def _groups(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    while group := list(islice(lines, size)):
        yield group


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
