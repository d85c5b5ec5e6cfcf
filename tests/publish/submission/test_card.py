"""The model card: valid metadata for the hub, and all facts in Markdown."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from submissions import result, submit

from babyllama.publish.submission.card import model_card
from babyllama.recipe import to_yaml
from babyllama.runs.run import read_run
from babyllama.scores.results import model_result


def card_of(out):
    return (out / "main" / "README.md").read_text("utf-8")


def test_the_metadata_are_valid_and_name_no_licence(run, given, tmp_path):
    submit(run, given, tmp_path / "out")

    data = ModelCard(card_of(tmp_path / "out")).data

    assert data.tags == ["babylm", "strict-small", "knowledge-distillation"]
    assert (data.language, data.library_name) == ("en", "transformers")
    assert data.pipeline_tag == "text-generation"
    assert data.license is None
    assert data.model_name == "distilled"
    results = {
        each.dataset_name: (each.metric_type, each.metric_value) for each in data.eval_results
    }
    assert results == {"blimp": ("accuracy", 66.7), "boolq": ("accuracy", 61.0)}


def test_the_card_has_scores_with_intervals_training_facts_and_recipe(run, given, tmp_path):
    submit(run, given, tmp_path / "out")

    card = ModelCard(card_of(tmp_path / "out")).text

    assert "Zero-shot scores by the rules `2025`." in card
    assert "| blimp | 66.7 | 48.0 to 52.0, at chance | 50.0 | 3 |" in card
    assert "| boolq | 61.0 |" in card
    assert "of 12,345 parameters" in card
    assert "an ensemble of 2 teachers (llama and gpt2)" in card
    assert "- Words seen, repetitions included: 2,000,000\n" in card
    assert "- Epochs: 2; the best one on dev text is kept\n" in card
    assert "- Cross-entropy on dev text: 3.250 nats per token\n" in card
    assert "- Distillation: alpha 0.5, temperature 2, reduction `token_mean`\n" in card
    assert "- Floating-point operations, without the teachers': 1.00e+12\n" in card
    assert "hidden_size: 16" in card


@pytest.fixture
def student(run):
    found = read_run(run)
    return found, found.model("distilled")


def scored(**scores):
    return model_result(result("distilled", **scores), "here", name="distilled").benchmarks


def test_names_are_shown_as_they_are(student):
    names = ["a|b", "a`*c*`<i>", "x: [1, 2]", "blimp_supplement"]

    card = ModelCard(model_card(*student, scored(**{name: {"score": 5.0} for name in names}),
                                track="strict"))  # fmt: skip

    assert [each.dataset_name for each in card.data.eval_results] == names
    rows = [line for line in card.text.splitlines() if "| 5.0 |" in line]
    assert [row.split(" | 5.0 |")[0] for row in rows] == [
        r"| a\|b", r"| a\`\*c\*\`\<i\>", r"| x: \[1, 2\]", "| blimp_supplement"
    ]  # fmt: skip


def test_a_score_without_interval_or_chance_and_in_another_unit_has_its_row(student):
    facts = {"score": 12.34, "unit": "spearman x 100", "interval": None, "chance": None, "n": None}

    card = ModelCard(model_card(*student, scored(wug={**facts}), track="strict"))

    assert "| wug (spearman x 100) | 12.3 |  |  |  |" in card.text
    (metadata,) = card.data.eval_results
    assert (metadata.metric_type, metadata.metric_value) == ("spearman x 100", 12.34)


def test_a_model_without_scores_has_a_valid_card(student):
    card = ModelCard(model_card(*student, {}, track="strict"))

    assert card.data.eval_results is None
    assert "The model has not been scored." in card.text


def test_backticks_in_the_recipe_do_not_end_its_block(run, tiny_recipe):
    benchmarks = {"odd": Path("text```more")}
    evaluation = tiny_recipe.evaluation.model_copy(update={"benchmarks": benchmarks})
    text = to_yaml(tiny_recipe.model_copy(update={"evaluation": evaluation}))
    (run / "recipe.yaml").write_text(text, encoding="utf-8")
    found = read_run(run)

    card = model_card(found, found.model("distilled"), {}, track="strict")

    block = card.split("````yaml\n")[1].split("\n````\n")[0]
    assert "text```more" in block
    assert block == to_yaml(found.recipe).rstrip()
