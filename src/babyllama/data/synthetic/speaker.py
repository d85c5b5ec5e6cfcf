"""The interface of a grammar: choose between alternatives, and say words.

A grammar is an ordinary function that takes a `Speaker`. The speaker's `decide` makes the choices:
a sampler draws them (`sampling.py`), a parser tries them all (`parsing.py`). So the program that
generates a document is also the program that parses it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from babyllama.data.synthetic.lexicon import is_held_out

Option = TypeVar("Option")
Forms = Callable[[], Sequence[str]]
Decide = Callable[[Sequence[int], Forms | None], int]
"""Returns an index, given integer weights. The function, if any, returns the next words under each
alternative: a parser uses them to skip alternatives, a sampler never calls it."""

QUOTE = '"'
_CLOSERS = (",", ".", "?", "!")


class NothingToChoose(Exception):
    """No option is allowed. Only a speaker with a `novel` construction raises this."""


@dataclass(frozen=True)
class Violation:
    """A word of the current sentence, and a replacement that makes it ungrammatical."""

    uid: str
    position: int
    wrong: str


class Speaker:
    """The document that a grammar is saying.

    Args:
        decide: makes every choice.
        novel: a construction in which only held-out words are allowed, those that the corpus never
            uses there; None for the language of the corpus.
    """

    def __init__(self, decide: Decide, *, novel: str | None = None) -> None:
        self.lines: list[str] = []
        self.tokens: list[str] = []
        self.violations: list[Violation] = []
        self._decide = decide
        self._novel = novel
        self.is_novel = False

    def choose(self, weighted: Mapping[Option, int]) -> Option:
        """Choose a key with a probability proportional to its integer value."""
        options = list(weighted)
        return options[self._choose(list(weighted.values()), None)]

    def zipf(
        self, options: Sequence[Option], next_words: Callable[[Option], str] | None = None
    ) -> Option:
        """Choose one of `options` by a discrete Zipf law; the first is the likeliest.

        Args:
            options: distinct, in order of frequency.
            next_words: the words that the caller says next if it gets this option, if known.
        """
        return self.weighted(options, zipf_weights(len(options)), next_words)

    def weighted(
        self,
        options: Sequence[Option],
        weights: Sequence[int],
        next_words: Callable[[Option], str] | None = None,
    ) -> Option:
        """Choose one of `options` by weights of the same length."""
        if next_words is None:
            return options[self._choose(weights, None)]
        return options[self._choose(weights, lambda: [next_words(option) for option in options])]

    def chance(self, times: int, of: int) -> bool:
        """True with probability times / of."""
        return self._choose((times, of - times), None) == 0

    def allowed_in(
        self, options: Sequence[Option], construction: str, name: Callable[[Option], str]
    ) -> list[Option]:
        """The options that are allowed in `construction`.

        Args:
            name: the word by which `is_held_out` knows an option.

        Raises:
            NothingToChoose: no option is allowed. Only happens if `novel` is this construction.
        """
        wants_held_out = self._novel == construction
        allowed = [o for o in options if is_held_out(name(o), construction) == wants_held_out]
        if not allowed:
            raise NothingToChoose(construction)
        self.is_novel = self.is_novel or wants_held_out
        return allowed

    def say(self, words: str, wrong: Mapping[str, str] | None = None) -> None:
        """Say one or more words (or a comma).

        Args:
            words: separated by spaces.
            wrong: for each phenomenon, the word that would break its rule here.
        """
        for uid, word in (wrong or {}).items():
            self.note_violation(uid, len(self.tokens), word)
        self.tokens.extend(words.split())

    def note_violation(self, uid: str, position: int, wrong: str) -> None:
        """Note that `wrong` in place of the token at `position` violates `uid`."""
        self.violations.append(Violation(uid, position, wrong))

    def end(self, mark: str = ".") -> None:
        """End the sentence: add its line, clear its violations."""
        self.tokens.append(mark)
        self.lines.append(render(self.tokens))
        self.tokens = []
        self.violations = []

    def _choose(self, weights: Sequence[int], forms: Forms | None) -> int:
        return 0 if len(weights) == 1 else self._decide(weights, forms)


@cache  # drawing a document asks for them thousands of times
def zipf_weights(size: int) -> tuple[int, ...]:
    """Integer weights that fall as 1 / (rank + 12), none of them zero."""
    return tuple(max(1, 600 // (rank + 12)) for rank in range(size))


def render(tokens: Sequence[str]) -> str:
    """Join tokens to a line: spaces, capitals, paired quotes, `an` before a vowel."""
    line = ""
    is_open, starts = False, True
    for position, token in enumerate(tokens):
        if token == QUOTE:
            line += token if is_open else (" " if line else "") + token
            is_open = starts = not is_open
            continue
        word = _article(tokens, position) if token == "a" else token
        word = word[0].upper() + word[1:] if starts else word
        needs_space = line and token not in _CLOSERS and not (starts and is_open)
        line += (" " if needs_space else "") + word
        starts = False
    return line


def _article(tokens: Sequence[str], position: int) -> str:
    follows = tokens[position + 1] if position + 1 < len(tokens) else ""
    return "an" if follows[:1].lower() in ("a", "e", "i", "o", "u") and follows else "a"
