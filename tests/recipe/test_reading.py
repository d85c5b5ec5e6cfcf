import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from babyllama import recipe as recipes
from babyllama.errors import InputError
from babyllama.recipe import (
    OtherShape,
    PretrainingRecipe,
    Recipe,
    built_in_recipes,
    load_recipe,
    parse,
    to_json,
    to_yaml,
)

MINI = yaml.safe_load(to_yaml(load_recipe("mini")))


def changed(path: str, value: Any) -> dict[str, Any]:
    """The mini recipe as a raw tree with one field set."""
    tree = copy.deepcopy(MINI)
    *branches, leaf = path.split(".")
    branch = tree
    for key in branches:
        branch = branch[key]
    branch[leaf] = value
    return tree


def without(path: str) -> dict[str, Any]:
    """The mini recipe as a raw tree with one field taken out."""
    tree = copy.deepcopy(MINI)
    *branches, leaf = path.split(".")
    branch = tree
    for key in branches:
        branch = branch[key]
    del branch[leaf]
    return tree


def refusal(tree: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(Recipe, tree, "mine.yaml")
    return caught.value


def models() -> list[type[BaseModel]]:
    """Every model of the tree that a recipe can hold."""

    def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for child in model.__subclasses__():
            yield child
            yield from below(child)

    # Stages describe themselves by models of their own, which no recipe holds.
    return [model for model in below(recipes.Frozen) if model.__module__ == recipes.__name__]


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


def test_names_and_settings_of_any_spelling_survive_yaml(tmp_path):
    tree = changed("teachers.gpt2_small", MINI["teachers"]["gpt2"])
    tree["teachers"]["on"] = MINI["teachers"]["llama"]
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


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_field_is_described(model):
    for name, field in model.model_fields.items():
        is_tag = name in ("kind", "model_type")
        is_container = any(recipes._models_in(field.annotation))
        assert is_tag or is_container or field.description, f"{model.__name__}.{name}"


def test_strict_small_is_the_papers_table():
    recipe = load_recipe("strict-small")
    llama, gpt2 = recipe.teachers["llama"], recipe.teachers["gpt2"]
    student = recipe.distilled["distilled"]

    assert (recipe.tokenizer.vocab_size, recipe.tokenizer.min_frequency) == (16_000, 2)
    assert recipe.tokens.layout == "stream"
    assert recipe.corpus.rules == "paper"

    shape = llama.model
    assert (shape.num_hidden_layers, shape.num_attention_heads) == (24, 8)
    assert (shape.hidden_size, shape.intermediate_size) == (1024, 3072)
    shape = gpt2.model
    assert (shape.n_layer, shape.n_head, shape.n_embd, shape.n_inner) == (24, 16, 1536, 6144)
    shape = student.model
    assert (shape.num_hidden_layers, shape.num_attention_heads) == (16, 8)
    assert (shape.hidden_size, shape.intermediate_size) == (512, 1024)
    assert not shape.tie_word_embeddings
    assert llama.model.max_position_embeddings == gpt2.model.n_positions == 256
    assert shape.max_position_embeddings == 256

    def schedule(training):
        return (
            training.learning_rate,
            training.warmup_steps,
            training.batch_size,
            training.epochs,
            training.optimizer.weight_decay,
        )

    assert schedule(llama.training) == (3e-4, 300, 128, 4, 0.0)
    assert schedule(gpt2.training) == (2.5e-4, 300, 128, 4, 0.0)
    assert schedule(student.training) == (2.5e-4, 200, 32, 6, 0.1)
    for training in (llama.training, gpt2.training, student.training):
        assert (training.window, training.max_dev_windows) == (128, 8192)
        assert (training.optimizer.beta1, training.optimizer.beta2, training.clip_norm) == (
            0.9,
            0.999,
            1.0,
        )

    assert (student.alpha, student.temperature, student.reduction) == (0.5, 2.0, "window_sum")


@pytest.mark.parametrize("name", built_in_recipes())
def test_a_twin_is_pretrained_as_its_student_is(name):
    recipe = load_recipe(name)
    student = recipe.distilled["distilled"]

    assert recipe.pretraining("twin") == recipe.pretraining("distilled")
    assert recipe.pretraining("twin") == PretrainingRecipe(
        model=student.model, training=student.training
    )
    assert recipe.pretraining("llama") is recipe.teachers["llama"]


def test_a_model_that_a_recipe_lacks_is_named_with_the_nearest():
    with pytest.raises(InputError, match="recipe mini has no model 'distiled'") as caught:
        load_recipe("mini").pretraining("distiled")

    assert "llama, gpt2, distilled, twin" in caught.value.why
    assert caught.value.mend == "Did you mean distilled?"


def test_an_unknown_recipe_is_named_with_the_nearest():
    with pytest.raises(InputError, match="there is no recipe 'strict-smal'") as caught:
        load_recipe("strict-smal")
    assert "mini, laptop, strict-small, strict" in caught.value.why
    assert caught.value.mend == "Did you mean strict-small?"

    with pytest.raises(InputError) as caught:
        load_recipe("/no/such/file.yaml")
    assert caught.value.mend == "List them: babyllama recipes"


def test_a_file_that_is_not_yaml_is_named_with_line_and_column(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nseed: 0\ncorpus: {source: [}\n", encoding="utf-8")

    with pytest.raises(InputError) as caught:
        load_recipe(str(path))

    assert caught.value.what == f"{path}: is not YAML at line 3, column 19"
    assert "The parser says: " in caught.value.why


@pytest.mark.parametrize(
    "text", ["name: \x00", "name: 2023-02-31", "name: !!python/object:os.x {}", "{[1]: 2}: 3"]
)
def test_whatever_the_yaml_parser_refuses_is_an_input_error(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"mine\.yaml: is not YAML"):
        load_recipe(str(path))


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("- a\n", "list"), ("mini", "str")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, kind):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=f"holds {kind}, not a mapping of fields"):
        load_recipe(str(path))


def test_a_recipe_that_is_not_utf8_is_named_with_its_byte(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes("name: mini # größe".encode("latin-1"))

    with pytest.raises(InputError, match=r"mine\.yaml: byte 15 is not UTF-8"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("sed", "seed"),
        ("tokenizer.vocab_sise", "vocab_size"),
        ("corpus.source.word", "words"),
        ("teachers.llama.training.learnin_rate", "learning_rate"),
        ("teachers.llama.model.hiden_size", "hidden_size"),
        ("teachers.gpt2.model.n_heads", "n_head"),
        ("students.distilled.alpa", "alpha"),
        ("students.distilled.model.hiden_size", "hidden_size"),
        ("students.distilled.training.epoch", "epochs"),
        ("students.twin.off", "of"),
        ("evaluation.benchmark", "benchmarks"),
    ],
)
def test_a_misspelt_field_is_named_as_the_file_spells_it_with_the_nearest(path, nearest):
    error = refusal(changed(path, 1))

    assert error.what == f"mine.yaml: {path} is not a field"
    assert nearest in error.why
    assert error.mend == f"Did you mean {nearest}?"


def test_a_field_like_no_other_is_answered_with_where_the_fields_are_listed():
    assert refusal(changed("xyzzy", 1)).mend == "See the fields: babyllama recipes NAME"


def test_a_field_of_another_member_of_the_union_is_not_known():
    error = refusal(changed("teachers.gpt2.model.hidden_size", 128))

    assert error.what == "mine.yaml: teachers.gpt2.model.hidden_size is not a field"
    assert "n_embd" in error.why
    assert "num_hidden_layers" not in error.why


@pytest.mark.parametrize(
    "path",
    [
        "corpus",
        "name",
        "corpus.source.words",
        "teachers.llama.training.epochs",
        "teachers.llama.model.hidden_size",
        "students.distilled.model",
        "students.distilled.training.learning_rate",
        "students.twin.of",
    ],
)
def test_a_missing_field_is_named(path):
    assert refusal(without(path)).what == f"mine.yaml: {path} is missing"


def test_a_missing_field_is_explained():
    assert refusal(without("teachers.gpt2.training.epochs")).mend == (
        "Passes over the training windows."
    )


@pytest.mark.parametrize(
    ("path", "alternatives"),
    [
        ("corpus.source.kind", "synthetic, folder"),
        ("teachers.llama.model.model_type", "llama, gpt2, other"),
        ("students.distilled.kind", "distilled, twin"),
        ("signal.kind", "online, hidden, topk, sampled, auto"),
    ],
)
def test_a_choice_that_is_missing_or_unknown_is_named_with_its_alternatives(path, alternatives):
    missing, unknown = refusal(without(path)), refusal(changed(path, "hiden"))

    assert missing.what == f"mine.yaml: {path} is missing"
    assert unknown.what == f"mine.yaml: {path} is 'hiden'"
    assert alternatives in missing.why
    assert alternatives in unknown.why


def test_a_misspelt_choice_is_offered_the_nearest():
    assert refusal(changed("signal.kind", "hiden")).mend == "Did you mean hidden?"


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("seed", -1, "greater than or equal to 0"),
        ("name", "A b", "should match pattern"),
        ("tokenizer.vocab_size", 10, "greater than or equal to 300"),
        ("corpus.rules", "papers", "'paper' or 'thorough'"),
        ("teachers.llama.training.learning_rate", 3.0, "less than 1"),
        ("teachers.llama.model.num_hidden_layers", 0, "greater than 0"),
        ("students.distilled.temperature", 0, "greater than 0"),
        ("students.distilled.reduction", "mean", "'token_mean' or 'window_sum'"),
        ("students.distilled.training.epochs", "many", "valid integer"),
        ("students.distilled.training.compile", "perhaps", "valid boolean"),
        ("students.distilled.alpha", None, "valid number"),
        ("students.twin.of", 5, "valid string"),
    ],
)
def test_a_value_out_of_range_or_of_another_type_is_named_with_its_field(path, value, why):
    error = refusal(changed(path, value))

    assert error.what == f"mine.yaml: {path} is {value!r}"
    assert why in error.why
    assert "Value error" not in str(error)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("teachers", ["llama"]),
        ("teachers", {}),
        ("students.distilled.alpha", [1]),
        ("students.distilled.training", [1]),
    ],
)
def test_a_value_too_large_to_print_is_named_by_its_field(path, value):
    assert refusal(changed(path, value)).what == f"mine.yaml: {path} does not fit"


