from babyllama.recipe import load_recipe
from babyllama.training import trial_step
from babyllama.training.trial_step import trial_flops


def test_a_small_model_is_tried(tiny_recipe):
    assert trial_flops(tiny_recipe.pretraining("distilled"), 320) > 0


def test_a_model_that_would_take_long_is_not():
    assert trial_step.LARGEST_TRIED < 100e6
    assert trial_flops(load_recipe("strict-small").pretraining("llama"), 16_000) is None
