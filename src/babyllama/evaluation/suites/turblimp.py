"""TurBLiMP: 16 phenomena of Turkish grammar, 1,000 pairs each, in tables with semicolons.

The headline is the mean over phenomena. Chance 50.

Source: Başar et al. 2025.
"""

from pathlib import Path

from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import pair
from babyllama.evaluation.suites.suite import Published, suite_of_choices
from babyllama.runs.rows import TABLES, packed_files, read_table, refuse_repeats

_WANTED = ("good_sentence", "bad_sentence", "critical_region", "phenomenon")


def _read(path: Path) -> list[Choice]:
    rows = (
        row
        for name, data in packed_files(path, TABLES).items()
        for row in read_table(name, data, _WANTED, delimiter=";")
    )
    return [
        # The file is the phenomenon; the column is coarser, and some places in it end in spaces.
        pair(
            uid=row.stem,
            item_id=str(row.number),
            group=row.stem,
            term=row.stem,
            good=row.text("good_sentence"),
            bad=row.text("bad_sentence"),
        )
        for row in refuse_repeats(rows, lambda row: [tuple(map(row.values.get, _WANTED[:2]))])
    ]


SUITE = suite_of_choices("turblimp", _read, average="uids", published=Published(16_000, 16))
