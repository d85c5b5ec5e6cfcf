"""What the training text of a run says about its scores.

A benchmark in a script that a model never saw is at chance for that reason alone: `seen_shares`
counts how much of it occurs in the training text. Text without spaces has no words to average over:
`per_character` counts its characters.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from babyllama.data.scripts import UNSPACED
from babyllama.runs.layout import STATISTICS, TOKENS_HEADER
from babyllama.scores.results import DevResult, SeenText

_WORD = re.compile(r"\w+")
_LONGEST_WORD = 15  # characters of the mean word of a text that has spaces between words


def seen_shares(texts: Mapping[str, Iterable[str]], train: Path) -> dict[str, SeenText]:
    """How much of each benchmark's text occurs in the training text, in percent of its length.

    Text is compared after NFKC, words also without regard to case.

    Args:
        texts: of each benchmark.
        train: a folder of text files.
    """
    characters = {name: Counter[str]() for name in texts}
    words = {name: Counter[str]() for name in texts}
    for name, of_benchmark in texts.items():
        for text in of_benchmark:
            normal = unicodedata.normalize("NFKC", text)
            characters[name].update("".join(normal.split()))
            words[name].update(_WORD.findall(normal.casefold()))
    unseen_characters, unseen_words = _unseen(
        {each for counts in characters.values() for each in counts},
        {each for counts in words.values() for each in counts},
        train,
    )
    return {
        name: SeenText(
            characters=_share(characters[name], unseen_characters),
            **(
                {}
                if _is_unspaced(characters[name])
                else {"words": _share(words[name], unseen_words)}
            ),
        )
        for name in texts
    }


def _unseen(characters: set[str], words: set[str], train: Path) -> tuple[set[str], set[str]]:
    """Those that the training text does not have; it is read until all have occurred."""
    for file in sorted(train.glob("*.txt")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if not characters and not words:
                    return characters, words
                normal = unicodedata.normalize("NFKC", line)
                characters.difference_update(normal)
                if words:
                    words.difference_update(_WORD.findall(normal.casefold()))
    return characters, words


def _share(counts: Mapping[str, int], unseen: set[str]) -> float:
    total = sum(counts.values())
    missing = sum(count for each, count in counts.items() if each in unseen)
    return 100 * (1 - missing / total) if total else 100.0


def _is_unspaced(characters: Mapping[str, int]) -> bool:
    """Whether most letters are of scripts that do not separate words."""
    letters = {each: count for each, count in characters.items() if each.isalpha()}
    unspaced = sum(count for each, count in letters.items() if UNSPACED.match(each))
    return 2 * unspaced > sum(letters.values())


def per_character(dev: DevResult, corpus: Path, tokens: Path) -> DevResult:
    """A dev result with nats per character, without nats per word if the text has no spaces.

    "Words" that are longer than 15 characters on average are sentences.

    Args:
        corpus: a clean corpus, whose statistics count the dev text's characters.
        tokens: its tokens.
    """
    if not (corpus / STATISTICS).is_file():
        return dev
    total = json.loads((corpus / STATISTICS).read_text("utf-8"))["dev"]["total"]
    dev_tokens = json.loads((tokens / TOKENS_HEADER).read_text("utf-8"))["dev_tokens"]
    if not total["characters"]:
        return dev
    values = dev.written()
    values["nats_per_character"] = dev.cross_entropy * dev_tokens / total["characters"]
    if total["characters"] > _LONGEST_WORD * total["words"]:
        values.pop("nats_per_word", None)
    return DevResult.model_validate(values)
