"""How choices are drawn, and what they cost."""

import itertools
import math

from babyllama.data.synthetic.sampling import Dice, Document, draw_documents
from babyllama.data.synthetic.speaker import Speaker


def test_draws_follow_their_weights() -> None:
    dice = Dice("weights")
    counts = [0, 0, 0]
    for _ in range(6000):
        counts[dice.decide((1, 2, 3))] += 1
    assert [round(count / 1000) for count in counts] == [1, 2, 3]


def test_the_first_draws_are_these_on_every_platform() -> None:
    dice = Dice(0, "stable")
    assert [dice.below(1000) for _ in range(6)] == STABLE_DRAWS


STABLE_DRAWS = [329, 629, 893, 754, 596, 420]


def test_nats_are_minus_the_log_probability_of_the_choices_since_the_last_call() -> None:
    dice = Dice("nats")
    weights = [(1, 2, 3), (5, 5), (1, 9)]
    probability = math.prod(each[dice.decide(each)] / sum(each) for each in weights)

    assert math.isclose(dice.take_nats(), -math.log(probability))
    assert dice.take_nats() == 0


def program(g: Speaker) -> None:
    g.say("ha")
    while g.chance(1, 2):
        g.say("ha")
    g.end()


def drawn(*seed: int | str) -> list[Document]:
    return list(itertools.islice(draw_documents(program, *seed), 20))


def test_documents_depend_on_the_seed_alone() -> None:
    assert drawn(1, "a") == drawn(1, "a")
    assert drawn(1, "a") != drawn(2, "a")
    assert drawn(1, "a") != drawn(1, "b")


def test_a_document_knows_its_words_and_its_nats() -> None:
    for document in drawn(0):
        (line,) = document.lines
        assert document.words == len(line.split())
        assert math.isclose(document.nats, document.words * math.log(2))
