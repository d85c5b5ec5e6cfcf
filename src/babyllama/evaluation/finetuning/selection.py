"""Which rows of a validation file choose the model that is kept, and which give its score."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.tasks import Example, Task

Selection = Literal["held-out", "pipeline"]


@dataclass(frozen=True)
class SelectedRows:
    """Rows of the validation file, by number.

    Attributes:
        choosing: rows whose metric decides which checkpoint is kept.
        scoring: rows that give the score.
        description: how they were selected, as results say it.
    """

    choosing: tuple[int, ...]
    scoring: tuple[int, ...]
    description: str


def select_rows(
    examples: Sequence[Example], task: Task, selection: Selection, path: Path
) -> SelectedRows:
    """Select the rows that choose the model and the rows that score it.

    `pipeline`: all rows choose and all rows score, as in every BabyLM pipeline; in MSGS only the
    `test` rows score. `held-out`: no row does both. In MSGS the rows with condition `training`
    choose and all `test` rows score: in a `test` row the two features disagree, so choosing by
    these would choose the generalisation that is to be measured. In other tasks half of each
    label's rows choose, sorted by the hashes of their texts, so that neither the order of the file
    nor the seed matters.

    Raises:
        InputError: too few rows, or MSGS rows without the conditions that this needs.
    """
    everything = tuple(range(len(examples)))
    scored = everything
    if task.scored_condition:
        scored = _with_condition(examples, task.scored_condition, path)
    if selection == "pipeline":
        return SelectedRows(everything, scored, "the rows that choose the model also score it")
    if task.scored_condition:
        return SelectedRows(
            _with_condition(examples, "training", path),
            scored,
            "rows in domain choose the model, rows out of it score it",
        )
    if len(examples) < 4:
        raise InputError(
            f"{path} has {len(examples)} rows, too few for held-out selection",
            why="Half of the rows choose the model and the other half scores it.",
            mend="Use all rows for both: --selection pipeline",
        )
    choosing = _half(examples)
    rest = tuple(sorted(set(everything) - set(choosing)))
    return SelectedRows(
        choosing, rest, "half of the rows choose the model, the other half scores it"
    )


def _half(examples: Sequence[Example]) -> tuple[int, ...]:
    """Half of all rows, rounded down, and half of each label's rows, within one row."""
    rows_of: dict[int, list[int]] = {}
    for row, example in enumerate(examples):
        rows_of.setdefault(example.label, []).append(row)
    chosen: list[int] = []
    extra = 0  # labels with an odd count alternate, so that the halves differ by one row at most
    for label in sorted(rows_of):
        rows = sorted(rows_of[label], key=lambda row: (_hash(examples[row]), row))
        take, odd = divmod(len(rows), 2)
        if odd:
            take += extra
            extra = 1 - extra
        chosen += rows[:take]
    return tuple(sorted(chosen))


def _hash(example: Example) -> str:
    return hashlib.sha256(json.dumps([example.first, example.second]).encode()).hexdigest()


def _with_condition(examples: Sequence[Example], condition: str, path: Path) -> tuple[int, ...]:
    rows = tuple(row for row, e in enumerate(examples) if e.condition == condition)
    if not rows:
        known = sorted({e.condition or "none" for e in examples})
        raise InputError(
            f"{path} has no row with condition {condition}",
            why=f"Its conditions: {', '.join(known)}. In MSGS `training` rows choose the model and "
            "`test` rows score it.",
            mend="Use a file that has both, or --selection pipeline, which needs only `test`.",
        )
    return rows
