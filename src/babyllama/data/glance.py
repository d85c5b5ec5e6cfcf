"""A first look at raw text: how much there is, in which domains and scripts."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from babyllama.data.raw_text import read_blocks, size_of_text
from babyllama.data.scripts import language_written_in, script_of, share_without_spaces
from babyllama.data.sources import read_source

_SAMPLE = 20_000  # characters of each domain that scripts are counted in


@dataclass(frozen=True)
class Glance:
    """What a look at raw text found.

    Attributes:
        words: of the training text, between white space.
        domains: their names.
        scripts: the share of the letters in each script, largest first: LATIN, CJK, ...
    """

    words: int
    domains: tuple[str, ...]
    scripts: dict[str, float]
    characters: int

    @property
    def has_spaces(self) -> bool:
        """Whether white space separates the words, in most of the text."""
        return share_without_spaces(self.scripts) < 0.5

    @property
    def size(self) -> int:
        """Words; where no spaces separate them, two characters count as one."""
        return self.words if self.has_spaces else max(self.words, self.characters // 2)

    @property
    def language(self) -> str:
        """A guess from the script: a code such as `ru`; English for Latin letters."""
        return language_written_in(self.scripts) or "en"


def look_at(path: Path) -> Glance:
    """Count the training text of a folder and look at the start of each domain.

    Raises:
        InputError: what `read_source` raises, or text that is not UTF-8.
    """
    domains = read_source(path).train
    scripts: Counter[str] = Counter()
    characters = 0
    for domain in domains:
        seen = 0
        for block in read_blocks(domain.path):
            sample = block[: max(0, _SAMPLE - seen)]
            scripts.update(script_of(letter) for letter in sample if letter.isalpha())
            seen += len(block)
        characters += seen
    letters = scripts.total() or 1
    return Glance(
        words=sum(size_of_text(domain.path).words for domain in domains),
        domains=tuple(domain.name for domain in domains),
        scripts={name: count / letters for name, count in scripts.most_common()},
        characters=characters,
    )
