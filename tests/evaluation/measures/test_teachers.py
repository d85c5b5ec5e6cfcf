"""The teachers' kept states give their logits, and are computed once."""

import pytest
import torch

from babyllama.evaluation.measures import teachers
from babyllama.evaluation.measures.teachers import teacher_states
from babyllama.models.ensemble import load_ensemble
from babyllama.recipe import EQUAL_WEIGHTS, Mixing


@pytest.mark.parametrize(
    "mixing", [EQUAL_WEIGHTS, Mixing(weights=(0.8, 0.2), mean_of="probabilities")]
)
def test_kept_states_give_the_ensembles_logits_at_every_token(
    two_models, text, tmp_path, mixing, monkeypatch
):
    first = teacher_states(two_models, mixing, text, tmp_path)
    monkeypatch.setattr(teachers, "load_ensemble", None)  # a second time no model is loaded
    found = teacher_states(two_models, mixing, text, tmp_path)
    assert torch.equal(found.states, first.states)
    ensemble = load_ensemble(two_models, device=torch.device("cpu"), mixing=mixing)
    rows = next(text.batches()).input_ids
    expected = ensemble.logits(rows)[:, :-1].flatten(0, 1)
    torch.testing.assert_close(found.logits(slice(0, len(expected))), expected)


def test_other_teachers_are_computed_anew(two_models, text, tmp_path):
    teacher_states(two_models, EQUAL_WEIGHTS, text, tmp_path)
    alone = teacher_states(two_models[:1], EQUAL_WEIGHTS, text, tmp_path)
    assert len(alone.mixture.heads) == 1
