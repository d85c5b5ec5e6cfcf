"""What a text's language changes: its rules, what a word is, how many bytes its content takes.

A language is a code of ISO 639: two letters, or three where there is no code of two.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from babyllama.console import format_bytes
from babyllama.data.cleaning.domains import CODE, cleaner_for
from babyllama.data.raw_text import read_blocks
from babyllama.data.scripts import language_written_in, script_of, share_without_spaces
from babyllama.data.sources import Source
from babyllama.errors import listed
from babyllama.recipe.text import ENGLISH

# UTF-8 bytes of a text divided by those of the same content in English, as measured on parallel
# text by Arnett et al. 2024, "A bit of a problem" (github.com/catherinearnett/byte-premium-tool).
# BabyLM's multilingual track sizes its corpora by them.
BYTE_PREMIUM = {
    "af": 1.037, "ar": 1.465, "bg": 1.812, "bn": 2.431, "ca": 1.093, "cs": 1.036, "cy": 1.027,
    "da": 1.021, "de": 1.054, "el": 1.967, "en": 1.0, "es": 1.084, "et": 0.968, "eu": 1.060,
    "fa": 1.597, "fi": 1.059, "fr": 1.174, "he": 1.355, "hi": 2.370, "hr": 0.990, "hu": 1.020,
    "hy": 1.724, "id": 1.179, "is": 1.154, "it": 1.067, "ja": 1.322, "jv": 1.147, "ka": 4.339,
    "ko": 1.293, "lt": 1.030, "nl": 1.052, "nb": 0.998, "pl": 1.077, "pt": 1.098, "ro": 1.115,
    "ru": 1.823, "sk": 1.042, "sl": 0.972, "sr": 1.425, "st": 1.166, "sv": 1.021, "sw": 1.069,
    "ta": 2.729, "te": 2.620, "th": 2.742, "tr": 1.044, "uk": 1.751, "ur": 1.708, "vi": 1.349,
    "xh": 1.199, "yue": 0.862, "zh": 0.936, "zu": 1.164,
}  # fmt: skip
ENGLISH_BYTES_PER_WORD = 5.5  # of BabyLM's English text
_LOOKED_AT = 20_000  # characters of each domain
_SCRIPTS = {
    "ar": "ARABIC", "bg": "CYRILLIC", "bn": "BENGALI", "el": "GREEK", "fa": "ARABIC",
    "he": "HEBREW", "hi": "DEVANAGARI", "hy": "ARMENIAN", "ja": "CJK HIRAGANA KATAKANA",
    "ka": "GEORGIAN", "ko": "HANGUL", "ru": "CYRILLIC", "ta": "TAMIL", "te": "TELUGU",
    "th": "THAI", "uk": "CYRILLIC", "ur": "ARABIC", "yue": "CJK", "zh": "CJK",
}  # fmt: skip
_ENGLISH_WORDS = frozenset(["the", "of", "and", "to", "you", "that", "it"])
_FEWEST_ENGLISH = 0.06  # of its words; the samples of BabyLM have 0.11 to 0.22, German 0.002
_MOST_ENGLISH = 0.1
_FEWEST_WORDS, _FEWEST_LETTERS = 200, 500  # fewer say too little
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Look:
    """What the start of a text says about its language.

    Attributes:
        english: the share of its words that are frequent English ones.
        scripts: the share of its letters in each script.
    """

    words: int
    letters: int
    english: float
    scripts: Mapping[str, float]


def look_at_text(text: str) -> Look:
    """Count the words and scripts of a sample."""
    words = _WORD.findall(text.lower())
    scripts = Counter(script_of(letter) for word in words for letter in word)
    letters = scripts.total()
    return Look(
        words=len(words),
        letters=letters,
        english=sum(word in _ENGLISH_WORDS for word in words) / max(1, len(words)),
        scripts={name: count / letters for name, count in scripts.items()},
    )


def looks_at(source: Source) -> dict[str, Look]:
    """A look at the start of each domain's training text; source code is of no language."""
    return {
        each.name: look_at_text(next(iter(read_blocks(each.path)), "")[:_LOOKED_AT])
        for each in source.train
        if cleaner_for(each.name) is not CODE
    }


def doubts(language: str, looks: Mapping[str, Look]) -> Iterator[str]:
    """A line for what obviously contradicts a language; nothing is guessed.

    Args:
        looks: by domain.
    """
    odd = [name for name, look in looks.items() if _contradicts(language, look)]
    if not odd:
        return
    if language == ENGLISH:
        code = language_written_in(looks[odd[0]].scripts) or "de"
        yield (
            f"{listed(odd)}: this does not look English, and rules for English clean it. If it is "
            f"another language, give its code: --language {code}, or corpus.language: {code} in a "
            "recipe"
        )
    else:
        yield (
            f"{listed(odd)}: this does not look like text of the language {language}. If it is "
            "English, leave out the language"
        )


def _contradicts(language: str, look: Look) -> bool:
    if look.letters < _FEWEST_LETTERS:
        return False
    script = _SCRIPTS.get(language)
    if script:
        return sum(look.scripts.get(each, 0.0) for each in script.split()) < 0.2
    if language == ENGLISH and look.scripts.get("LATIN", 0.0) < 0.5:
        return True
    if look.words < _FEWEST_WORDS:
        return False
    if language == ENGLISH:
        return look.english < _FEWEST_ENGLISH
    return look.english > _MOST_ENGLISH


def size_in_words(
    language: str, scripts: Mapping[str, int], total: Mapping[str, Any]
) -> Iterator[str]:
    """Lines that say how large a text is where white-space words do not.

    Args:
        scripts: how many of its letters are in each script.
        total: the counts of `corpus_statistics` for a split.
    """
    per_character = total["bytes"] / max(1, total["characters"])
    size = f"{total['characters']:,} characters, {per_character:.2f} bytes each"
    if share_without_spaces(scripts) >= 0.5:
        yield (
            f"the training text's {total['words']:,} words are what lies between white space, and "
            f"its script puts none between words; it has {size}"
        )
    elif language != ENGLISH:
        yield f"the training text has {size}"
    if premium := BYTE_PREMIUM.get(language) if language != ENGLISH else None:
        content = total["bytes"] / premium
        yield (
            f"the byte premium of {language} is {premium:.3f}: these "
            f"{format_bytes(total['bytes'])} say as much as {format_bytes(content)} of English, or "
            f"{round(content / ENGLISH_BYTES_PER_WORD):,} English words"
        )
