"""The first sentence of a study's report, which answers its question."""

from collections.abc import Iterator, Sequence

from babyllama.report.verdicts import digits_for
from babyllama.scores.verdicts import Word
from babyllama.studies.report.decided import Decided, Untested

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
    decided: Sequence[Decided], untested: Sequence[Untested], *, cells: int, seeds: int
) -> str:
    """What the comparisons show, in one sentence."""
    if not decided:
        why = untested[0].why if untested else "no trial is finished"
        return f"There is no answer yet: {why}."
    pairs = list(dict.fromkeys(each.pair for each in decided))
    if len(pairs) <= _MOST_PAIRS:
        clauses = [
            clause for pair in pairs for clause in
            _of_pair([each for each in decided if each.pair == pair], cells)
        ]  # fmt: skip
        return f"{'; '.join(_without_repeats(clauses))} ({seeds} seeds)."
    measures = dict.fromkeys(each.measure for each in decided)
    parts = [_counted([e for e in decided if e.measure == m], m, cells) for m in measures]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]} ({seeds} seeds)."


def _of_pair(decided: Sequence[Decided], cells: int) -> Iterator[tuple[str, str]]:
    """`student`, `is better than twin on blimp (+1.9) and dev_cross_entropy (-0.09)`."""
    ours, theirs = decided[0].pair.called(cells)
    for word, said in _WORDS:
        own = [each for each in decided if each.verdict.word == word]
        if own:
            yield ours, f"{said} {theirs} on {_and([_sized(each) for each in own])}"


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
    return f"on {measure}, {_and(parts)}"


def _be(own: Sequence[str]) -> str:
    return "are" if len(own) > 1 else "is"


def _sized(each: Decided) -> str:
    value = each.difference.value
    digits = digits_for(each.difference.reach())
    return f"{each.measure} ({round(value, digits) + 0.0:+.{digits}f})"


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
