import pytest
from raw_recipes import MINI, changed, refusal

from babyllama.errors import InputError
from babyllama.recipe import Given, Recipe, load_recipe, parse

COMMIT = "0123456789" * 4


def test_a_teacher_with_a_path_is_given_and_not_trained():
    recipe = parse(Recipe, changed("teachers.old", {"path": "models/old"}), "mine.yaml")
    assert recipe.given == {"old": Given(path="models/old")}
    assert recipe.trained_teachers == ["llama", "gpt2"]
    assert recipe.trained == ["llama", "gpt2", "distilled", "twin"]
    with pytest.raises(InputError, match=r"teachers.old is an existing model: models/old"):
        recipe.pretraining("old")


def test_a_revision_is_a_commit_of_a_name_on_the_hub():
    tree = {"path": "org/name", "revision": COMMIT}
    recipe = parse(Recipe, changed("teachers.old", tree), "mine.yaml")
    assert str(recipe.given["old"]) == f"org/name@{COMMIT}"
    assert "teachers.old.revision is 'main'" in str(
        refusal(changed("teachers.old", {**tree, "revision": "main"}))
    )
    assert "Only a name on the hub" in str(
        refusal(changed("teachers.old", {**tree, "path": "some/where/else"}))
    )


def test_a_mistake_in_a_given_model_is_named_among_its_own_fields():
    error = refusal(changed("teachers.old", {"path": "a", "epoch": 3}))
    assert error.what == "mine.yaml: teachers.old.epoch is not a field"
    assert error.why == "Known here: path, revision, like."
    error = refusal(changed("tokenizer", {"path": 3}))
    assert error.what == "mine.yaml: tokenizer.path is 3"
    error = refusal(changed("teachers.old", {"model": MINI["teachers"]["llama"]["model"]}))
    assert error.what == "mine.yaml: teachers.old.training is missing"


def test_a_path_replaces_how_the_base_makes_a_tokenizer_or_a_teacher(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: mini\ntokenizer: {path: t}\nteachers: {llama: {path: m}}\n")
    recipe = load_recipe(str(path), ("defaults.training.epochs=1",))
    assert recipe.tokenizer == Given(path="t")
    assert recipe.given == {"llama": Given(path="m")}
