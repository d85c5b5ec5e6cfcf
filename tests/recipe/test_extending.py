import re

import pytest

from babyllama.errors import InputError
from babyllama.models.build import parameter_count
from babyllama.recipe import built_in_recipes, load_recipe
from babyllama.recipe.extending import BUILT_IN, read_layers


@pytest.fixture
def write(tmp_path):
    """Write files of a folder; returns the path of the first."""

    def write_files(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / f"{next(iter(texts))}.yaml")

    return write_files


def test_a_chain_is_read_root_first_each_relative_to_its_own_file(write, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.yaml").write_text("extends: ../c.yaml\nseed: 2\n")
    path = write(a="extends: sub/b.yaml\n", c="extends: mini\nseed: 3\n")
    monkeypatch.chdir("/")
    seeds = [layer.tree.get("seed") for layer in read_layers(path)]
    assert seeds == [0, 3, 2, None]
    assert load_recipe(path).seed == 2


def test_a_recipe_that_extends_is_called_after_its_file_unless_it_has_a_name(write):
    assert load_recipe(write(cold="extends: mini\n")).name == "cold"
    assert load_recipe(write(Cold="extends: mini\n")).name == "cold"
    assert load_recipe(write(cold="extends: mini\nname: other\n")).name == "other"
    with pytest.raises(InputError, match=r"my cold\.yaml:1: name is missing"):
        load_recipe(write(**{"my cold": "extends: mini\n"}))


@pytest.mark.parametrize(
    ("value", "mend"), [("latop", "Did you mean laptop?"), ("3", ""), ("[mini]", "")]
)
def test_a_base_that_is_no_recipe_is_named_with_its_line_and_the_nearest(write, value, mend):
    path = write(a=f"seed: 1\nextends: {value}\n")
    with pytest.raises(InputError, match=re.escape("a.yaml:2: extends is ")) as caught:
        load_recipe(path)
    assert ", ".join(built_in_recipes()) in caught.value.why
    if mend:
        assert caught.value.mend == mend


def test_a_circle_is_refused(write):
    with pytest.raises(InputError, match=r"a\.yaml:1: extends closes a circle: .*a\.yaml extends"):
        load_recipe(write(a="extends: a.yaml\n"))
    with pytest.raises(InputError, match=r"b\.yaml:1: extends closes a circle"):
        load_recipe(write(a="extends: b.yaml\n", b="extends: ./a.yaml\n"))


def test_a_field_that_a_base_gives_twice_is_refused(write):
    path = write(a="extends: b.yaml\n", b="extends: mini\nseed: 1\nseed: 2\n")
    with pytest.raises(InputError, match=r"b\.yaml:3: seed is given twice"):
        load_recipe(path)


@pytest.mark.parametrize("name", built_in_recipes())
def test_what_the_list_says_of_a_recipe_is_so(name):
    recipe, said = load_recipe(name), BUILT_IN[name]
    source = recipe.corpus.source
    of_source = getattr(source, "words", None) or source.expected_words
    assert said.words == (recipe.corpus.words or of_source)
    size = recipe.tokenizer.padded(recipe.tokenizer.vocab_size)
    models = [*recipe.distilled, *recipe.trained_teachers]
    counted = [parameter_count(recipe.pretraining(model).model, size) for model in models]
    assert list(said.parameters) == counted
