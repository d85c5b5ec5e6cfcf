"""Every mistake in a recipe is named with field, value, permitted range and nearest name."""

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_recipes import MINI, changed, refusal, without

from babyllama.errors import InputError
from babyllama.recipe import Recipe, load_recipe, parse


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
        ("students.distilled.training.optimizer.weight_deca", "weight_decay"),
        ("students.twin.off", "of"),
        ("evaluation.benchmark", "benchmarks"),
    ],
)
def test_a_misspelt_field_is_named_as_the_file_spells_it_with_the_nearest(path, nearest):
    error = refusal(changed(path, 1))

    assert error.what == f"mine.yaml: {path} is not a field"
    assert nearest in error.why
    assert error.mend == f"Did you mean {nearest}?"


def test_a_field_of_another_kind_is_answered_with_the_setting_that_works(tmp_path):
    with pytest.raises(InputError, match="path is not a field") as caught:
        load_recipe("mini", (f"corpus.source.path={tmp_path}",))
    setting = f"corpus.source={{kind: folder, path: {tmp_path}}}"
    assert caught.value.mend == f"It is a field of kind: folder. For that kind: --set '{setting}'"
    assert load_recipe("mini", (setting,)).corpus.source.path == tmp_path


def test_a_field_unlike_any_other_is_answered_with_where_the_fields_are_listed():
    assert refusal(changed("xyzzy", 1)).mend == "See the fields: babyllama recipes NAME"


def test_a_key_that_is_no_text_is_refused():
    assert refusal({**MINI, 1: 2}).what == "mine.yaml: 1 is not a field"


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
        ("students.distilled.kind", "distilled, sequences, twin"),
        ("signal.kind", "online, hidden, topk, sampled, auto"),
    ],
)
def test_a_choice_that_is_missing_or_unknown_is_named_with_its_alternatives(path, alternatives):
    missing, unknown = refusal(without(path)), refusal(changed(path, "hiden"))

    assert missing.what == f"mine.yaml: {path} is missing"
    assert unknown.what == f"mine.yaml: {path} is 'hiden'"
    assert alternatives in missing.why
    assert alternatives in unknown.why


@pytest.mark.parametrize(
    ("path", "value", "mend"),
    [
        ("signal.kind", "hiden", "Did you mean hidden?"),
        ("corpus.rules", "papers", "Did you mean paper?"),
        ("signal", "hiden", "For example: {kind: hidden}"),
        ("teachers.llama.model", "lama", "For example: {model_type: llama}"),
    ],
)
def test_a_misspelt_choice_is_offered_the_nearest(path, value, mend):
    assert refusal(changed(path, value)).mend == mend


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("seed", -1, "Permitted: 0 or more and below 2,147,483,648."),
        ("name", "A b", "should match pattern"),
        ("tokenizer.vocab_size", 10, "Permitted: from 259 to 1,000,000."),
        ("corpus.rules", "papers", "'paper' or 'thorough'"),
        ("teachers.llama.training.learning_rate", 3.0, "Permitted: above 0 and below 1."),
        ("teachers.llama.model.num_hidden_layers", 0, "Permitted: above 0."),
        ("students.distilled.temperature", 0, "Permitted: above 0."),
        ("students.distilled.reduction", "mean", "'token_mean' or 'window_sum'"),
        ("students.distilled.training.epochs", "many", "valid integer"),
        ("students.distilled.training.epochs", "many", "Permitted: 1 or more."),
        ("students.distilled.training.compile", "perhaps", "valid boolean"),
        ("students.distilled.alpha", None, "valid number. Permitted: from 0 to 1."),
        ("students.twin.of", 5, "valid string"),
        ("teachers", ["llama"], "It must be a mapping of fields."),
        ("students.distilled.training", [1], "It must be a mapping of fields."),
        ("students.distilled.alpha", [1], "valid number"),
        ("signal", "online", "It must be a mapping of fields."),
    ],
)
def test_a_value_out_of_range_or_of_another_type_is_named_with_its_field(path, value, why):
    error = refusal(changed(path, value))

    assert error.what == f"mine.yaml: {path} is {value!r}"
    assert why in error.why
    assert "Value error" not in str(error)


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("teachers", {}, "empty"),
        ("teachers", ["llama"] * 20, "a list"),
        ("students.distilled.alpha", {"a": "b" * 50}, "a mapping"),
    ],
)
def test_a_value_too_long_to_print_is_named_by_its_type(path, value, shown):
    assert refusal(changed(path, value)).what == f"mine.yaml: {path} is {shown}"


def test_a_mapping_without_entries_is_explained():
    assert refusal(changed("teachers", {})).why == "It must have at least one entry."


def test_alternatives_of_plain_types_are_one_mistake():
    model = {"model_type": "other", "architecture": "opt", "settings": {"sizes": [1]}}
    error = refusal(changed("teachers.llama.model", model))

    assert error.what == "mine.yaml: teachers.llama.model.settings.sizes is [1]"
    assert error.why == (
        "Input should be a valid integer or a valid number or a valid boolean or a valid string."
    )


