"""What is read of a model: in a run, and elsewhere."""

import json

import pytest
from small_folders import finished, small_run

from babyllama.errors import InputError
from babyllama.report.model_card import card_facts, with_scores_of_run


def test_a_model_of_a_run_knows_its_recipe_text_and_teachers(model_run):
    facts = card_facts(model_run.student("distilled"))
    assert (facts.name, facts.role, facts.corpus_words) == ("distilled", "student", 2000)
    assert list(facts.teachers) == ["llama", "gpt2"]
    assert facts.training["words_seen"] == 4000
    assert card_facts(model_run.student("twin")).role == "twin"
    assert card_facts(model_run.teacher("llama")).role == "teacher"


def test_a_student_of_a_student_knows_what_was_trained_before_it(tiny_recipe, tmp_path):
    again = tiny_recipe.students["distilled"].model_copy(update={"teachers": ("distilled",)})
    students = {**tiny_recipe.students, "again": again}
    recipe = tiny_recipe.model_copy(update={"students": students})
    layout = small_run(tmp_path / "run", recipe)
    finished(layout.signal, "signal")
    facts = card_facts(layout.student("again"))
    assert (list(facts.teachers), list(facts.earlier)) == (["distilled"], ["llama", "gpt2"])
    assert facts.signal["stage"] == "signal"
    assert card_facts(layout.student("distilled")).earlier == {}


def test_a_model_elsewhere_is_what_its_manifest_says(tmp_path):
    folder = finished(tmp_path / "mine", "distillation")
    assert (card_facts(folder).name, card_facts(folder).role) == ("mine", "student")
    assert card_facts(folder).recipe is None


def test_scores_of_other_weights_are_not_shown(model_run):
    folder = model_run.student("distilled")
    facts = card_facts(folder)
    assert with_scores_of_run(facts, folder).results["grammar"].score == 70.0
    finished(folder, "distillation", weights="trained again")
    assert not with_scores_of_run(facts, folder).results


def test_a_result_file_that_is_damaged_is_refused(model_run):
    model_run.scores("distilled").write_text(json.dumps({"model": "distilled"}))
    folder = model_run.student("distilled")
    with pytest.raises(InputError, match="has no results"):
        with_scores_of_run(card_facts(folder), folder)
