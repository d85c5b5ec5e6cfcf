"""Entity tracking: after some operations, what is in the box? Five continuations, the first right.

Summed log p of the continuation after the prefix. Accuracy by file and number of operations; the
headline is the mean over the numbers within a file, then over the files. Chance 20.

The authors publish it in a locked zip alone and ask for no open copies: it is read from there and
never unpacked, and predictions hold no texts.

Source: Kim and Schuster 2023; sentence_zero_shot/run.py of the 2025 pipeline.
"""

from pathlib import Path

from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.suite import Published, suite_of_choices
from babyllama.runs.rows import Row, read_rows

_WANTED = ("input_prefix", "options", "numops")
_PASSWORD = b"iamnotaLM"  # published beside the zip: against crawlers, not against readers


def _read(path: Path) -> list[Choice]:
    return [_choice(row) for row in read_rows(path, _WANTED, password=_PASSWORD)]


def _choice(row: Row) -> Choice:
    uid = f"{row.stem}_{row.count('numops')}_ops"
    prefix = row.text("input_prefix")
    options = tuple(Text(option, prefix) for option in row.texts("options", at_least=2))
    return Choice(uid, str(row.number), row.stem, row.stem, options, is_private=True)


SUITE = suite_of_choices("entity_tracking", _read, average="nested", published=Published(9_483, 18))
