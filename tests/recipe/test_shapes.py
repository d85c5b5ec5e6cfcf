import pytest
from raw_recipes import MINI, changed, refusal

from babyllama.recipe import OtherShape, Recipe, load_recipe, parse, to_yaml


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("teachers.llama.model.num_attention_heads", "It does not divide hidden_size 112."),
        ("students.distilled.model.num_attention_heads", "It does not divide hidden_size 96."),
        ("teachers.gpt2.model.n_head", "It does not divide n_embd 112."),
    ],
)
def test_heads_that_do_not_divide_the_width_are_named_with_it(path, why):
    error = refusal(changed(path, 5))

    assert error.what == f"mine.yaml: {path} is 5"
    assert error.why == why


def test_settings_of_any_architecture_keep_their_types_through_yaml(tmp_path):
    tree = changed("teachers.gpt2_small", MINI["teachers"]["gpt2"] | {"seed_offset": 1})
    tree["teachers"]["on"] = MINI["teachers"]["llama"] | {"seed_offset": 1}
    tree["teachers"]["opt"] = {
        "model": {
            "model_type": "other",
            "architecture": "opt",
            "settings": {"flag": True, "size": 12, "rate": 1e-7, "word": "no", "digits": "12"},
        },
        "training": MINI["teachers"]["llama"]["training"],
    }
    recipe = parse(Recipe, tree, "mine.yaml")
    (tmp_path / "a.yaml").write_text(to_yaml(recipe), encoding="utf-8")

    again = load_recipe(str(tmp_path / "a.yaml"))

    assert again == recipe
    shape = again.teachers["opt"].model
    assert isinstance(shape, OtherShape)
    assert [type(value) for value in shape.settings.values()] == [bool, int, float, str, str]