def test_a_setting_of_another_architecture_is_named_without_the_types_it_might_have():
    model = {"model_type": "other", "architecture": "opt", "settings": {"sizes": [1]}}

    error = refusal(changed("teachers.llama.model", model))

    assert error.what == "mine.yaml: teachers.llama.model.settings.sizes does not fit"


def test_a_key_that_yaml_reads_as_a_number_is_named():
    tree = copy.deepcopy(MINI)
    tree["teachers"][1] = tree["teachers"]["llama"]

    assert refusal(tree).what == "mine.yaml: teachers.1 is 1"


@settings(deadline=None)
@given(st.floats(max_value=0, exclude_max=True) | st.floats(min_value=1, exclude_min=True))
def test_any_alpha_outside_0_to_1_is_refused_naming_field_and_value(alpha):
    error = refusal(changed("students.distilled.alpha", alpha))

    assert error.what == f"mine.yaml: students.distilled.alpha is {alpha!r}"
    assert "Weight of the text against the teachers" in error.mend


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1))
def test_any_alpha_from_0_to_1_is_taken(alpha):
    recipe = parse(Recipe, changed("students.distilled.alpha", alpha), "mine.yaml")

    assert recipe.distilled["distilled"].alpha == alpha


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize(
    "path", ["students.distilled.temperature", "students.distilled.training.clip_norm"]
)
def test_a_number_must_be_finite(path, value):
    assert refusal(changed(path, value)).what == f"mine.yaml: {path} is {value!r}"


