"""Verbs that are right where their partner is wrong: the contrasts of argument structure.

Partners are chosen so that the mistake is one in English too. Verbs that English uses both ways
(eat, read, sing, run) have none.
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

# Need an object; cannot have one.
_NEED_OBJECT = """find hug want chase lose thank take scare hold greet carry tease bring tickle need
    praise touch forgive wear admire fix trust"""
_HAVE_NONE = """sleep laugh cry wait smile sit rest yawn sneeze giggle snore crawl shiver weep
    tremble wander kneel stumble cough sigh faint limp"""
TRANSITIVITY = both_ways(
    named((*SOCIAL, *TRANSITIVE), _NEED_OBJECT), named(INTRANSITIVE, _HAVE_NONE)
)
# Need somebody who does it; happen by themselves.
CAUSATIVITY = both_ways(UNACCUSATIVE[:4], CAUSED)
# Need somebody who receives; need a place.
DITRANSITIVITY = both_ways(
    named(DOUBLE_OBJECT, "give show send hand lend owe"),
    named(PLACING, "put hide lay place drop store"),
)
# Need a sentence; need somebody.
CLAUSE_PARTNERS = both_ways(CLAUSE_ALONE, named(SOCIAL, "help chase follow thank hug kiss meet"))


def partner(
    partners: Mapping[Verb, Verb], verb: Verb, uid: str, tense: Tense, number: Number
) -> dict[str, str]:
    """The finite form of a verb's partner as what is wrong here, if it has one."""
    return {uid: partners[verb].form(tense, number)} if verb in partners else {}
