"""What a study changed while it had results, in words."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from babyllama.errors import listed
from babyllama.studies.history import Entry
from babyllama.studies.report.findings import Findings


def seeds_in_words(findings: Findings) -> str:
    """`seeds 0, 1 at first; 2 more (2, 3) after 4 trials were finished`."""
    changed = list(_additions(findings.history, lambda entry: entry.seeds, "seed"))
    if not changed:
        return f"seeds {_joined(findings.study.seed_list)}"
    return "; ".join(changed)


def changes(findings: Findings) -> Iterator[str]:
    """A sentence for each thing but seeds that was changed after the first results."""
    history = findings.history
    for _, count in _changed(history, lambda entry: entry.rule):
        yield (
            f"This rule was changed when {count} trials were finished: it was not fixed before the "
            "data."
        )
    added = list(_additions(history, lambda entry: entry.cells and tuple(entry.cells), "cell"))
    if added:
        yield f"The {'; '.join(added)}."
    for name in findings.mains:
        for _, count in _changed(history, partial(_cell, name)):
            yield f"The settings of the cell {name} were changed when {count} trials were finished."
    for name in ("recipe", "set", "unlike"):
        for _, count in _changed(history, partial(_other, name)):
            yield f"`{name}` was changed when {count} trials were finished."
    if unnamed := findings.unnamed:
        trials, are = ("trials", "they are") if len(unnamed) > 1 else ("trial", "it is")
        yield (
            f"The folder also has {len(unnamed)} finished {trials} of other seeds or cells; {are} "
            f"not used here: {listed(unnamed)}."
        )


def _cell(name: str, entry: Entry) -> Any:
    return (entry.cells or {}).get(name)


def _other(name: str, entry: Entry) -> Any:
    return (entry.others or {}).get(name)


def _changed(
    history: Sequence[Entry], part: Callable[[Entry], Any]
) -> Iterator[tuple[tuple[Any, Any], int]]:
    """Each change of a part after the first results: before and after, and the finished trials.

    Entries without the part are skipped: earlier releases did not keep it.
    """
    known = [(part(entry), entry.finished) for entry in history if part(entry) is not None]
    for (before, _), (after, finished) in itertools.pairwise(known):
        if finished and before != after:
            yield (before, after), finished


def _additions(history: Sequence[Entry], part: Callable[[Entry], Any], one: str) -> Iterator[str]:
    """What a list had at first, and what was added or left out after the first results."""
    found = list(_changed(history, part))
    if found:
        (first, _), _ = found[0]
        is_known = history[0].seeds is not None
        yield f"{one}s {_joined(first)}" + (" at first" if is_known else "")
    for (before, after), finished in found:
        when = f"after {finished} trials were finished"
        if more := [each for each in after if each not in before]:
            yield f"{len(more)} more ({_joined(more)}) {when}"
        if fewer := [each for each in before if each not in after]:
            yield f"{len(fewer)} left out ({_joined(fewer)}) {when}"


def _joined(names: Sequence[object]) -> str:
    return ", ".join(map(str, names))
