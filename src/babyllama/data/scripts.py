"""Which script a letter is of, which have no white space between words; where sentences end."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
# Thai, Lao, Tibetan, Burmese, Khmer; kana and Chinese characters.
UNSPACED_LETTERS = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
)
_LANGUAGES = {
    "CJK": "zh", "HANGUL": "ko", "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar", "HEBREW": "he",
    "DEVANAGARI": "hi", "THAI": "th",
}  # fmt: skip
UNSPACED = re.compile(f"[{UNSPACED_LETTERS}]")
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])")


def script_of(letter: str) -> str:
    """The first word of a letter's name in Unicode: LATIN, CJK, CYRILLIC, ..."""
    return unicodedata.name(letter, "OTHER").partition(" ")[0]


def language_written_in(scripts: Mapping[str, float]) -> str:
    """The code of a language that most often has the scripts of a text; "" for other scripts.

    Args:
        scripts: the share of the letters in each script.
    """
    if any(scripts.get(each, 0) > 0.05 for each in ("HIRAGANA", "KATAKANA")):
        return "ja"
    return _LANGUAGES.get(max(scripts, key=lambda each: scripts[each], default=""), "")


def share_without_spaces(scripts: Mapping[str, float]) -> float:
    """The share of the letters whose script puts no white space between words.

    Args:
        scripts: how many letters are in each script, or what share of them.
    """
    return sum(scripts.get(each, 0) for each in WITHOUT_SPACES) / (sum(scripts.values()) or 1)


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are of scripts without spaces between words."""
    letters = sum(map(str.isalpha, text))
    return 2 * sum(map(str.isalpha, UNSPACED.findall(text))) > letters


@cache
def not_in_words() -> re.Pattern[str]:
    """A pattern of all characters that are neither letters, digits nor marks."""
    return re.compile(rf"(?:_|[^\w{combining_marks()}])+")


@cache
def combining_marks() -> str:
    """All combining marks, to stand in brackets of a pattern beside `\\w`, which has none of them.

    They are half the letters of Hindi or Thai.
    """
    marks = (code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
    spans: list[list[int]] = []
    for code in marks:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in spans)
