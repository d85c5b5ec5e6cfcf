"""Partner verbs contrast in argument structure."""

import pytest

from babyllama.data.synthetic.lexicon import (
    CLAUSE_ALONE,
    DOUBLE_OBJECT,
    INTRANSITIVE,
    PLACING,
    PLURAL,
    SINGULAR,
    SOCIAL,
    TRANSITIVE,
    UNACCUSATIVE,
    Verb,
    named,
)
from babyllama.data.synthetic.partners import (
    CAUSATIVITY,
    CAUSED,
    CLAUSE_PARTNERS,
    DITRANSITIVITY,
    TRANSITIVITY,
    partner_violation,
)

CONTRASTS = {
    "transitivity": (TRANSITIVITY, (*SOCIAL, *TRANSITIVE), INTRANSITIVE),
    "causativity": (CAUSATIVITY, UNACCUSATIVE, CAUSED),
    "double_object": (DITRANSITIVITY, DOUBLE_OBJECT, PLACING),
    "clause_complement": (CLAUSE_PARTNERS, CLAUSE_ALONE, SOCIAL),
}


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_partners_are_mutual_and_of_opposite_classes(contrast: str) -> None:
    partners, left, right = CONTRASTS[contrast]
    assert len(partners) >= 8
    for verb, other in partners.items():
        assert partners[other] is verb
        assert (verb in left and other in right) or (verb in right and other in left)
        assert not (verb in left and verb in right)


def test_verbs_that_english_uses_both_ways_have_no_partner() -> None:
    both: tuple[Verb, ...] = (*named(TRANSITIVE, "eat read"), *named(INTRANSITIVE, "sing run"))
    for verb in both:
        assert verb not in TRANSITIVITY
        assert partner_violation(TRANSITIVITY, verb, "uid", "past", SINGULAR) == {}


def test_the_violation_is_the_partner_in_the_form_of_the_verb() -> None:
    (find,) = named(TRANSITIVE, "find")
    assert TRANSITIVITY[find].base == "sleep"
    assert partner_violation(TRANSITIVITY, find, "uid", "present", SINGULAR) == {"uid": "sleeps"}
    assert partner_violation(TRANSITIVITY, find, "uid", "present", PLURAL) == {"uid": "sleep"}
    assert partner_violation(TRANSITIVITY, find, "uid", "past", SINGULAR) == {"uid": "slept"}
