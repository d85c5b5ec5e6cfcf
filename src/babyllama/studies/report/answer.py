"""The first sentences of a study's report, which answer its question."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from babyllama.report.verdicts import digits_for
from babyllama.scores.verdicts import Word
from babyllama.studies.report.decided import Decided, Untested
from babyllama.studies.study import DEV_LOSS

_MOST_PAIRS = 4  # that one sentence names
_MOST_NAMES = 3
_WORDS: tuple[tuple[Word, str], ...] = (
    ("better", "is better than"),
    ("worse", "is worse than"),
    ("equivalent", "is equivalent to"),
    ("no worse", "is no worse than"),
    ("undecided", "cannot be told apart from"),
)
_OF_PAIRS: Mapping[Word, tuple[str, str]] = {
    "better": ("the first", "is better"),
    "worse": ("the first", "is worse"),
    "equivalent": ("the two", "are equivalent"),
    "no worse": ("the first", "is no worse"),
    "undecided": ("the two", "cannot be told apart"),
}


def answer(
    decided: Sequence[Decided],
    untested: Sequence[Untested],
    *,
    cells: int,
    seeds: int,
    levels: Callable[[Decided], str],
) -> str:
    """What the comparisons show: of few pairs, a sentence on the first and one on the others.

    Args:
        levels: the two values that a comparison is about, as `72.7 against 70.1`.
    """
    if not decided:
        why = untested[0].why if untested else "no trial is finished"
        return f"There is no answer yet: {why}."
    pairs = list(dict.fromkeys(each.pair for each in decided))
    if len(pairs) > _MOST_PAIRS:
        measures = dict.fromkeys(each.measure for each in decided)
        parts = [_counted([e for e in decided if e.measure == m], m, cells) for m in measures]
        return f"Over {seeds} seeds, {'; '.join(parts)}."
    first, *others = ([each for each in decided if each.pair == pair] for pair in pairs)
    clauses = list(_of_pair(first, cells, levels))
    text = f"Over {seeds} seeds, {_joined(clauses)}."
    rest = [clause for own in others for clause in _of_pair(own, cells, _difference)]
    if not rest:
        return text
    subject = clauses[-1][0]
    if rest[0][0] != subject:
        return f"{text} {_joined(rest)}."
    # "It" stands for the subject of the first sentence, until another one is named.
    same = list(itertools.takewhile(lambda clause: clause[0] == subject, rest))
    rest[: len(same)] = [("It", said) for _, said in same]
    return f"{text} {_joined(rest)}."


def _title(measure: str) -> str:
    """What sentences call a measure."""
    return "unseen text" if measure == DEV_LOSS else measure


def _of_pair(
    decided: Sequence[Decided], cells: int, sized: Callable[[Decided], str]
) -> Iterator[tuple[str, str]]:
    """`student`, `is better than twin on blimp (+1.9) and ewok (+2.1)`."""
    ours, theirs = decided[0].pair.called(cells)
    for word, said in _WORDS:
        own = [each for each in decided if each.verdict.word == word]
        if own:
            on = _and([f"{_title(each.measure)} ({sized(each)})" for each in own])
            yield ours, f"{said} {theirs} on {on}"


def _joined(clauses: Sequence[tuple[str, str]]) -> str:
    return "; ".join(_without_repeats(clauses))


def _without_repeats(clauses: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The subject is said once where it stays the same."""
    before = ""
    for subject, rest in clauses:
        yield rest if subject == before else f"{subject} {rest}"
        before = subject


def _counted(decided: Sequence[Decided], measure: str, cells: int) -> str:
    """`on blimp, none of 14 is better than base, 3 are worse and 11 cannot be told apart from it`.

    Where the pairs have neither side in common, the pairs are counted.
    """
    on = f"on {_title(measure)}"
    each_in_its_cell = all(each.pair.ours.cell == each.pair.theirs.cell for each in decided)
    if each_in_its_cell and len({each.pair.ours.cell for each in decided}) > 1:
        return f"{on}, {_joined([*_by_models(decided)])}"
    common = _common([each.pair.called(cells)[1] for each in decided])
    subject = _common([each.pair.called(cells)[0] for each in decided])
    if common:
        return f"{on}, {_and(list(_against_one(decided, common, cells)))}"
    if subject:
        return f"{on}, {subject} {_and(list(_of_one(decided, cells)))}"
    return f"{on}, of {len(decided)} pairs {_and(list(_of_pairs(decided, cells)))}"


def _against_one(decided: Sequence[Decided], theirs: str, cells: int) -> Iterator[str]:
    """`1 of 3 is better than base (a)` and `2 are worse than it (b and c)`: many and one model."""
    size, whom = f" of {len(decided)}", theirs
    for word, said in _WORDS:
        ours = [each.pair.called(cells)[0] for each in decided if each.verdict.word == word]
        if ours or size:
            verb = said.replace("is ", "are ", 1) if len(ours) > 1 else said
            yield f"{len(ours) or 'none'}{size} {verb} {whom}{_named(ours)}"
        size, whom = "", "it"


def _of_pairs(decided: Sequence[Decided], cells: int) -> Iterator[str]:
    """`the first is better in 1 (a against b)` and `the two cannot be told apart in 2`."""
    before = ""
    for word, (subject, said) in _OF_PAIRS.items():
        called = [each.pair.called(cells) for each in decided if each.verdict.word == word]
        if called or not before:
            pairs = [f"{ours} against {theirs}" for ours, theirs in called]
            who = "" if subject == before else f"{subject} "
            yield f"{who}{said} in {len(called) or 'none'}{_named(pairs)}"
            before = subject


def _named(names: Sequence[str]) -> str:
    """` (a and b)`: the names that a number stands for, if they are few."""
    return f" ({_and(names)})" if 0 < len(names) <= _MOST_NAMES else ""


def _by_models(decided: Sequence[Decided]) -> Iterator[tuple[str, str]]:
    """`distilled`, `is better than twin in 2 of 3 cells (a and b)`: where a claim holds."""
    models = dict.fromkeys((each.pair.ours.model, each.pair.theirs.model) for each in decided)
    for ours, theirs in models:
        own = [e for e in decided if (e.pair.ours.model, e.pair.theirs.model) == (ours, theirs)]
        parts: list[str] = []
        for word, said in _WORDS:
            cells = [each.pair.ours.cell for each in own if each.verdict.word == word]
            if cells:
                whom = "it" if parts else theirs
                size = "" if parts else f" of {len(own)} cells"
                where = _named(cells) if len(cells) < len(own) else ""
                parts.append(f"{said} {whom} in {len(cells)}{size}{where}")
        yield ours, _and(parts)


def _of_one(decided: Sequence[Decided], cells: int) -> Iterator[str]:
    """`is better than 7 of 8` and `cannot be told apart from 1 (twin)`: one model and others."""
    size = f" of {len(decided)}"
    for word, said in _WORDS:
        theirs = [each.pair.called(cells)[1] for each in decided if each.verdict.word == word]
        if theirs:
            yield f"{said} {len(theirs)}{size}{_named(theirs)}"
            size = ""


def _common(names: Sequence[str]) -> str:
    """The name that all of these are; "" if they differ."""
    return names[0] if len(set(names)) == 1 else ""


def _difference(each: Decided) -> str:
    value = each.difference.value
    digits = digits_for(each.difference.reach())
    unit = " nats per token" if each.measure == DEV_LOSS else ""
    return f"{round(value, digits) + 0.0:+.{digits}f}{unit}"


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
