"""All clauses of the grammar: functions that say one sentence about a scene.

A clause says its words and returns its final punctuation mark, so that a story can also quote it.
No two clauses can say the same sentence. Where a rule applies, a clause notes the words that would
break it (`Speaker.say`); `minimal_pairs.py` uses these.
"""

from collections.abc import Callable

from babyllama.data.synthetic import actions, asking, states
from babyllama.data.synthetic.lexicon import Tense
from babyllama.data.synthetic.scenes import Scene
from babyllama.data.synthetic.speaker import Speaker

Clause = Callable[[Speaker, Scene, Tense], str]

# Relative frequencies.
STATEMENTS: dict[Clause, int] = {
    states.state: 6,
    states.modified_state: 13,
    states.condition: 4,
    actions.alone_action: 8,
    actions.thing_action: 8,
    actions.social_action: 8,
    actions.meal: 3,
    actions.perfect: 5,
    actions.denied_action: 4,
    actions.reflexive: 8,
    actions.possession: 3,
    states.existence: 5,
    states.some_or_any: 4,
    states.wanting_any: 4,
    actions.ever: 5,
    states.quantified: 4,
    states.too_much: 4,
    actions.happening: 6,
    actions.causing: 5,
    actions.giving: 4,
    actions.placing: 4,
    asking.belief: 4,
    asking.knowledge: 7,
}
QUESTIONS_AND_POINTING: dict[Clause, int] = {
    asking.what_question: 5,
    asking.where_question: 4,
    asking.demonstrative: 5,
    asking.look_at: 5,
}
