"""Clean a text of any size in pieces that are, joined, what `cleaning.clean_text` makes of it.

A text is cut at ends of lines where no rule looks across: this module knows where that is, and
joins the clean pieces again. So memory holds a piece, not the text; a line is never cut.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from babyllama.data.cleaning import (
    CODE,
    CleaningRules,
    cleaner_for,
    documents_of,
    paper_qed,
    paper_wikipedia,
    plain_characters,
    thorough_code,
    thorough_qed,
    tidy,
)

# These look at the first character, or join lines whatever they hold.
_NEED_FULL_TEXT = (paper_qed, paper_wikipedia)
# A tag may go on in the next line after its name. The name may be written with entities.
_MAY_BE_IN_TAG = re.compile(r"[<;]/?\w{0,12}$")
_CREDIT = "Translator:"


def clean_pieces(
    read: Callable[[], Iterable[str]], *, domain: str, rules: CleaningRules
) -> Iterator[str]:
    """Clean one domain's text, block by block.

    Args:
        read: reads the text from its start, in blocks of any size; may be called twice.
        domain, rules: see `clean_text`.

    Returns:
        pieces that are, joined, what `clean_text` returns for the joined blocks.
    """
    cleaner = cleaner_for(domain)
    if rules == "paper" and cleaner.paper in _NEED_FULL_TEXT:
        yield cleaner.paper("".join(read()))
    elif rules == "paper":
        yield from map(cleaner.paper, _cut_lines(read(), _ends_for_paper))
    elif cleaner is CODE:
        yield from _clean_code(_cut_lines(read(), lambda _text, _at: True))
    else:
        wide = cleaner.thorough is thorough_qed and _has_wide_gaps(_plain(read()))
        yield from _clean_documents(_parts(_plain(read()), wide), cleaner.thorough, wide)


def _clean_code(pieces: Iterable[str]) -> Iterator[str]:
    """Lines without white space at their ends; blank ones become one between documents."""
    gap, has_output = "", False
    for piece in pieces:
        for line in thorough_code(piece).split("\n")[: -1 if piece.endswith("\n") else None]:
            if line:
                yield gap * has_output + line + "\n"
                gap, has_output = "", True
            else:
                gap = "\n"


class _Part(NamedTuple):
    """Plain text that begins a document, or goes on with one."""

    text: str
    begins: bool


def _clean_documents(
    parts: Iterable[_Part], clean: Callable[[str], str], wide: bool
) -> Iterator[str]:
    has_output = is_new = False
    for part in parts:
        for number, document in enumerate(documents_of(part.text, wide_gaps=wide)):
            is_new = is_new or part.begins or number > 0
            if cleaned := tidy(clean(document)):
                yield ("\n\n" if is_new else "\n") * has_output + cleaned
                has_output, is_new = True, False
    if has_output:
        yield "\n"


def _plain(blocks: Iterable[str]) -> Iterator[str]:
    """Plain text in pieces, to be joined with line ends."""
    return map(plain_characters, _cut_lines(blocks, _ends_outside_tags))


def _cut_lines(blocks: Iterable[str], is_end: Callable[[str, int], bool]) -> Iterator[str]:
    """Cut a text after line ends; joined, the pieces are the text.

    Args:
        is_end: whether a text may be cut after the line end at an index.
    """
    waiting: list[str] = []
    for block in blocks:
        waiting.append(block)
        if "\n" not in block:
            continue
        text = "".join(waiting)
        at = text.rfind("\n")
        while at >= 0 and not is_end(text, at):
            at = text.rfind("\n", 0, at)
        if at >= 0:
            yield text[: at + 1]
        waiting = [text[at + 1 :]]
    rest = "".join(waiting)
    waiting.clear()
    if rest:
        yield rest


def _ends_outside_tags(text: str, at: int) -> bool:
    return not _MAY_BE_IN_TAG.search(text[max(0, at - 16) : at])


def _ends_for_paper(text: str, at: int) -> bool:
    """Whether a line with text follows, so that blank lines stay together."""
    return text[at + 1 : at + 2].isalnum()


def _has_wide_gaps(pieces: Iterable[str]) -> bool:
    """Whether the pieces, joined with line ends, have two blank lines in a row."""
    end = None
    for piece in pieces:
        text = piece if end is None else f"{end}\n{piece}"
        if "\n\n\n" in text:
            return True
        end = text[-2:]
    return False


def _parts(pieces: Iterable[str], wide: bool) -> Iterator[_Part]:
    """Cut plain text between documents, or between two lines of one."""
    rest, begins = None, True
    for piece in pieces:
        rest = piece if rest is None else f"{rest}\n{piece}"
        end, start = _last_cut(rest, wide)
        if end:
            yield _Part(rest[:end], begins)
            rest, begins = rest[start:], start - end > 1
    yield _Part(rest or "", begins)


def _last_cut(text: str, wide: bool) -> tuple[int, int]:
    """The last line that may begin a part: where the line before it ends, and its own start.

    A line in "= = =" belongs to the text after it, and in the children's book test a quote at a
    line's start to the text before.

    Returns:
        0, 0 if there is no such line.
    """
    start = len(text)
    while (start := text.rfind("\n", 0, start - 1) + 1) > 1:
        end = len(text[:start].rstrip("\n")) if text[start - 2] == "\n" else start - 1
        line_ends = start - end
        is_document = line_ends > (2 if wide else 1)
        within = line_ends == 1 and not text.startswith(("=", "'", _CREDIT), start)
        has_text = start < len(text) and text[start] != "\n"
        if end and text[end - 1] != "=" and has_text and (is_document or within):
            return end, start
    return 0, 0
