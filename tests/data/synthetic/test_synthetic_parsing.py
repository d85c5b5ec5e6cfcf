"""The grammar is unambiguous and its probabilities are true ones."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import pytest

from babyllama.data.synthetic import actions, asking, log_probability, states
from babyllama.data.synthetic.domains import DOMAINS
from babyllama.data.synthetic.parsing import derivations
from babyllama.data.synthetic.places import PLACES
from babyllama.data.synthetic.sampling import Document, documents
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker


def short_documents(domain: str, count: int) -> list[Document]:
    drawn = documents(DOMAINS[domain], "tests", domain)
    return list(itertools.islice((one for one in drawn if len(one.lines) <= 14), count))


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_document_has_one_derivation_and_the_generator_knew_its_probability(
    domain: str,
) -> None:
    for document in short_documents(domain, 8):
        logs = list(derivations(DOMAINS[domain], document.lines))
        assert len(logs) == 1, document.lines
        assert logs[0] == pytest.approx(-document.nats, abs=1e-9)
        assert log_probability(document.lines, domain) == pytest.approx(-document.nats, abs=1e-9)


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_the_grammar_cannot_say_has_no_probability(domain: str) -> None:
    document = short_documents(domain, 1)[0].lines
    wrong_end = [*document[:-1], "The dogs is asleep."]
    for broken in (wrong_end, document[1:], [document[0] + " x"]):
        with pytest.raises(ValueError, match="no derivation"):
            log_probability(broken, domain)


def ambiguous(g: Speaker) -> None:
    g.say("the dog" if g.chance(1, 3) else "the")
    g.say("barks" if g.tokens[-1] == "dog" else "dog barks")
    g.end()


def test_the_parser_finds_every_derivation_of_an_ambiguous_grammar() -> None:
    logs = sorted(derivations(ambiguous, ["The dog barks."]))
    assert logs == pytest.approx([math.log(1 / 3), math.log(2 / 3)])


def outcomes(program: Callable[[Speaker], None]) -> Iterator[tuple[str, Fraction]]:
    """Every way a grammar can go, its text and its exact probability: parsing plays no part."""
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
        yield speaker.lines[0], probability


@pytest.mark.parametrize(
    "clause",
    [states.too_much, states.wanting_any, actions.meal, asking.look_at],
    ids=lambda clause: clause.__name__,
)
def test_a_clause_says_each_of_its_sentences_in_one_way_and_the_whole_has_probability_one(
    clause: Callable[..., str],
) -> None:
    def program(g: Speaker) -> None:
        g.end(clause(g, Scene(PLACES["in the kitchen"]), "present"))

    said = list(outcomes(program))
    assert len(said) == len({sentence for sentence, _ in said}) > 10
    assert sum(probability for _, probability in said) == 1


def test_no_two_clauses_can_say_the_same_sentence() -> None:
    place = PLACES["on the farm"]
    clauses = (states.some_or_any, states.too_much, states.wanting_any, actions.meal)
    seen: dict[str, str] = {}
    for clause in clauses:

        def program(g: Speaker, clause=clause) -> None:
            g.end(clause(g, Scene(place), "present"))

        for sentence, _ in outcomes(program):
            assert seen.setdefault(sentence, clause.__name__) == clause.__name__
