"""The one thing a grammar can do: decide between alternatives, and say words.

A grammar here is an ordinary function that takes a `Speaker`. Whoever made the speaker answers
its decisions: a sampler draws them (`sampling.py`), a parser tries them all (`parsing.py`). So the
program that writes a document is also the program that recognises it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from babyllama.data.synthetic.lexicon import is_held_out

Option = TypeVar("Option")
Decide = Callable[[Sequence[int], Sequence[str] | None], int]
"""Given integer weights, the index chosen. The strings, where the caller has them, are what each
alternative is about to say: a parser may use them to skip alternatives, a sampler ignores them."""

QUOTE = '"'
_CLOSERS = (",", ".", "?", "!")


class Unsayable(Exception):
    """A restriction left nothing to choose from. Only speakers that restrict (`novel`) raise it."""


@dataclass(frozen=True)
class Spot:
    """A word of the sentence being said whose replacement makes it ungrammatical."""

    uid: str
    position: int
    wrong: str


class Speaker:
    """Holds open the document being said.

    Args:
        decide: answers every decision.
        novel: a construction in which only the words that the corpus holds out of it are said;
            None for the language of the corpus.
    """

    def __init__(self, decide: Decide, *, novel: str | None = None) -> None:
        self.lines: list[str] = []
        self.tokens: list[str] = []
        self.spots: list[Spot] = []
        self._decide = decide
        self._novel = novel
        self.is_novel = False

    def choose(self, weighted: Mapping[Option, int]) -> Option:
        """One of the keys, with a probability proportional to its (integer) value."""
        options = list(weighted)
        return options[self._among(list(weighted.values()), None)]

    def rank(
        self, options: Sequence[Option], said: Callable[[Option], str] | None = None
    ) -> Option:
        """One of `options`, the first likeliest: a discrete Zipf law.

        Args:
            options: distinct, in order of frequency.
            said: what the caller says right after choosing an option, if it does.
        """
        return self.weigh(options, zipf_weights(len(options)), said)

    def weigh(
        self,
        options: Sequence[Option],
        weights: Sequence[int],
        said: Callable[[Option], str] | None = None,
    ) -> Option:
        """One of `options`, by weights of the same length."""
        forms = None if said is None else [said(option) for option in options]
        return options[self._among(weights, forms)]

    def chance(self, times: int, of: int) -> bool:
        """True with probability times / of."""
        return self._among((times, of - times), None) == 0

    def familiar(
        self, options: Sequence[Option], construction: str, name: Callable[[Option], str]
    ) -> list[Option]:
        """The options that may be said in `construction`.

        Args:
            name: the word under which an option is held out.

        Raises:
            Unsayable: there is none, which only happens to a speaker with a `novel`.
        """
        wants_held_out = self._novel == construction
        allowed = [o for o in options if is_held_out(name(o), construction) == wants_held_out]
        if not allowed:
            raise Unsayable(construction)
        self.is_novel = self.is_novel or wants_held_out
        return allowed

    def say(self, words: str, wrong: Mapping[str, str] | None = None) -> None:
        """Say one or more words (or a comma).

        Args:
            words: separated by spaces.
            wrong: for each phenomenon, the word that would break the rule here.
        """
        for uid, word in (wrong or {}).items():
            self.spot(uid, len(self.tokens), word)
        self.tokens.extend(words.split())

    def spot(self, uid: str, position: int, wrong: str) -> None:
        """Note that `wrong` instead of the token at `position` would violate `uid`."""
        self.spots.append(Spot(uid, position, wrong))

    def end(self, mark: str = ".") -> None:
        """End the sentence: the line is written, its spots are forgotten."""
        self.tokens.append(mark)
        self.lines.append(render(self.tokens))
        self.tokens = []
        self.spots = []

    def _among(self, weights: Sequence[int], forms: Sequence[str] | None) -> int:
        return 0 if len(weights) == 1 else self._decide(weights, forms)


def zipf_weights(size: int) -> list[int]:
    """Integer weights that fall as 1 / (rank + 12), none of them zero."""
    return [max(1, 600 // (rank + 12)) for rank in range(size)]


def render(tokens: Sequence[str]) -> str:
    """The line that `tokens` are: spaces, capitals, paired quotes, `an` before a vowel."""
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
