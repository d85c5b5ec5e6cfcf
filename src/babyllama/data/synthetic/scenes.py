"""The state of a document: who and what has been mentioned, and which facts hold.

The state connects sentences: a noun that has been mentioned is likelier to be mentioned again, and
an object keeps the place and the color that a sentence has given it.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from babyllama.data.synthetic.lexicon import MEN, WOMEN, Noun
from babyllama.data.synthetic.places import PORTABLE_KINDS, Place
from babyllama.data.synthetic.speaker import Speaker, zipf_weights

Gender = Literal["male", "female"]
MENTIONED_FACTOR = 6  # a noun that has been mentioned is this many times likelier


@dataclass(frozen=True)
class Person:
    """A person with a name."""

    name: str
    gender: Gender

    @property
    def he(self) -> str:
        return "he" if self.gender == "male" else "she"

    @property
    def him(self) -> str:
        return "him" if self.gender == "male" else "her"

    @property
    def his(self) -> str:
        return "his" if self.gender == "male" else "her"

    @property
    def himself(self) -> str:
        return self.him + "self"


@dataclass
class Scene:
    """What a document has established so far.

    Attributes:
        cast: the persons named so far.
        whereabouts, colors: by noun, what a sentence has said about it.
    """

    place: Place
    cast: list[Person] = field(default_factory=list)
    mentioned: set[str] = field(default_factory=set)
    whereabouts: dict[str, str] = field(default_factory=dict)
    colors: dict[str, str] = field(default_factory=dict)

    @property
    def portable(self) -> Sequence[Noun]:
        """Nouns of this place that can be put somewhere, given or lost."""
        return self.of_kinds(PORTABLE_KINDS)

    @property
    def edible(self) -> Sequence[Noun]:
        return self.of_kinds(("mass_food", "mass_drink", "food"))

    @property
    def animals(self) -> Sequence[Noun]:
        return self.of_kinds(("animal",))

    def of_kinds(self, kinds: Iterable[str]) -> Sequence[Noun]:
        """The nouns of this place that belong to one of the kinds."""
        return _of_kinds(self.place, tuple(kinds))

    def pick(
        self, g: Speaker, options: Sequence[Noun], next_words: Callable[[Noun], str] | None = None
    ) -> Noun:
        """Choose a noun, preferring mentioned ones, and mark it as mentioned.

        Args:
            next_words: the form that the caller says next, if it says the noun next.
        """
        weights = [
            weight * (MENTIONED_FACTOR if option.singular in self.mentioned else 1)
            for option, weight in zip(options, zipf_weights(len(options)), strict=True)
        ]
        chosen = g.weighted(options, weights, next_words)
        self.mentioned.add(chosen.singular)
        return chosen

    def person(self, g: Speaker, without: Sequence[Person] = (), construction: str = "") -> Person:
        """Choose a person from the cast, or a new one, who joins the cast.

        The caller must say the name next.
        """
        known = [person for person in self.cast if person not in without]
        new = [person for person in PEOPLE if person not in self.cast]
        options = [*known, *new]
        weights = [900] * len(known) + [*NAME_WEIGHTS[: len(new)]]
        if construction:
            allowed = set(g.allowed_in([p.name for p in options], construction, str))
            kept = [i for i, person in enumerate(options) if person.name in allowed]
            options, weights = [options[i] for i in kept], [weights[i] for i in kept]
        chosen = g.weighted(options, weights, _name)
        if chosen not in self.cast:
            self.cast.append(chosen)
        return chosen


@functools.cache
def _of_kinds(place: Place, kinds: tuple[str, ...]) -> tuple[Noun, ...]:
    return tuple(n for n in (*place.things, *place.beings, *place.stuff) if n.kind in kinds)


def _name(person: Person) -> str:
    return person.name


PEOPLE = tuple(
    person
    for man, woman in zip(MEN, WOMEN, strict=True)
    for person in (Person(woman, "female"), Person(man, "male"))
)
NAME_WEIGHTS = zipf_weights(len(PEOPLE))
