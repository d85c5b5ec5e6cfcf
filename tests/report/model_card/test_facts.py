"""What is read of a model: in a run, and elsewhere."""

import json

import pytest
from small_folders import finished

from babyllama.report.model_card import card_facts, with_scores_of_run


def test_a_model_of_a_run_knows_its_recipe_text_and_teachers(model_run):
    facts = card_facts(model_run.student("distilled"))
    assert (facts.name, facts.role, facts.corpus_words) == ("distilled", "student", 2000)
    assert list(facts.teachers) == ["llama", "gpt2"]
    assert facts.training["words_seen"] == 4000
    assert card_facts(model_run.student("twin")).role == "twin"
    assert card_facts(model_run.teacher("llama")).role == "teacher"


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
    from babyllama.errors import InputError

    model_run.scores("distilled").write_text(json.dumps({"model": "distilled"}))
    folder = model_run.student("distilled")
    with pytest.raises(InputError, match="has no results"):
        with_scores_of_run(card_facts(folder), folder)