@pytest.mark.parametrize(
    ("path", "field", "why"),
    [
        (
            "teachers.llama.model.num_attention_heads",
            "teachers.llama.model",
            "num_attention_heads 5 does not divide hidden_size 128",
        ),
        (
            "students.distilled.model.num_attention_heads",
            "students.distilled.model",
            "num_attention_heads 5 does not divide hidden_size 128",
        ),
        (
            "teachers.gpt2.model.n_head",
            "teachers.gpt2.model",
            "n_head 5 does not divide n_embd 128",
        ),
        (
            "students.distilled.training.micro_batch_size",
            "students.distilled.training",
            "micro_batch_size 5 does not divide batch_size 8",
        ),
    ],
)
def test_sizes_that_do_not_divide_are_both_named(path, field, why):
    error = refusal(changed(path, 5))

    assert error.what == f"mine.yaml: {field} does not fit"
    assert error.why == why + "."


@pytest.mark.parametrize("of", ["nobody", "twin", "llama"])
def test_a_twin_of_nothing_is_refused(of):
    error = refusal(changed("students.twin.of", of))

    assert error.what == "mine.yaml: does not fit together"
    assert error.why == f"students.twin.of is '{of}', which is no distilled student."


def test_a_teacher_and_a_student_of_one_name_are_refused():
    error = refusal(changed("students.llama", MINI["students"]["distilled"]))

    assert error.why == "'llama' names both a teacher and a student."


