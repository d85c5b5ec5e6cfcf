"""How much models disagree that differ in their seeds, or in anything else: measured in pairs.

For scripts: it compares models of several runs, so no run and no study calls it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from babyllama.errors import InputError
from babyllama.evaluation.measures import sums_of
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.evaluation.measures.teachers import teacher_states
from babyllama.evaluation.measures.token_values import Values, in_chunks, values_of_pairs
from babyllama.models.ensemble import refuse_other_vocabulary
from babyllama.models.logits import CHUNK
from babyllama.recipe import EQUAL_WEIGHTS
from babyllama.scores.measures import DISAGREEMENT, PAIRWISE_KL, Sums


@torch.no_grad()
def disagreement(
    models: Mapping[str, Sequence[Path]], text: DevText, *, tokens_at_once: int = CHUNK
) -> list[Sums]:
    """How often models have different top tokens, and how far their distributions are apart.

        disagreement = share of positions at which argmax p_a and argmax p_b differ
        pairwise_kl = (KL(p_a || p_b) + KL(p_b || p_a)) / 2, in nats at T = 1

    Each model is loaded once. In memory are the states and output heads of all, and the logits of
    a chunk of each.

    Args:
        models: two or more, name to one folder, or to several that are read as one.
        tokens_at_once: does not change the result.

    Returns:
        `disagreement` and `pairwise_kl`, the means over all pairs; then the same of each pair, as
        `disagreement/A/B`. Their intervals are over documents, not over other seeds.

    Raises:
        InputError: fewer than two models, or models of different vocabularies.
    """
    if len(models) < 2:
        raise InputError(
            f"disagreement of {', '.join(models) or 'no model'}: two models are needed",
            mend="Name models that differ in their seeds.",
        )
    first, *others = models.values()
    for other in others:
        refuse_other_vocabulary(first[0], other[0])
    states = {name: teacher_states(each, EQUAL_WEIGHTS, text) for name, each in models.items()}

    def of_pairs(part: slice) -> Values:
        logits = {name: each.logits(part) for name, each in states.items()}
        return values_of_pairs({name: torch.log_softmax(z, dim=-1) for name, z in logits.items()})

    found = in_chunks(len(text.labels), tokens_at_once, of_pairs)
    values = {name: each.double().cpu().numpy() for name, each in found.items()}
    means = []
    for measure in (DISAGREEMENT, PAIRWISE_KL):
        of_all = [each for name, each in values.items() if name.startswith(f"{measure}/")]
        means.append(sums_of(measure, np.mean(of_all, axis=0), text.units))
    return [*means, *(sums_of(name, each, text.units) for name, each in values.items())]
