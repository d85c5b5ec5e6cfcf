import pytest
from pydantic import ValidationError
from raw_recipes import MINI, changed, refusal

from babyllama.recipe import (
    Mixing,
    PretrainingRecipe,
    SampledSignal,
    TopKSignal,
    load_recipe,
    mixing_of,
    weights_fault,
)


@pytest.mark.parametrize("weights", [(1.0,), (0.5, 0.5), (0.0, 1.0), (1 / 3, 1 / 3, 1 / 3)])
def test_weights_of_a_mean_are_not_negative_and_sum_to_1(weights):
    assert weights_fault(weights) == ""


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        ((0.9, 0.9), "weights 0.9 0.9 sum to 1.8; they must be 0 or more and sum to 1"),
        ((1.5, -0.5), "weights 1.5 -0.5 sum to 1; they must be 0 or more and sum to 1"),
        ((), "weights  sum to 0; they must be 0 or more and sum to 1"),
    ],
)
def test_other_weights_are_explained(weights, fault):
    assert weights_fault(weights) == fault
    error = refusal(changed("signal.weights", list(weights)))
    assert error.what.startswith("mine.yaml: signal.weights is ")
    assert error.why[1:] == fault[1:] + "."


def test_a_signal_takes_one_form():
    error = refusal(
        changed("signal", {"kind": "hidden", "precision": "int8", "bytes_per_token": 8})
    )
    assert error.what == "mine.yaml: signal.bytes_per_token is 8"
    assert error.why == "It cannot be combined with precision int8."


@pytest.mark.parametrize("kind", [TopKSignal, SampledSignal])
def test_kept_tokens_are_of_temperatures_above_0_and_of_one_where_probabilities_are_averaged(kind):
    name = kind.__name__.removesuffix("Signal").lower()

    def made(**fields):
        return kind.model_validate({"kind": name, "k": 3, **fields})

    assert made(mean_of="probabilities", temperatures=[2.0]).temperatures == (2.0,)
    with pytest.raises(ValidationError, match="each must be above 0"):
        made(temperatures=[1.0, 0.0])
    for fields in ({}, {"temperatures": [1.0, 2.0]}):
        with pytest.raises(ValidationError, match="give one temperature"):
            made(mean_of="probabilities", **fields)


def test_the_mixing_of_a_signal_is_the_same_whatever_its_kind():
    mixing = Mixing(weights=(0.3, 0.7), mean_of="probabilities")
    signal = {"kind": "online", **mixing.model_dump(mode="json")}
    recipe = load_recipe("mini", (f"signal={signal}",))
    assert mixing_of(recipe.signal) == mixing


@pytest.mark.parametrize(("alpha", "needs"), [(1.0, False), (0.999, True), (0.0, True)])
def test_a_student_needs_teachers_unless_the_text_alone_counts(alpha, needs):
    recipe = load_recipe("mini", (f"students.distilled.alpha={alpha}",))
    assert recipe.distilled["distilled"].needs_teachers is needs


def test_a_distilled_student_is_pretrained_as_its_model_and_training_say():
    student = load_recipe("mini").distilled["distilled"]
    of_student = MINI["students"]["distilled"]
    assert student.pretraining == PretrainingRecipe.model_validate(
        {"model": of_student["model"], "training": of_student["training"]}
    )
