"""Twins that change something, and how a change is said."""

import pytest
from raw_recipes import changed, refusal

from babyllama.recipe import Linear, Recipe, load_recipe, parse


def test_a_twin_changes_single_fields_of_its_students_training():
    changes = {"epochs": 6, "optimizer": {"weight_decay": 0.3}, "schedule": {"kind": "linear"}}
    recipe = parse(Recipe, changed("students.twin.training", changes), "mine.yaml")

    student, twin = (recipe.pretraining(name) for name in ("distilled", "twin"))
    assert twin.model == student.model
    assert twin.training == student.training.model_copy(
        update={
            "epochs": 6,
            "optimizer": student.training.optimizer.model_copy(update={"weight_decay": 0.3}),
            "schedule": Linear(kind="linear"),
        }
    )
    assert recipe.changes("twin") == [
        "epochs 6 instead of 11",
        "schedule linear instead of cosine",
        "optimizer.weight_decay 0.3 instead of 0.1",
    ]


def test_student_and_twin_of_mini_keep_checkpoints_that_the_page_can_show():
    recipe = load_recipe("mini")
    words = recipe.corpus.words
    for name in ("distilled", "twin"):
        marks = recipe.pretraining(name).training.word_marks
        assert [mark / words for mark in marks] == [1, 3]


def test_a_twin_follows_its_student_in_all_that_it_does_not_change():
    recipe = load_recipe(
        "mini", ("students.twin.training.epochs=6", "students.distilled.training.batch_size=4")
    )
    assert recipe.pretraining("twin").training.batch_size == 4
    assert recipe.changes("twin") == ["epochs 6 instead of 11"]
    same = load_recipe("mini", ("students.twin.training.epochs=11",))
    assert same.pretraining("twin") == same.pretraining("distilled")
    assert same.changes("twin") == []


@pytest.mark.parametrize(
    ("changes", "what", "rest"),
    [
        ({"epoch": 6}, "training.epoch is not a field", "Did you mean epochs?"),
        ({"epochs": 0}, "training.epochs is 0", ""),
        ({"optimizer": {"rho": 0.1}}, "training.optimizer.rho is not a field", ""),
        ({"windows": {"kind": "shifted"}}, "training.windows.passes is missing", ""),
        (6, "training is 6", ""),
    ],
)
def test_a_wrong_change_of_a_twin_is_named(changes, what, rest):
    error = refusal(changed("students.twin.training", changes))
    assert error.what == f"mine.yaml: students.twin.{what}"
    assert rest in error.mend


@pytest.mark.parametrize(
    ("smoothing", "what", "why"),
    [
        ({"epsilon": 1.0}, "epsilon is 1.0", "less than 1"),
        ({"epsilon": -0.1}, "epsilon is -0.1", "greater than or equal to 0"),
        ({"epsilon": "match"}, "epsilon is 'match'", "'matched'"),
        ({"towards": "uniform"}, "epsilon is missing", ""),
        ({"towards": "bigram", "epsilon": 0.1}, "towards is 'bigram'", "unigram"),
    ],
)
def test_a_wrong_smoothing_is_named(smoothing, what, why):
    error = refusal(changed("students.twin.smoothing", smoothing))
    assert error.what == f"mine.yaml: students.twin.smoothing.{what}"
    assert why in error.why


def test_smoothing_is_a_change_of_the_twin():
    recipe = load_recipe("mini", ("students.twin.smoothing={epsilon: matched}",))
    assert recipe.changes("twin") == ["label smoothing towards uniform, epsilon matched"]
    assert recipe.pretraining("twin") == recipe.pretraining("distilled")


def test_matched_compute_and_a_budget_contradict_each_other():
    tree = changed("students.twin.compute", "matched")
    tree["students"]["distilled"]["training"]["budget"] = {"words": 1000, "beyond": "stop"}
    what = "students.twin.compute is matched, and training.budget is 1,000 words"
    assert refusal(tree).what == f"mine.yaml: {what}"
    tree["students"]["twin"]["training"] = {"budget": None}
    assert list(parse(Recipe, tree, "mine.yaml").matched_twins) == ["twin"]
