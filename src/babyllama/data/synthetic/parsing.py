"""The log-probability of a text by brute force: every derivation that a grammar has for it.

The grammar runs once for each combination of choices and stops where its words differ from the
text. The result is the text's true probability, summed over all its derivations. The tests show
that there is always exactly one.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from babyllama.data.synthetic.domains import DOMAINS
from babyllama.data.synthetic.speaker import Forms, Speaker

_TOKEN = re.compile(r"[A-Za-z]+|[^A-Za-z\s]")


def log_probability(document: Sequence[str], domain: str) -> float:
    """Compute the true log-probability of a document in nats, over all its derivations.

    Args:
        document: its sentences.
        domain: `child_talk` or `stories`.

    Raises:
        ValueError: the grammar cannot generate this document.
    """
    logs = list(derivations(DOMAINS[domain], document))
    if not logs:
        raise ValueError(f"{domain} has no derivation for: {' '.join(document)!r}")
    highest = max(logs)
    return highest + math.log(math.fsum(math.exp(log - highest) for log in logs))


class _DeadEnd(Exception):
    """The words said so far differ from the text."""


def derivations(program: Callable[[Speaker], None], lines: Sequence[str]) -> Iterator[float]:
    """Yield the log-probability, in nats, of each derivation of exactly these lines."""
    expected = [_normalised(line) for line in lines]
    pending: list[tuple[int, ...]] = [()]
    while pending:
        attempt = _Attempt(expected, pending.pop())
        try:
            program(attempt.speaker)
        except _DeadEnd:
            pass
        else:
            if attempt.speaker.lines == list(lines):
                yield math.fsum(attempt.logs)
        pending.extend(attempt.untried)


class _Attempt:
    """One run of the grammar: given choices first, then the first possible one each time."""

    def __init__(self, expected: list[tuple[str, ...]], decisions: tuple[int, ...]) -> None:
        self.speaker = Speaker(self.decide)
        self.logs: list[float] = []
        self.untried: list[tuple[int, ...]] = []
        self._expected = expected
        self._given = decisions
        self._made: list[int] = []

    def decide(self, weights: Sequence[int], forms: Forms | None) -> int:
        step = len(self._made)
        if step < len(self._given):
            index = self._given[step]
        else:
            self._refuse_mismatch()
            possible = list(range(len(weights)))
            if forms is not None:
                possible = [i for i, form in enumerate(forms()) if self._follows(form)]
            if not possible:
                raise _DeadEnd
            index = possible[0]
            self.untried.extend((*self._made, other) for other in possible[1:])
        self._made.append(index)
        self.logs.append(math.log(weights[index] / sum(weights)))
        return index

    def _refuse_mismatch(self) -> None:
        line = len(self.speaker.lines)
        tokens = tuple(token.lower() for token in self.speaker.tokens)
        if line > len(self._expected) or (line == len(self._expected) and tokens):
            raise _DeadEnd
        if line and _normalised(self.speaker.lines[-1]) != self._expected[line - 1]:
            raise _DeadEnd
        if tokens and tokens != self._expected[line][: len(tokens)]:
            raise _DeadEnd

    def _follows(self, form: str) -> bool:
        line, start = len(self.speaker.lines), len(self.speaker.tokens)
        words = _normalised(form)
        if line >= len(self._expected):
            return False
        return self._expected[line][start : start + len(words)] == words


@lru_cache(maxsize=10_000)  # the grammar asks about the same few words again and again
def _normalised(line: str) -> tuple[str, ...]:
    """The tokens of a line without what `render` adds: capitals and the n of `an`."""
    tokens = [token.lower() for token in _TOKEN.findall(line)]
    return tuple("a" if token == "an" else token for token in tokens)
