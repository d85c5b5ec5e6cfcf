"""Draw random documents, the same ones on every platform, with their log-probability in nats.

Draws are integer arithmetic on `random.Random.random()`, the one method whose sequence Python
guarantees, so neither rounding nor a change to `randrange` can change a document.
"""

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from babyllama.data.synthetic.speaker import Forms, Speaker

_BITS = 53  # random() is a multiple of 2**-53


@dataclass(frozen=True)
class Document:
    """Sentences, one per line, and minus the log-probability of exactly these, in nats."""

    lines: list[str]
    nats: float

    @property
    def words(self) -> int:
        return sum(len(line.split()) for line in self.lines)


class Dice:
    """A stream of random choices that sums up their log-probability."""

    def __init__(self, *seed: int | str) -> None:
        digest = hashlib.sha256("/".join(map(str, seed)).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big"))
        self._nats: list[float] = []

    def decide(self, weights: Sequence[int], forms: Forms | None = None) -> int:  # noqa: ARG002
        """Draw an index with a probability proportional to its weight."""
        total = sum(weights)
        left = self.below(total)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                self._nats.append(math.log(total / weight))
                return index
        raise AssertionError("a draw below the total hits one of the weights")

    def below(self, bound: int) -> int:
        """A whole number in [0, bound), uniform to within bound / 2**53."""
        return (int(self._random.random() * (1 << _BITS)) * bound) >> _BITS

    def take_nats(self) -> float:
        """The nats of all choices since the last call."""
        nats = math.fsum(self._nats)
        self._nats.clear()
        return nats


def draw_documents(program: Callable[[Speaker], None], *seed: int | str) -> Iterator[Document]:
    """Yield documents of `program` without end. They depend on the seed alone."""
    dice = Dice(*seed)
    while True:
        speaker = Speaker(dice.decide)
        program(speaker)
        yield Document(lines=speaker.lines, nats=dice.take_nats())
