"""Every text has one derivation, whose probability is the one it was drawn with."""

import itertools
import math

import pytest

from babyllama.data.synthetic import log_probability
from babyllama.data.synthetic.domains import DOMAINS
from babyllama.data.synthetic.parsing import derivations
from babyllama.data.synthetic.sampling import Document, draw_documents
from babyllama.data.synthetic.speaker import Speaker


def short_documents(domain: str, count: int) -> list[Document]:
    drawn = draw_documents(DOMAINS[domain], "tests", domain)
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
