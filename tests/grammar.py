"""Sentences of the embedded grammar, drawn at random or all of them, for tests of its claims."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from babyllama.data.synthetic.clauses import Clause
from babyllama.data.synthetic.lexicon import ALL_NOUNS, LOOKS, SIZES, Tense
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Dice
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker, render

NUMBER = {
    form: number
    for one in ALL_NOUNS
    if not one.is_mass
    for number, form in enumerate((one.singular, one.plural))
}
NOUN = "|".join(sorted(NUMBER, key=len, reverse=True))
THE_NOUN = rf"the (?:(?:{'|'.join(LOOKS + SIZES)}) )?({NOUN})\b"


@dataclass(frozen=True)
class Sentence:
    """One sentence of a clause: its line, and its violations by phenomenon, as full lines."""

    line: str
    violations: Mapping[str, str]


def sentences(
    clause: Clause, tense: Tense = "present", *, count: int = 150, place: str | None = None
) -> list[Sentence]:
    """Random sentences of a clause at random places, or at one place."""
    dice = Dice("tests", clause.__name__, tense)
    names = [place] if place else list(PLACES)
    return [_sentence(clause, tense, dice, names[dice.below(len(names))]) for _ in range(count)]


def _sentence(clause: Clause, tense: Tense, dice: Dice, place: str) -> Sentence:
    speaker = Speaker(dice.decide)
    mark = clause(speaker, Scene(PLACES[place]), tense)
    tokens = [*speaker.tokens, mark]
    wrong = {}
    for each in speaker.violations:
        wrong[each.uid] = render(
            [*tokens[: each.position], each.wrong, *tokens[each.position + 1 :]]
        )
    return Sentence(render(tokens), wrong)


def outcomes(program: Callable[[Speaker], None]) -> Iterator[tuple[str, Fraction]]:
    """Every way a program can go, its text and its exact probability: parsing plays no part."""
    pending: list[tuple[int, ...]] = [()]
    while pending:
        given, made = pending.pop(), []
        probability = Fraction(1)

        def decide(weights: Sequence[int], _: object, given=given, made=made) -> int:
            nonlocal probability
            step = len(made)
            index = given[step] if step < len(given) else 0
            if step >= len(given):
                pending.extend((*made, later) for later in range(1, len(weights)))
            made.append(index)
            assert weights[index] > 0
            probability *= Fraction(weights[index], sum(weights))
            return index

        speaker = Speaker(decide)
        program(speaker)
        yield "\n".join(speaker.lines), probability


def clause_outcomes(clause: Clause, place: str) -> list[tuple[str, Fraction]]:
    """Every sentence of a clause at a place in the present tense, with its exact probability."""

    def program(g: Speaker) -> None:
        g.end(clause(g, Scene(PLACES[place]), "present"))

    return list(outcomes(program))
