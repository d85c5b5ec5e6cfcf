"""How much models disagree that differ in their seeds, or in anything else: measured in pairs.

A study calls it; a run of one seed has nothing to compare.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from babyllama.errors import InputError
from babyllama.evaluation.measures import sums_of
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.evaluation.measures.token_values import Values, in_chunks, values_of_pairs
from babyllama.models.ensemble import Ensemble, load_ensemble, refuse_other_vocabulary
from babyllama.models.logits import CHUNK
from babyllama.models.precision import pick_device
from babyllama.scores.measures import DISAGREEMENT, PAIRWISE_KL, Sums


@torch.no_grad()
def disagreement(
    models: Mapping[str, Sequence[Path]], text: DevText, *, tokens_at_once: int = CHUNK
) -> list[Sums]:
    """How often models have different top tokens, and how far their distributions are apart.

        disagreement = share of positions at which argmax p_a and argmax p_b differ
        pairwise_kl = (KL(p_a || p_b) + KL(p_b || p_a)) / 2, in nats at T = 1

    All models are in memory at once, and the logits of a chunk of each.

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
    folders = [*models.values()]
    for other in folders[1:]:
        refuse_other_vocabulary(folders[0][0], other[0])
    loaded = {name: load_ensemble(each, device=pick_device()) for name, each in models.items()}
    parts = list(_values_of_batches(loaded, text, tokens_at_once))
    values = {
        name: torch.cat([part[name] for part in parts]).double().cpu().numpy() for name in parts[0]
    }
    found = []
    for measure in (DISAGREEMENT, PAIRWISE_KL):
        of_pairs = [each for name, each in values.items() if name.startswith(f"{measure}/")]
        found.append(sums_of(measure, np.mean(of_pairs, axis=0), text.units))
    return [*found, *(sums_of(name, each, text.units) for name, each in values.items())]


def _values_of_batches(
    models: Mapping[str, Ensemble], text: DevText, tokens_at_once: int
) -> Iterator[Values]:
    for batch in text.batches():
        states = {
            name: model.states(batch.input_ids.to(model.device))[:, :-1].flatten(0, 1)
            for name, model in models.items()
        }

        def values(part: slice, states: Values = states) -> Values:
            logs = {
                name: torch.log_softmax(model.mixture.logits(states[name][part]), dim=-1)
                for name, model in models.items()
            }
            return values_of_pairs(logs)

        yield in_chunks(len(next(iter(states.values()))), tokens_at_once, values)
