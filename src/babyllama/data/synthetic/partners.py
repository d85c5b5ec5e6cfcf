"""Pairs of verbs with contrasting argument structure: one is right where the other is wrong.

Each mistake is one in English too. Verbs that English uses both ways (eat, read, sing, run) have no
partner.
"""

from collections.abc import Mapping

from babyllama.data.synthetic.lexicon import (
    CLAUSE_ALONE,
    DOUBLE_OBJECT,
    INTRANSITIVE,
    PLACING,
    SOCIAL,
    TRANSITIVE,
    UNACCUSATIVE,
    Number,
    Tense,
    Verb,
    both_ways,
    named,
)

CAUSED = named(TRANSITIVE, "carry find hold touch")

# Left: verbs that need an object. Right: verbs that cannot have one.
_NEED_OBJECT = """find hug want chase lose thank take scare hold greet carry tease bring tickle need
    praise touch forgive wear admire fix trust"""
_HAVE_NONE = """sleep laugh cry wait smile sit rest yawn sneeze giggle snore crawl shiver weep
    tremble wander kneel stumble cough sigh faint limp"""
TRANSITIVITY = both_ways(
    named((*SOCIAL, *TRANSITIVE), _NEED_OBJECT), named(INTRANSITIVE, _HAVE_NONE)
)
# Left: verbs without an agent. Right: verbs that need one.
CAUSATIVITY = both_ways(UNACCUSATIVE[:4], CAUSED)
# Left: verbs that need a recipient. Right: verbs that need a place.
DITRANSITIVITY = both_ways(
    named(DOUBLE_OBJECT, "give show send hand lend owe"),
    named(PLACING, "put hide lay place drop store"),
)
# Left: verbs that need a clause. Right: verbs that need a person as object.
CLAUSE_PARTNERS = both_ways(CLAUSE_ALONE, named(SOCIAL, "help chase follow thank hug kiss meet"))


def partner_violation(
    partners: Mapping[Verb, Verb], verb: Verb, uid: str, tense: Tense, number: Number
) -> dict[str, str]:
    """The violation that replaces a verb by its partner's finite form; empty without partner."""
    return {uid: partners[verb].form(tense, number)} if verb in partners else {}
