"""Students of sampled text in a recipe: what they share, and what is refused."""

import copy

import pytest
from raw_recipes import MINI, refusal

from babyllama.recipe import Recipe, Sampling, parse
from babyllama.recipe.reading import recipe_of

TRAINING = MINI["students"]["distilled"]["training"]


def with_sequences(**students):
    """The mini recipe with more students, each with these fields besides those of a student."""
    tree = copy.deepcopy(MINI)
    own = {part: MINI["students"]["distilled"][part] for part in ("model", "training")}
    for name, fields in students.items():
        tree["students"][name] = {"kind": "sequences", **own, **fields}
    return tree


def test_a_student_of_another_kind_keeps_the_shape_and_training_of_the_one_it_is_like():
    text = "extends: mini\nstudents:\n  written: {like: distilled, kind: sequences}\n"
    recipe = recipe_of(text, "mine.yaml")
    assert recipe.pretraining("written") == recipe.pretraining("distilled")
    assert recipe.sequences["written"].sampling == Sampling()
    assert list(recipe.taught) == ["distilled", "written"]
    assert list(recipe.readers) == list(recipe.distilled) == ["distilled"]


def test_students_with_the_same_teachers_and_sampling_read_one_text():
    shorter = TRAINING | {"epochs": 3}
    recipe = parse(
        Recipe,
        with_sequences(
            one={}, same={"training": shorter}, cold={"sampling": {"temperature": 0.5}},
            alone={"teachers": ["llama"]}, born={"teachers": ["one"]},
        ),
        "mine.yaml",
    )  # fmt: skip
    assert recipe.sampled_texts == ["one", "cold", "alone", "born"]
    assert recipe.text_for("same") == "one"
    assert recipe.teachers_of("one") == ["llama", "gpt2"]
    assert recipe.trained_before("born") == ["llama", "gpt2", "one"]
    assert recipe.generations["born"] == recipe.generations["one"] + 1


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"sampling": {"real_share": 1.5}}, "sampling.real_share is 1.5"),
        ({"sampling": {"real_share": -0.1}}, "sampling.real_share is -0.1"),
        ({"sampling": {"amount": 4, "real_share": 0.5}}, "sampling.real_share is 0.5"),
        ({"sampling": {"amount": 0}}, "sampling.amount is 0"),
        ({"sampling": {"temperature": 0}}, "sampling.temperature is 0"),
        ({"sampling": {"top_k": 0}}, "sampling.top_k is 0"),
        ({"teachers": ["lama"]}, "teachers names 'lama'"),
        ({"teachers": []}, "teachers"),
        ({"alpha": 0.5}, "alpha is not a field"),
        (
            {"training": {**TRAINING, "order": {"by": "domain", "domains": ["talk"]}}},
            "training.order.by is domain",
        ),
    ],
)
def test_wrong_fields_are_named(fields, what):
    assert f"students.written.{what}" in refusal(with_sequences(written=fields)).what


def test_without_a_reader_of_the_signal_none_is_stored():
    tree = with_sequences(written={})
    del tree["students"]["distilled"], tree["students"]["twin"]
    assert "signal.kind is hidden, and no student reads the signal" in refusal(tree).what
    recipe = parse(Recipe, tree | {"signal": {"kind": "online"}}, "mine.yaml")
    assert list(recipe.taught) == ["written"]


def test_a_twin_of_it_has_no_predictions_to_match():
    tree = with_sequences(written={})
    tree["students"]["plain"] = {"kind": "twin", "of": "written"}
    parse(Recipe, tree, "mine.yaml")
    tree["students"]["plain"]["smoothing"] = {"epsilon": "matched"}
    assert "students.plain.smoothing.epsilon is matched" in refusal(tree).what
