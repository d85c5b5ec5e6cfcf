"""What came out of a study: every model of every finished trial, and what is missing."""

import pytest

from babyllama.studies.cells import trials_of
from babyllama.studies.outcomes import outcomes_of

pytestmark = pytest.mark.slow


def test_outcomes_hold_every_model_and_measure(finished, small_study):
    found, missing = outcomes_of(trials_of(small_study(), finished), finished)
    assert missing == []
    assert len(found) == 4 * 6
    twin = next(each for each in found if each.model == "twin")
    assert twin.values.keys() >= {"blimp", "dev_cross_entropy", "calibration_error"}
    assert twin.flops > 0
    assert twin.made_with.startswith("processor, float32, python ")  # no number of threads


def test_a_trial_that_is_not_finished_is_missing_with_what_it_lacks(finished, small_study):
    study = small_study(seeds=[0, 9])
    found, missing = outcomes_of(trials_of(study, finished), finished)
    assert {each.seed for each in found} == {0}
    assert [(each.cell, each.seed) for each in missing] == [
        ("temperature=1", 9),
        ("temperature=2", 9),
    ]
    assert missing[0].why == "not made: teachers/llama, teachers/gpt2, signal, ..."
