import pytest
import yaml
from raw_recipes import MINI

from babyllama.errors import InputError
from babyllama.recipe import (
    HiddenSignal,
    Recipe,
    built_in_recipes,
    load_recipe,
    parse,
    parse_stored_signal,
    to_json,
    to_yaml,
)
from babyllama.recipe.extending import read_layers
from babyllama.recipe.reading import recipe_of_layers


@pytest.mark.parametrize("name", built_in_recipes())
def test_every_shipped_recipe_loads_and_bears_its_own_name(name):
    assert load_recipe(name).name == name


@pytest.mark.parametrize("name", built_in_recipes())
def test_a_recipe_written_as_yaml_or_json_loads_as_the_same_recipe(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "a.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    (tmp_path / "b.yaml").write_text(to_json(recipe), encoding="utf-8")

    assert load_recipe(str(tmp_path / "a.yaml")) == recipe
    assert load_recipe(str(tmp_path / "b.yaml")) == recipe
    assert Recipe.model_validate(yaml.safe_load(to_yaml(recipe))) == recipe


def test_an_unknown_recipe_is_named_with_the_nearest():
    with pytest.raises(InputError, match="recipe 'strict-smal' not found") as caught:
        load_recipe("strict-smal")
    assert "mini, sprout, laptop, strict-small, strict" in caught.value.why
    assert caught.value.mend == "Did you mean strict-small?"

    with pytest.raises(InputError) as caught:
        load_recipe("/no/such/file.yaml")
    assert caught.value.mend == "List them: babyllama recipes"


def test_a_recipe_that_is_not_utf8_is_named_with_its_byte(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes("name: mini # größe".encode("latin-1"))

    with pytest.raises(InputError, match=r"mine\.yaml: byte 15 is not UTF-8"):
        load_recipe(str(path))


def test_set_changes_fields_at_any_depth_and_reads_its_value_as_yaml():
    recipe = load_recipe(
        "mini",
        (
            "seed=7",
            "students.distilled.alpha=0.9",
            "signal={kind: online}",
            "teachers.llama.training.learning_rate=1e-3",
            "evaluation.benchmarks.blimp=data/a=b",
            "students.distilled.training.micro_batch_size=null",
        ),
    )

    assert recipe.seed == 7
    assert recipe.distilled["distilled"].alpha == 0.9
    assert recipe.signal.kind == "online"
    assert recipe.teachers["llama"].training.learning_rate == 1e-3
    assert str(recipe.evaluation.benchmarks["blimp"]) == "data/a=b"
    assert load_recipe("mini").seed == 0


def test_a_setting_on_a_field_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(InputError) as caught:
        load_recipe("mini", ("students.distilled.alpa=1",))
    assert caught.value.what == (
        "--set students.distilled.alpa=1: students.distilled.alpa is not a field"
    )
    assert caught.value.mend == "Did you mean alpha?"

    with pytest.raises(InputError, match="student is not a field"):
        load_recipe("mini", ("student.distilled.alpha=1",))


def test_a_mistake_that_a_setting_repairs_is_none(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(load_recipe("mini")).replace("alpha: 0.5", "alpha: 1.5"))
    with pytest.raises(InputError, match=r"mine\.yaml:\d+: students.distilled.alpha is 1.5"):
        load_recipe(str(path))
    assert load_recipe(str(path), ("students.distilled.alpha=1",))


def test_a_setting_of_one_teacher_leaves_the_others_alone():
    """The shipped recipes share settings by YAML aliases."""
    before = load_recipe("laptop").teachers["gpt2"]
    changed = load_recipe("laptop", ("teachers.llama.training.epochs=3",))
    assert changed.teachers["llama"].training.epochs == 3
    assert changed.teachers["gpt2"] == before


def test_a_part_of_a_recipe_is_parsed_by_itself():
    assert parse(HiddenSignal, {"kind": "hidden"}, "here") == HiddenSignal(kind="hidden")
    with pytest.raises(InputError, match="here: precision is 'int4'"):
        parse(HiddenSignal, {"kind": "hidden", "precision": "int4"}, "here")


@pytest.mark.parametrize("tree", [{"kind": "online"}, {}, None, [1]])
def test_a_signal_of_a_kind_that_is_not_stored_is_refused(tree):
    with pytest.raises(InputError, match="here: kind is") as caught:
        parse_stored_signal(tree, "here")
    assert caught.value.why == "Stored kinds: hidden, topk, sampled."


def test_a_stored_signals_recipe_is_read_back():
    stored = load_recipe("mini").signal
    assert parse_stored_signal(MINI["signal"], "here") == stored


def test_layers_that_were_read_once_serve_many_recipes():
    layers = read_layers("mini")
    cold = recipe_of_layers(layers, ("students.distilled.temperature=1", "teachers.gpt2=null"))
    assert (cold.students["distilled"].temperature, list(cold.teachers)) == (1, ["llama"])
    assert recipe_of_layers(layers) == load_recipe("mini")
