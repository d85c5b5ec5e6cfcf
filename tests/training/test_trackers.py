"""Trackers: they get what is logged, and a missing one is refused."""

import pytest
from small_trainings import lines, run, with_training

from babyllama.errors import InputError
from babyllama.training.trackers import refuse_missing_trackers


def test_a_tracker_gets_what_is_logged(tiny_recipe, tokens, tokenizer, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, trackers=["tensorboard"])
    run(part, tokens, tokenizer, tmp_path / "m")
    events = next((tmp_path / "m" / "trackers").rglob("events.*")).parent
    accumulator = EventAccumulator(str(events))
    accumulator.Reload()
    steps = [line for line in lines(tmp_path / "m") if "loss" in line]
    tracked = accumulator.Scalars("cross_entropy")
    assert [each.step for each in tracked] == [line["step"] for line in steps]
    assert [each.value for each in tracked] == pytest.approx(
        [line["cross_entropy"] for line in steps]
    )
    assert accumulator.Scalars("dev_cross_entropy")


def test_a_tracker_that_is_not_installed_is_refused(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), trackers=["clearml"])
    with pytest.raises(InputError, match="trackers names clearml, which is not installed"):
        run(part, tokens, tokenizer, tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "'babyllama[tensorboard]'"), ("wandb", "wandb")]
)
def test_what_to_install_for_a_missing_tracker_is_said(monkeypatch, name, package):
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", list)
    with pytest.raises(InputError, match=f"names {name}") as refused:
        refuse_missing_trackers([name])
    assert refused.value.mend == f"Run: pip install {package}"
