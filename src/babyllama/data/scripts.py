"""Which script a letter is of, and which scripts put no white space between words."""

import unicodedata
from collections.abc import Mapping

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


def script_of(letter: str) -> str:
    """The first word of a letter's name in Unicode: LATIN, CJK, CYRILLIC, ..."""
    return unicodedata.name(letter, "OTHER").partition(" ")[0]


def share_without_spaces(shares: Mapping[str, float]) -> float:
    """The share of the letters whose script puts no white space between words.

    Args:
        shares: of the letters in each script.
    """
    return sum(shares.get(each, 0.0) for each in WITHOUT_SPACES)
