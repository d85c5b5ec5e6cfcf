"""BLiMP-NL: 84 paradigms of Dutch grammar, 100 pairs each, in 22 phenomena.

The data name the phenomenon, not the paradigm. The headline is the mean over pairs, which is the
mean over paradigms, since these are equally large. Chance 50.

Source: Suijkerbuijk et al. 2025; weighted by size in the 2026 pipeline's _blimp_nl.yaml.
"""

from pathlib import Path

from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import pair
from babyllama.evaluation.suites.suite import Published, suite_of_choices
from babyllama.runs.rows import read_rows

_WANTED = ("sentence_good", "sentence_bad", "category")


def _read(path: Path) -> list[Choice]:
    return [
        pair(
            uid=row.text("category"),
            item_id=str(row.number),
            group=row.text("category"),
            term=row.text("category"),
            good=row.text("sentence_good"),
            bad=row.text("sentence_bad"),
        )
        for row in read_rows(path, _WANTED)
    ]


SUITE = suite_of_choices("blimp_nl", _read, average="pairs", published=Published(8_400, 22))
