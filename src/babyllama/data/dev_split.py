"""Take the end of a text as dev text, at the border of a document, a line or a word.

The text is read in blocks, several times, so that memory does not hold it.
"""

from collections.abc import Callable, Iterable, Iterator

from babyllama.errors import InputError

Read = Callable[[], Iterable[str]]


def dev_start(read: Read, *, fraction: float, name: str) -> int:
    """Where dev text begins: the index of its first character.

    The text is split between documents (at a blank line) if that gives between half and one and a
    half times the wanted share, else between lines, else (in a text of one line) between words.

    Args:
        read: reads the text from its start, in blocks of any size.
        fraction: the wanted share of characters for dev, greater than 0 and less than 1.
        name: the text's name in messages.

    Raises:
        InputError: the fraction is out of range, or the text cannot be split.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"dev_fraction is {fraction}",
            why="It is the share of the text that is not trained on. It is between 0 and 1.",
            mend="Try 0.05.",
        )
    length, first, end = _extent(read())
    target = min(max(round(length * (1 - fraction)), first), end)
    for boundary, tolerance in (("\n\n", 0.5), ("\n", None), (" ", None)):
        cut = _boundary_near(read(), boundary, target, first, end)
        error = abs((length - cut) / (length * fraction) - 1) if cut else None
        if error is not None and (tolerance is None or error <= tolerance):
            return cut
    raise InputError(
        f"{name} is too short for a dev split of {fraction}",
        why="It has only one line with only one word.",
        mend="Put dev texts into a dev/ folder beside train/.",
    )


def blocks_before(read: Read, index: int) -> Iterator[str]:
    """The text before a character."""
    for block in read():
        if index <= 0:
            return
        yield block[:index]
        index -= len(block)


def blocks_from(read: Read, index: int) -> Iterator[str]:
    """The text from a character on."""
    for block in read():
        if index < len(block):
            yield block[max(0, index) :]
        index -= len(block)


def _extent(blocks: Iterable[str]) -> tuple[int, int, int]:
    """The length of a text; where it begins and ends without white space around it."""
    length = end = 0
    first = None
    for block in blocks:
        if text := block.rstrip():
            end = length + len(text)
            if first is None:
                first = length + len(block) - len(block.lstrip())
        length += len(block)
    return length, length if first is None else first, end


def _boundary_near(blocks: Iterable[str], boundary: str, target: int, first: int, end: int) -> int:
    """The index after the boundary nearest to `target` that has text on both sides, or 0."""
    size = len(boundary)
    last_before = next_after = None
    offset, carried = 0, ""
    for block in blocks:
        text = carried + block  # a boundary may lie across two blocks
        start, stop = max(0, first - offset), max(0, target - offset)
        if (at := text.rfind(boundary, start, stop)) >= 0:
            last_before = offset + at + size
        start, stop = max(0, max(target - size, first) - offset), max(0, end - offset)
        if (at := text.find(boundary, start, stop)) >= 0:
            next_after = offset + at + size
            break
        carried = text[len(text) - size + 1 :] if size > 1 else ""
        offset += len(text) - len(carried)
    cuts = [cut for cut in (last_before, next_after) if cut is not None]
    return min(cuts, key=lambda cut: abs(cut - target), default=0)
