"""The slow and obvious log-probability: every way in which a grammar could have said a text.

Runs the grammar once for each combination of decisions, giving up where what was said is no longer
a beginning of the text. What it returns is therefore the text's true probability, summed over all
its derivations, however many there are; that there is always one is what the tests show.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence

from babyllama.data.synthetic.domains import DOMAINS
from babyllama.data.synthetic.speaker import Speaker

_TOKEN = re.compile(r"[A-Za-z]+|[^A-Za-z\s]")


def log_probability(document: Sequence[str], domain: str) -> float:
    """The true log-probability of a document in nats, summed over all its derivations.

    Args:
        document: its sentences.
        domain: `child_talk` or `stories`.

    Raises:
        ValueError: the grammar cannot say this document.
    """
    logs = list(derivations(DOMAINS[domain], document))
    if not logs:
        raise ValueError(f"{domain} has no derivation for: {' '.join(document)!r}")
    highest = max(logs)
    return highest + math.log(math.fsum(math.exp(log - highest) for log in logs))


class _DeadEnd(Exception):
    pass


def derivations(program: Callable[[Speaker], None], lines: Sequence[str]) -> Iterator[float]:
    """The log-probability, in nats, of each derivation of exactly these lines."""
    expected = [_fold(line) for line in lines]
    pending: list[tuple[int, ...]] = [()]
    while pending:
        listener = _Listener(expected, pending.pop())
        try:
            program(listener.speaker)
        except _DeadEnd:
            pass
        else:
            if listener.speaker.lines == list(lines):
                yield math.fsum(listener.logs)
        pending.extend(listener.untried)


class _Listener:
    """Follows given decisions, then takes the first possible one and notes the others."""

    def __init__(self, expected: list[list[str]], decisions: tuple[int, ...]) -> None:
        self.speaker = Speaker(self.decide)
        self.logs: list[float] = []
        self.untried: list[tuple[int, ...]] = []
        self._expected = expected
        self._given = decisions
        self._made: list[int] = []

    def decide(self, weights: Sequence[int], forms: Sequence[str] | None) -> int:
        step = len(self._made)
        if step < len(self._given):
            index = self._given[step]
        else:
            self._refuse_mismatch()
            possible = [i for i in range(len(weights)) if forms is None or self._follows(forms[i])]
            if not possible:
                raise _DeadEnd
            index = possible[0]
            self.untried.extend((*self._made, other) for other in possible[1:])
        self._made.append(index)
        self.logs.append(math.log(weights[index] / sum(weights)))
        return index

    def _refuse_mismatch(self) -> None:
        said = len(self.speaker.lines)
        tokens = [token.lower() for token in self.speaker.tokens]
        if said > len(self._expected) or (said == len(self._expected) and tokens):
            raise _DeadEnd
        if said and _fold(self.speaker.lines[-1]) != self._expected[said - 1]:
            raise _DeadEnd
        if tokens and tokens != self._expected[said][: len(tokens)]:
            raise _DeadEnd

    def _follows(self, form: str) -> bool:
        said, start = len(self.speaker.lines), len(self.speaker.tokens)
        words = _fold(form)
        if said >= len(self._expected):
            return False
        return self._expected[said][start : start + len(words)] == words


def _fold(line: str) -> list[str]:
    """The tokens of a line without what `render` adds: capitals, and the n of `an`."""
    tokens = [token.lower() for token in _TOKEN.findall(line)]
    return ["a" if token == "an" else token for token in tokens]
