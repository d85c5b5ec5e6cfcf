"""What single models are measured on: the dev text and the teachers of their run, if any."""

import shutil

import pytest
from random_models import random_run

from babyllama.evaluation.measures.in_run import known_text
from babyllama.recipe import EQUAL_WEIGHTS, Mixing


@pytest.fixture
def layout(tiny_recipe, tokens, tokenizer, tmp_path):
    return random_run(tmp_path / "run", tiny_recipe, tokens, tokenizer)


def named(known, folders, mixing=EQUAL_WEIGHTS):
    return {each.name: each for each in known.measures(folders, mixing)}


def test_a_model_of_a_run_is_compared_with_the_runs_teachers(layout, tiny_recipe):
    student, teachers = layout.student("twin"), [*layout.teachers(tiny_recipe).values()]
    known = known_text([student])
    assert (known.text.window, [*known.teachers]) == (16, teachers)
    found = named(known, [student])
    assert found["teacher_kl"].value > 0.01
    assert found["cross_entropy"].units == 16
    assert "teacher_kl" not in named(known, teachers)
    # Averaged otherwise they are another model.
    assert named(known, teachers, Mixing(mean_of="probabilities"))["teacher_kl"].value > 0


def test_without_all_teachers_there_is_no_agreement(layout):
    shutil.rmtree(layout.teacher("gpt2"))
    student = layout.student("twin")
    known = known_text([student])
    assert known.teachers == ()
    assert "teacher_kl" not in named(known, [student])


def test_models_of_no_run_and_runs_without_tokens_have_no_known_text(layout, two_models):
    student = layout.student("twin")
    assert known_text(two_models) is None
    assert known_text([student, two_models[0]]) is None
    recipe = layout.recipe.read_text("utf-8")
    layout.recipe.write_text("name: []", encoding="utf-8")
    assert known_text([student]) is None
    layout.recipe.write_text(recipe, encoding="utf-8")
    assert known_text([student]) is not None
    shutil.rmtree(layout.tokens)
    assert known_text([student]) is None
