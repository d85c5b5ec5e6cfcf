"""ZhoBLiMP: 118 paradigms of Chinese grammar, 300 pairs each, in 15 phenomena.

The headline is the mean over paradigms. Chance 50.

Source: Liu et al. 2024.
"""

from pathlib import Path

from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import read_pairs
from babyllama.evaluation.suites.suite import Published, suite_of_choices


def _read(path: Path) -> list[Choice]:
    return read_pairs(path, wanted=("sentence_good", "sentence_bad", "UID", "phenomenon"))


SUITE = suite_of_choices("zhoblimp", _read, average="uids", published=Published(35_400, 118))
