"""Every clause occurs in the corpus, says each sentence in one way, and is like no other clause."""

import re

import pytest
from grammar import NOUN, clause_outcomes, sentences

from babyllama.data.synthetic import actions, asking, states
from babyllama.data.synthetic.clauses import QUESTIONS_AND_POINTING, STATEMENTS, Clause

CLAUSES = [*STATEMENTS, *QUESTIONS_AND_POINTING]


@pytest.mark.parametrize(
    ("phenomenon", "pattern"),
    {
        "agreement": r"^The \w+s are \w+",
        "agreement across a noun": rf"^The ({NOUN}) near the ({NOUN}) (is|are|was|were) ",
        "agreement across a relative clause": rf"^The ({NOUN}) (who|that) .* (is|are|was|were) ",
        "determiners": rf"\b(this|these) ({NOUN})\b",
        "reflexives": r"\b(himself|herself|themselves)\.",
        "polarity items": r"\bnot want any\b",
        "yet and already": r"\bnot .* yet\.$",
        "nobody ever": r"^Nobody has ever ",
        "irregular past": r"\b(ate|found|took|went)\b",
        "irregular participles": r"\b(has|have|had) not (eaten|taken|seen|worn|drunk)\b",
        "irregular plurals": r"\b(mice|children|geese|women)\b",
        "two objects": r"\b(gave|gives?|shows?|showed) [A-Z]\w+ the\b",
        "a place": r"\b[Pp]ut the .* (on|in|under) the\b",
        "clauses": r"\b(thinks?|thought|says?|said|hopes?|hoped) that\b",
        "embedded questions": r"\bknows what [A-Z]\w+ \w+\.$",
        "wh-questions": r"^Who does ",
        "causatives": rf"^The ({NOUN}) (fell|falls?|rolled|rolls?|moved|fills?|filled) \w+\.$",
        "quotation": r'^".*" (said|asked) [A-Z]',
        "pronouns": r"^(He|She) ",
    }.items(),
)
def test_the_phenomenon_occurs(phenomenon: str, pattern: str, lines: list[str]) -> None:
    assert sum(bool(re.search(pattern, line)) for line in lines) >= 5, phenomenon


@pytest.mark.parametrize(
    "clause",
    [states.too_much, states.wanting_any, actions.meal, asking.look_at],
    ids=lambda clause: clause.__name__,
)
def test_a_clause_says_each_of_its_sentences_in_one_way_and_its_probabilities_sum_to_one(
    clause: Clause,
) -> None:
    every = clause_outcomes(clause, "in the kitchen")

    assert len(every) == len({sentence for sentence, _ in every}) > 10
    assert sum(probability for _, probability in every) == 1


def test_no_two_clauses_can_say_the_same_sentence() -> None:
    seen: dict[str, str] = {}
    for clause in (states.some_or_any, states.too_much, states.wanting_any, actions.meal):
        for sentence, _ in clause_outcomes(clause, "on the farm"):
            assert seen.setdefault(sentence, clause.__name__) == clause.__name__


@pytest.mark.parametrize("tense", ["present", "past"])
@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.__name__)
def test_a_clause_is_one_sentence_and_its_violations_change_one_word_of_it(
    clause: Clause, tense: str
) -> None:
    for sentence in sentences(clause, tense, count=40):
        assert re.fullmatch(r"[A-Z][A-Za-z ]*[.?!]", sentence.line)
        for wrong in sentence.violations.values():
            pairs = zip(sentence.line.split(), wrong.split(), strict=True)
            assert sum(right != other for right, other in pairs) == 1, (sentence.line, wrong)