def test_of_alternatives_the_one_that_the_user_meant_is_explained():
    error = refusal(changed("teachers.llama.training.word_checkpoints", [1, "x"]))

    assert error.what == "mine.yaml: teachers.llama.training.word_checkpoints.1 is 'x'"
    assert "valid integer" in error.why
    assert "babylm" not in error.why


def test_a_key_that_yaml_reads_as_a_number_is_named():
    tree = copy.deepcopy(MINI)
    tree["teachers"][1] = {"path": "models/old"}

    assert refusal(tree).what == "mine.yaml: teachers.1: Input should be a valid string"


def test_a_tree_that_is_no_mapping_is_refused():
    assert refusal([1]).what == "mine.yaml: is [1]"


@settings(deadline=None)
@given(st.floats(max_value=0, exclude_max=True) | st.floats(min_value=1, exclude_min=True))
def test_any_alpha_outside_0_to_1_is_refused_naming_field_and_value(alpha):
    error = refusal(changed("students.distilled.alpha", alpha))

    assert error.what == f"mine.yaml: students.distilled.alpha is {alpha!r}"
    assert error.mend == "Weight of the text against the teachers."


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


SEVERAL = """\
name: mine
seed: -1
seed: 3
corpus: {source: {kind: synthetic, words: 6, dev_words: 2000}}
teachers:
  llama:
    model: {model_type: llama, hidden_size: 128, intermediate_size: 352,
            num_hidden_layers: 4, num_attention_heads: 5}
    training: {batch_size: 8, micro_batch_size: 3, learning_rate: 1.0e-3}
signal: {kind: hiden}
studnts: {}
evaluation: {rules: "2013", benchmarks: {../evil: x}}
"""


def lines_of(error):
    return [line.strip() for line in str(error).split("\n")]


def test_a_recipe_with_several_mistakes_lists_all_of_them_with_their_lines(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SEVERAL)
    with pytest.raises(InputError) as caught:
        load_recipe(str(path), ("tokenizer.vocab_size=1", "xyzzy=1"))

    lines = [line.replace(f"{tmp_path}/", "") for line in lines_of(caught.value)]
    assert [line for line in lines if line.startswith(("mine.yaml", "--set"))] == [
        "mine.yaml: 11 mistakes",
        "mine.yaml:3: seed is given twice, the first time on line 2",
        "mine.yaml:4: corpus.source.words is 6",
        "mine.yaml:8: teachers.llama.model.num_attention_heads is 5",
        "mine.yaml:9: teachers.llama.training.epochs is missing",
        "mine.yaml:9: teachers.llama.training.micro_batch_size is 3",
        "mine.yaml:10: signal.kind is 'hiden'",
        "mine.yaml:11: studnts is not a field",
        "mine.yaml:12: evaluation.benchmarks.../evil: Name '../evil' holds a path separator",
        "mine.yaml:12: evaluation.rules is '2013'",
        "--set tokenizer.vocab_size=1: tokenizer.vocab_size is 1",
        "--set xyzzy=1: xyzzy is not a field",
    ]


def test_a_field_that_is_missing_because_it_is_misspelt_is_one_mistake():
    tree = copy.deepcopy(MINI)
    tree["studnts"] = tree.pop("students")
    error = refusal(tree)

    assert error.what == "mine.yaml: studnts is not a field"
    assert error.mend == "Did you mean students?"


def test_parts_that_contradict_each_other_are_listed_with_the_mistakes_of_other_parts():
    tree = changed("students.distilled.alpha", 1.5)
    tree["students"]["twin"]["of"] = "distiled"
    tree["students"]["LLaMA"] = copy.deepcopy(MINI["students"]["distilled"])
    tree["students"]["LLaMA"]["training"]["windows"] = {"kind": "jittered"}
    tree["signal"]["weights"] = [1.0]
    lines = lines_of(refusal(tree))

    assert [line for line in lines if line.startswith("mine.yaml")] == [
        "mine.yaml: 5 mistakes",
        "mine.yaml: students.distilled.alpha is 1.5",
        "mine.yaml: teachers.llama and students.LLaMA differ only in case",
        "mine.yaml: students.twin.of is 'distiled'",
        "mine.yaml: students.LLaMA.training.windows is jittered",
        "mine.yaml: signal.weights has 1 for 2 teachers",
    ]
    assert "Did you mean distilled?" in lines


def paths(tree, above=()):
    for key, value in tree.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths(value, (*above, key))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(paths(MINI))), VALUES), min_size=1, max_size=4))
def test_any_changes_give_a_recipe_or_an_input_error(changes):
    tree = copy.deepcopy(MINI)
    for path, value in changes:
        branch = tree
        for key in path[:-1]:
            branch = branch.get(key) if isinstance(branch, dict) else None
        if isinstance(branch, dict):
            branch[path[-1]] = value
    with contextlib.suppress(InputError):
        assert isinstance(parse(Recipe, tree, "mine.yaml"), Recipe)
