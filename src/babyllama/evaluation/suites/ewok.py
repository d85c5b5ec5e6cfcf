"""EWoK: of two statements, which one follows from the context? Eleven domains of world knowledge.

As BabyLM scores it: `Target1` against `Target2` after `Context1` alone, log p of the target given
the context; the paper asks in both directions. The headline is the mean over domains. Chance 50.
Its authors ask for no open copies, so predictions hold no texts.

Source: Ivanova et al. 2024; lm_eval/tasks/ewok_filtered of the 2024 pipeline,
sentence_zero_shot/read_files.py of 2025.
"""

from pathlib import Path

from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.suite import Published, suite_of_choices
from babyllama.runs.rows import Row, read_rows

_WANTED = (
    "Domain",
    "Context1",
    "Context2",
    "Target1",
    "Target2",
    "ContextType",
    "ContextDiff",
    "TargetDiff",
)


def _read(path: Path) -> list[Choice]:
    return [_choice(row) for row in read_rows(path, _WANTED)]


def _choice(row: Row) -> Choice:
    for key in _WANTED:
        row.text(key)
    domain, context = row.text("Domain"), row.text("Context1")
    targets = (row.text("Target1"), row.text("Target2"))
    options = tuple(Text(f" {target}", context) for target in targets)
    return Choice(domain, str(row.number), domain, domain, options, is_private=True)


SUITE = suite_of_choices("ewok", _read, published=Published(7_618, 11))
