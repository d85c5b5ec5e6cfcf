"""The metadata of a card, as the hub's own classes read them."""

from dataclasses import replace

import yaml
from huggingface_hub import parse_eval_result_entries
from small_folders import results

from babyllama.recipe import CardRecipe
from babyllama.report.model_card import eval_results_yaml
from babyllama.report.model_card.metadata import card_metadata


def test_the_metadata_name_the_language_only_if_somebody_stated_it(student):
    assert card_metadata(student, ()).language == ["en"]  # synthetic text
    text = student.recipe.corpus.model_copy(update={"source": None})
    unknown = student.recipe.model_copy(update={"corpus": text})
    assert card_metadata(replace(student, recipe=unknown), ()).language is None
    german = unknown.model_copy(update={"card": CardRecipe(language=("de",))})
    assert card_metadata(replace(student, recipe=german), ()).language == ["de"]


def test_data_sets_are_named_without_their_revisions(student):
    stated = CardRecipe(datasets=("org/text@4f2a", "org/more"))
    recipe = student.recipe.model_copy(update={"card": stated})
    assert card_metadata(replace(student, recipe=recipe), ()).datasets == ["org/text", "org/more"]


def test_a_score_has_its_interval_chance_and_items(student):
    (found,) = card_metadata(student, ()).eval_results
    assert (found.dataset_type, found.metric_type, found.metric_value) == (
        "nyu-mll/blimp", "accuracy", 66.7
    )  # fmt: skip
    assert found.metric_args == {"interval_95": [48.0, 52.0], "chance": 50.0, "items": 3000}


def test_eval_results_hold_complete_benchmarks_of_the_hub_alone(student):
    half = {"score": 60.0, "part": {"items": 1, "of_items": 2}}
    found = results(blimp={"score": 66.7}, rte={"score": 55.0}, ewok=half, grammar={"score": 70.0})
    entries = parse_eval_result_entries(
        yaml.safe_load(eval_results_yaml(replace(student, results=found)))
    )
    assert [(each.dataset_id, each.task_id, each.value) for each in entries] == [
        ("nyu-mll/blimp", "blimp", 66.7), ("nyu-mll/glue", "rte", 55.0)
    ]  # fmt: skip
    assert entries[0].notes == (
        "babyllama, rules 2025, 95% interval 48.0 to 52.0, chance 50, 3000 items"
    )
    assert eval_results_yaml(replace(student, results=results(grammar={"score": 1.0}))) == ""
