"""When two texts count as the same: words are compared without case, punctuation and layout.

As in the appendix of GPT-3 (Brown et al. 2020, appendix C) and the decontamination of
lm-evaluation-harness, case, punctuation and white space do not count, and 13 words in a row are
what two texts hardly share by chance. GPT-3 goes down to 8 words for benchmarks with short texts;
so do we, where a text or line is shorter than 13.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babyllama.data.raw_text import read_blocks
from babyllama.data.scripts import UNSPACED, is_unspaced, not_in_words


@dataclass(frozen=True)
class Unit:
    """What is counted: words or, where the script has no spaces between words, characters.

    Attributes:
        name: in the plural.
        sequence: so many in a row are a shared sequence.
        shortest: a line or text that is shorter is too short to tell copying from chance.
        shingle: MinHash compares sets of so many in a row.
        limits: the largest lengths of the first classes by which lines are counted.
    """

    name: str
    sequence: int
    shortest: int
    shingle: int
    limits: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of length: 1-2, 3-5, 6-12, 13+."""
        firsts = (1, *(limit + 1 for limit in self.limits))
        names = [f"{a}-{b}" for a, b in zip(firsts, self.limits, strict=False)]
        return (*names, f"{firsts[-1]}+")


WORDS = Unit("words", sequence=13, shortest=8, shingle=2, limits=(2, 5, 12))
# A Chinese word has 1.5 to 2 characters, so that 26 of them say as much as 13 words. A Thai word
# has about four: there the check is looser.
CHARACTERS = Unit("characters", sequence=26, shortest=16, shingle=3, limits=(5, 11, 25))
_ASCII_PUNCTUATION = {code: None for code in range(128) if not chr(code).isalnum()}
UNITS = {unit.name: unit for unit in (WORDS, CHARACTERS)}


def unit_of(texts: Sequence[Path]) -> Unit:
    """Characters if most letters at the beginnings of some files are of scripts without spaces.

    Raises:
        InputError: a file that cannot be read: see `read_blocks`.
    """
    starts = "".join(next(read_blocks(path), "")[:20_000] for path in texts)
    return CHARACTERS if is_unspaced(starts) else WORDS


def words_of(line: str, unit: Unit) -> list[str]:
    """What a line is compared as: its words, each as `normal` has it.

    Under `CHARACTERS` each character of a script without spaces is a word.
    """
    return [word for each in spaced(line, unit).split() if (word := normal(each))]


def spaced(line: str, unit: Unit) -> str:
    """A line with spaces between its words also where the script has none."""
    return UNSPACED.sub(r" \g<0> ", line) if unit is CHARACTERS else line


def normal(word: str) -> str:
    """What a word is compared as; "" for punctuation alone.

    Compatibility forms are resolved (NFKC) and case is folded. Everything but letters, digits and
    marks is removed, so that "Don't" is "dont", as in both editions of a story.
    """
    if word.isascii():  # which is most of most texts
        return word.lower().translate(_ASCII_PUNCTUATION)
    return not_in_words().sub("", unicodedata.normalize("NFKC", word).casefold())
