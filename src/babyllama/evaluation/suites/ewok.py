"""EWoK: of two statements, which one follows from the context? Eleven domains of world knowledge.

As BabyLM scores it: `Target1` against `Target2` after `Context1` alone, log p of the target given
the context; the paper asks in both directions. The headline is the mean over domains. Chance 50.
`ewok_2026` is the other direction, which BabyLM 2026 asks: `Target1` after `Context1` against the
same target after `Context2`. Their authors ask for no open copies, so predictions hold no texts.

Source: Ivanova et al. 2024; lm_eval/tasks/ewok_filtered of the 2024 pipeline,
sentence_zero_shot/read_files.py of 2025 and of 2026.
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
    return [_choice(row, (1, 1), (1, 2)) for row in read_rows(path, _WANTED)]


def _read_contexts(path: Path) -> list[Choice]:
    return [_choice(row, (1, 2), (1, 1)) for row in read_rows(path, _WANTED)]


def _choice(row: Row, contexts: tuple[int, int], targets: tuple[int, int]) -> Choice:
    """Two options: the contexts and targets of these numbers."""
    for key in _WANTED:
        row.text(key)
    domain = row.text("Domain")
    options = tuple(
        Text(f" {row.text(f'Target{target}')}", row.text(f"Context{context}"))
        for context, target in zip(contexts, targets, strict=True)
    )
    return Choice(domain, str(row.number), domain, domain, options, is_private=True)


_PUBLISHED = Published(7_618, 11)
SUITE = suite_of_choices("ewok", _read, published=_PUBLISHED)
CONTEXTS = suite_of_choices("ewok_2026", _read_contexts, published=_PUBLISHED)
