"""What a worker does for a study."""

import pytest

from babyllama.errors import InputError
from babyllama.runs.manifests import read_manifest
from babyllama.studies import jobs

pytestmark = pytest.mark.slow


def test_a_stage_is_made_in_the_store_under_its_trials_name(copy, capsys):
    trial = copy / "trials/temperature=1/seed-0"
    jobs.make_shared(str(copy), str(trial), "tokens", "tokens (temperature=1 seed 0)")
    assert "tokens (temperature=1 seed 0): complete" in capsys.readouterr().err


def test_scores_are_collected_and_then_noted(copy):
    trial = copy / "trials/temperature=1/seed-0"
    (trial / "addresses.json").unlink()
    (trial / "evaluation/manifest.json").unlink()
    jobs.finish_trial(str(copy), str(trial), "evaluation", {"scores/twin": "0"})
    assert read_manifest(trial / "evaluation")
    assert "scores/twin" in (trial / "addresses.json").read_text("utf-8")


def test_settings_that_do_not_fit_the_text_are_refused_before_any_training(copy):
    trial = copy / "trials/temperature=1/seed-0"
    recipe = (trial / "recipe.yaml").read_text("utf-8")
    text = recipe.replace("warmup_steps: 2", "warmup_steps: 5000", 1)
    (trial / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"teachers\.llama: training\.warmup_steps is 5000"):
        jobs.check_trainings(str(trial))
