"""BLiMP: 67 paradigms of English grammar; complete, as BabyLM filters it, and the fast subset.

The headline is the rules': mean over UIDs, or under 2023 over phenomena. Chance 50.

Source: Warstadt et al. 2020; BabyLM 2024 and 2025 for the filtered and the fast one.
"""

from pathlib import Path

from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import read_pairs
from babyllama.evaluation.suites.suite import Published, suite_of_choices


def _read(path: Path) -> list[Choice]:
    return read_pairs(path, wanted=("sentence_good", "sentence_bad", "UID", "linguistics_term"))


FULL = suite_of_choices("blimp", _read, published=Published(67_000, 67))
FILTERED = suite_of_choices("blimp_filtered", _read, published=Published(59_875, 67))
FAST = suite_of_choices("blimp_fast", _read, published=Published(13_400, 67))