def test_students_of_two_windows_share_no_stored_signal_but_may_share_an_online_one():
    other = copy.deepcopy(MINI["students"]["distilled"])
    other["training"]["window"] = 64
    tree = changed("students.other", other)

    assert refusal(tree).why == (
        "students read windows of [64, 128], but a stored signal has one length."
    )
    tree["signal"] = {"kind": "online"}
    assert len(parse(Recipe, tree, "mine.yaml").distilled) == 2


TOPK = {"kind": "topk", "k": 5, "temperatures": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("signal", "student", "said"),
    [
        ({"kind": "hidden", "precision": "int8", "bytes_per_token": 8}, {}, "exclude each other"),
        ({"kind": "hidden", "weights": [1.0]}, {}, "signal.weights has 1 for 2 teachers"),
        ({"kind": "hidden"}, {"weights": [1.0]}, "distilled.weights has 1 for 2 teachers"),
        ({"kind": "online", "weights": [0.9, 0.9]}, {}, "sum to 1.8"),
        ({"kind": "hidden"}, {"weights": [1.5, -0.5]}, "not negative"),
        (TOPK, {"temperature": 3.0}, "temperature is 3, the signal is stored for 1, 2"),
        (TOPK, {"weights": [0.5, 0.5]}, "a topk signal has its weights built in"),
        ({**TOPK, "mean_of": "probabilities"}, {}, "the mean of probabilities is another at each"),
        ({**TOPK, "temperatures": [0.0]}, {}, "each must be above 0"),
    ],
)
def test_signals_that_do_not_serve_their_students_are_refused(signal, student, said):
    tree = changed("signal", signal)
    tree["students"]["distilled"] |= student
    assert said in f"{refusal(tree)}"


def test_jittered_windows_need_teachers_beside_the_student():
    tree = changed("signal", {"kind": "hidden"})
    tree["students"]["distilled"]["training"]["windows"] = {"kind": "jittered"}
    assert "which no stored signal serves" in refusal(tree).why
    tree["signal"] = {"kind": "online"}
    parse(Recipe, tree, "mine.yaml")


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


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("students.distilled.alpha", "is not key.path=value"),
        ("=1", "is not key.path=value"),
        ("students..alpha=1", "is not key.path=value"),
        ("seed=[", "the value '[' is not YAML"),
        ("name=2023-02-31", "the value '2023-02-31' is not YAML"),
        ("seed.deep=1", "seed is 0, not a mapping"),
        ("teachers.llama.training.epochs.a.b=1", "teachers.llama.training.epochs is 8"),
    ],
)
def test_a_setting_that_cannot_be_applied_is_named(setting, message):
    with pytest.raises(InputError, match=re.escape(f"--set {setting}: {message}")):
        load_recipe("mini", (setting,))


def test_a_setting_on_a_field_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(InputError) as caught:
        load_recipe("mini", ("students.distilled.alpa=1",))
    assert caught.value.what == "recipe mini: students.distilled.alpa is not a field"
    assert caught.value.mend == "Did you mean alpha?"

    with pytest.raises(InputError, match=r"student\.distilled|student is not a field"):
        load_recipe("mini", ("student.distilled.alpha=1",))


def test_a_recipe_cannot_be_changed_once_it_is_checked():
    with pytest.raises(ValueError, match="frozen"):
        load_recipe("mini").seed = 3


def test_a_setting_of_one_teacher_leaves_the_others_alone():
    """The shipped recipes share settings by YAML aliases."""
    before = load_recipe("mini").teachers["gpt2"]
    changed = load_recipe("mini", ("teachers.llama.training.epochs=3",))
    assert changed.teachers["llama"].training.epochs == 3
    assert changed.teachers["gpt2"] == before
