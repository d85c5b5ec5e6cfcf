"""What an exported file says of its model."""

import pytest
from small_folders import small_run

from babyllama.publish.export.about import about, about_ensemble


def test_a_folder_of_no_run_is_named_by_its_last_part(llama):
    said = about(llama, 1234)
    assert (said.name, said.license) == ("llama", None)
    assert said.description == "A causal language model of 1,234 parameters."


@pytest.mark.parametrize(
    ("card", "found"),
    [("---\nlicense: mit\n---\nhi", "mit"), ("no front matter", None), ("---\n: [\n---\n", None)],
)
def test_the_license_is_the_cards(tmp_path, card, found):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert about(tmp_path, 1).license == found


def test_a_model_of_a_run_is_named_by_recipe_and_model(tiny_recipe, tmp_path):
    layout = small_run(tmp_path / "run", tiny_recipe)
    said = about(layout.student("distilled"), 1234)
    assert said.name == "tiny distilled"
    assert said.description.endswith("1,234 parameters, distilled from teachers with babyllama.")
    assert about(layout.student("distilled") / "chck_1M", 1).name == "tiny distilled chck_1M"
    teachers = [layout.teacher(name) for name in ("llama", "gpt2")]
    assert about_ensemble(teachers, "logits").name == "tiny ensemble"


def test_an_ensemble_names_its_models(llama, gpt2):
    said = about_ensemble([llama, gpt2], "logits")
    assert said.name == "ensemble of llama, gpt2"
    assert said.description == "The mean of logits of 2 causal language models: llama, gpt2."
