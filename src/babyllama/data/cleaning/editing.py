"""How rules edit a text fast.

A rule first asks whether the text has a sign that it needs, which takes a hundredth of a pattern's
time. Patterns begin with a fixed sign, to which Python's search skips; it tries each place of the
text if a pattern begins with "^", an optional space or a look behind.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

_MARK = "\0"  # no text has it after `characters.remove_invisible`
_PLAIN = bytes([ord("\n"), *range(ord(" "), 0x7F)])


@lru_cache(maxsize=2)  # several rules in a row ask it of the same text
def odd_characters(text: str) -> str:
    """All characters of a text in their order, except line feeds and printable ASCII.

    In most text they are few, so that a pattern that looks for some of them is fast.
    """
    return text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "replace")


def has_any(text: str, *signs: str) -> bool:
    """Whether a text has one of several signs."""
    return any(sign in text for sign in signs)


def cut(pattern: re.Pattern[str], text: str) -> str:
    """Remove what a pattern finds, with the space before it."""
    marked = pattern.sub(_MARK, text)
    return marked.replace(f" {_MARK}", "").replace(_MARK, "") if marked != text else text


def cut_at_starts(pattern: re.Pattern[str], text: str) -> str:
    """Remove what a pattern finds at the starts of lines.

    Args:
        pattern: begins with the line end before the line, and does not match the line's own end.
    """
    return pattern.sub("\n", f"\n{text}")[1:]


def change_lines(text: str, places: Iterable[int], change: Callable[[str], str]) -> str:
    """Change the lines in which certain places are.

    Args:
        places: indices in ascending order.
    """
    parts, done = [], 0
    for at in places:
        if at < done or (at == done and done):
            continue
        start = text.rfind("\n", done, at) + 1 or done
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        parts += [text[done:start], change(text[start:end])]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def places_of(text: str, *signs: str) -> list[int]:
    """Where a text has one of several signs, in ascending order."""
    return sorted(at for sign in signs for at in _each(text, sign))


def _each(text: str, sign: str) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + len(sign))
