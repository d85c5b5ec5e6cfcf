"""Clean a text of any size in pieces which, joined, equal the cleaned full text.

A text is cut at ends of lines where no rule looks across: this module knows where that is, and
joins the clean pieces again. So memory holds a piece, not the text; a line is never cut.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from babyllama.data.cleaning.applying import Rule, Watch, apply_rules
from babyllama.data.cleaning.characters import plain_characters
from babyllama.data.cleaning.domains import (
    CODE,
    Cleaner,
    CleaningRules,
    clean_documents,
    cleaner_for,
)
from babyllama.data.cleaning.layout import CREDIT, documents_of
from babyllama.data.cleaning.paper import paper_qed, paper_wikipedia
from babyllama.recipe.text import ENGLISH

# These look at the first character, or join lines whatever they hold.
_NEED_FULL_TEXT = (paper_qed, paper_wikipedia)
_SMALL = 1 << 14  # characters


def clean_pieces(
    read: Callable[[], Iterable[str]],
    *,
    domain: str,
    rules: CleaningRules,
    language: str = ENGLISH,
    watch: Watch | None = None,
) -> Iterator[str]:
    """Clean one domain's text, block by block.

    Args:
        read: reads the text from its start, in blocks of any size, with "\\n" as line end, as
            `raw_text` does; may be called twice.
        domain: a BabyLM name of 2023 or 2024. Any other name gets the neutral cleaner: nothing
            under "paper", the rules that suit any prose under "thorough".
        rules: see the package.
        language: of the text; rules for English alone are for `en` alone. Does not count under
            "paper".
        watch: is told each rule that changed a piece.

    Returns:
        pieces of the clean text. Under "thorough" it is empty, or has stripped lines, one blank
        line between documents and one "\\n" at the end; in source code, lines keep their indents.
    """
    cleaner = cleaner_for(domain)
    if rules == "paper":
        is_full = cleaner.paper in _NEED_FULL_TEXT
        pieces = iter(["".join(read())]) if is_full else _cut_lines(read(), _ends_for_paper)
        yield from (apply_rules(piece, (cleaner.paper,), watch) for piece in pieces)
    elif cleaner is CODE:
        yield from _clean_code(_cut_lines(read(), _ends_anywhere), cleaner.thorough, watch)
    else:
        wide = cleaner.wide_gaps and _has_wide_gaps(_plain(read()))
        parts = _parts(_plain(read(), watch), wide)
        yield from _clean_documents(parts, cleaner, language, wide, watch)


def _clean_code(pieces: Iterable[str], rules: Iterable[Rule], watch: Watch | None) -> Iterator[str]:
    """Lines without white space at their ends; blank ones become one between documents."""
    gap, has_output = "", False
    for piece in pieces:
        lines = apply_rules(piece, rules, watch).split("\n")
        for line in lines[: -1 if piece.endswith("\n") else None]:
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
    parts: Iterable[_Part], cleaner: Cleaner, language: str, wide: bool, watch: Watch | None
) -> Iterator[str]:
    has_output = is_new = False
    for part in parts:
        found = documents_of(apply_rules(part.text, cleaner.across, watch), wide_gaps=wide)
        for number, document in enumerate(clean_documents(found, cleaner, language, watch)):
            is_new = is_new or part.begins or number > 0
            if document:
                yield ("\n\n" if is_new else "\n") * has_output + document
                has_output, is_new = True, False
    if has_output:
        yield "\n"


def _plain(blocks: Iterable[str], watch: Watch | None = None) -> Iterator[str]:
    """Plain text in pieces, to be joined with line ends."""
    for piece in _cut_lines(_small(blocks), _ends_anywhere):
        yield plain_characters(piece.removesuffix("\n"), watch)


def _small(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in small blocks: a rule skips the blocks that have nothing to clean."""
    for block in blocks:
        yield from (block[start : start + _SMALL] for start in range(0, len(block), _SMALL))


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


def _ends_anywhere(_text: str, _at: int) -> bool:
    return True


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
        within = line_ends == 1 and not text.startswith(("=", "'", CREDIT), start)
        has_text = start < len(text) and text[start] != "\n"
        if end and text[end - 1] != "=" and has_text and (is_document or within):
            return end, start
    return 0, 0
