"""The first sentences of a study's report, which answer its question."""

import itertools
from collections.abc import Callable, Iterator, Sequence

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
    """`on blimp, none of 14 is better than base, 3 are worse and 11 cannot be told apart`."""
    others = list(dict.fromkeys(each.pair.called(cells)[1] for each in decided))
    theirs = others[0] if len(others) == 1 else "the other of its pair"
    parts: list[str] = []
    for word, _ in _WORDS:
        own = [each.pair.called(cells)[0] for each in decided if each.verdict.word == word]
        if not own and parts:
            continue
        verb = "cannot be told apart" if word == "undecided" else f"{_be(own)} {word}"
        start = "" if parts else f" of {len(decided)}"
        end = "" if parts else f" than {theirs}"
        listed = f" ({_and(own)})" if 0 < len(own) <= _MOST_NAMES else ""
        parts.append(f"{len(own) or 'none'}{start} {verb}{end}{listed}")
    return f"on {_title(measure)}, {_and(parts)}"


def _be(own: Sequence[str]) -> str:
    return "are" if len(own) > 1 else "is"


def _difference(each: Decided) -> str:
    value = each.difference.value
    digits = digits_for(each.difference.reach())
    unit = " nats per token" if each.measure == DEV_LOSS else ""
    return f"{round(value, digits) + 0.0:+.{digits}f}{unit}"


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
