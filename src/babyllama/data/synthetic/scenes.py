"""What a document has said so far: who and what was mentioned, and which facts hold.

This is what makes sentences follow from one another: what was mentioned is likelier to be mentioned
again, and where a thing is or what color it has stays so once it was said.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from babyllama.data.synthetic.lexicon import MEN, WOMEN, Noun
from babyllama.data.synthetic.places import PORTABLE_KINDS, Place
from babyllama.data.synthetic.speaker import Speaker, zipf_weights

Gender = Literal["male", "female"]
RETURN = 6  # how many times likelier a thing becomes once it was mentioned


@dataclass(frozen=True)
class Person:
    """Somebody with a name."""

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
    """The memory of a document."""

    place: Place
    cast: list[Person] = field(default_factory=list)
    mentioned: set[str] = field(default_factory=set)
    whereabouts: dict[str, str] = field(default_factory=dict)
    colors: dict[str, str] = field(default_factory=dict)

    @property
    def portable(self) -> Sequence[Noun]:
        """What can be put somewhere, given or lost."""
        return self.of_kinds(PORTABLE_KINDS)

    @property
    def edible(self) -> Sequence[Noun]:
        return self.of_kinds(("mass_food", "mass_drink", "food"))

    @property
    def animals(self) -> Sequence[Noun]:
        return self.of_kinds(("animal",))

    def of_kinds(self, kinds: Iterable[str]) -> Sequence[Noun]:
        """What is here and belongs to one of the kinds."""
        return _of_kinds(self.place, tuple(kinds))

    def pick(
        self, g: Speaker, options: Sequence[Noun], said: Callable[[Noun], str] | None = None
    ) -> Noun:
        """One of the nouns, those already mentioned being likelier; it counts as mentioned.

        Args:
            said: the form that the caller says right away, if it does.
        """
        weights = [
            weight * (RETURN if option.singular in self.mentioned else 1)
            for option, weight in zip(options, zipf_weights(len(options)), strict=True)
        ]
        chosen = g.weigh(options, weights, said)
        self.mentioned.add(chosen.singular)
        return chosen

    def person(self, g: Speaker, without: Sequence[Person] = (), construction: str = "") -> Person:
        """Somebody named: one of the cast, or anybody new, who joins it.

        The caller says the name right away.
        """
        known = [person for person in self.cast if person not in without]
        new = [person for person in PEOPLE if person not in self.cast]
        options = [*known, *new]
        weights = [900] * len(known) + NAME_WEIGHTS[: len(new)]
        if construction:
            allowed = set(g.familiar([p.name for p in options], construction, str))
            kept = [i for i, person in enumerate(options) if person.name in allowed]
            options, weights = [options[i] for i in kept], [weights[i] for i in kept]
        chosen = g.weigh(options, weights, _name)
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
