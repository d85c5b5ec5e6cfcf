"""YAML and `--set` as a tree of fields with the place of each."""

import itertools
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.errors import InputError
from babyllama.recipe.raw_tree import DEEPEST, MOST_VALUES, Places, read_yaml, set_field, text_of

TEXT = """\
name: mine
teachers:
  llama: &llama
    model: {size: 1, heads: 2}
    epochs: [3, 4]
  gpt2: *llama
"""


def test_a_field_is_placed_at_the_line_of_its_key():
    _, places = read_yaml(TEXT, "mine.yaml")
    assert places.of(("name",)) == "mine.yaml:1"
    assert places.of(("teachers", "llama", "model", "heads")) == "mine.yaml:4"
    assert places.of(("teachers", "llama", "epochs", "1")) == "mine.yaml:5"
    assert places.of(("teachers", "gpt2")) == "mine.yaml:6"


def test_what_an_alias_repeats_is_placed_where_it_is_written():
    _, places = read_yaml(TEXT, "mine.yaml")
    assert places.of(("teachers", "gpt2", "model", "size")) == "mine.yaml:4"


def test_what_is_missing_is_placed_at_what_is_around_it():
    _, places = read_yaml(TEXT, "mine.yaml")
    assert places.of(("teachers", "llama", "model", "depth")) == "mine.yaml:4"
    assert places.of(("students",)) == "mine.yaml"


def test_what_an_alias_repeats_is_no_shared_object():
    tree, places = read_yaml(TEXT, "mine.yaml")
    set_field(tree, "teachers.llama.model.size=7", places)
    assert tree["teachers"]["llama"]["model"]["size"] == 7
    assert tree["teachers"]["gpt2"]["model"]["size"] == 1


def test_merge_keys_read_as_yaml_says():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}\n"
    tree, places = read_yaml(text, "mine.yaml")
    assert tree == yaml.safe_load(text)
    assert places.of(("b", "x")) == "mine.yaml:2"


def test_a_key_that_is_given_twice_is_named_with_both_lines():
    _, places = read_yaml("a: 1\nb: {c: 1,\n  c: 2}\na: 3\n", "mine.yaml")
    assert sorted((places.of(each.keys), each.what) for each in places.repeated) == [
        ("mine.yaml:3", "b.c is given twice, the first time on line 2"),
        ("mine.yaml:4", "a is given twice, the first time on line 1"),
    ]


def test_whole_numbers_are_decimal_as_they_are_written():
    tree, _ = read_yaml("a: 010\nb: 1:30\nc: 1_000\nd: 0\ne: -7\n", "mine.yaml")
    assert tree == {"a": "010", "b": "1:30", "c": 1000, "d": 0, "e": -7}


def test_a_file_that_is_not_yaml_is_named_with_line_and_column():
    with pytest.raises(InputError) as caught:
        read_yaml("name: mine\nseed: 0\ncorpus: {source: [}\n", "mine.yaml")
    assert caught.value.what == "mine.yaml:3: is not YAML at column 19"
    assert "The parser says: " in caught.value.why


@pytest.mark.parametrize(
    "text",
    [
        "name: \x00", "name: 2023-02-31", "name: !!python/object:os.x {}", "{[1]: 2}: 3",
        "a: !!timestamp b", "a: !!bool b", "a: !!int ''", "a: *b", "a: {<<: 3}", "a: 1\n---\nb: 2",
        "!!timestamp a: b",
    ],
)  # fmt: skip
def test_whatever_the_yaml_parser_refuses_is_an_input_error(text):
    with pytest.raises(InputError, match=r"mine\.yaml(:\d)?: is not YAML"):
        read_yaml(text, "mine.yaml")


@settings(deadline=None)
@given(st.text(alphabet="ab:&*!<>{}[]-?|'\"#,\n 01.~%@`") | st.text())
def test_any_text_is_a_mapping_or_an_input_error(text):
    try:
        tree, _ = read_yaml(text, "mine.yaml")
    except InputError:
        return
    assert isinstance(tree, dict)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "is empty"),
        ("- a\n", "holds a list, not a mapping of fields"),
        ("mini", "holds a text, not a mapping of fields"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_refused(text, found):
    with pytest.raises(InputError, match=f"mine.yaml: {found}"):
        read_yaml(text, "mine.yaml")


@pytest.mark.parametrize("use", ["{0}: &{0} [{1}]", "{0}: &{0} {{<<: [{1}]}}"])
def test_aliases_that_expand_to_billions_of_values_are_refused(use):
    names = "abcdefghi"
    lines = [
        use.format(name, ", ".join([f"*{before}"] * 9))
        for before, name in itertools.pairwise(names)
    ]
    with pytest.raises(InputError, match=rf"mine\.yaml:\d: .* more than {MOST_VALUES:,} values"):
        read_yaml("\n".join(["a: &a {x: 1}", *lines]), "mine.yaml")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "&a {<<: *a}"])
def test_an_alias_in_itself_is_refused(text):
    with pytest.raises(InputError, match=r"mine\.yaml:1: holds aliases that nest more than"):
        read_yaml(text, "mine.yaml")


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "x:\n" + "- " * 5_000, "{a: " * 2_000])
def test_nesting_without_end_is_refused(text):
    with pytest.raises(InputError, match=rf"mine\.yaml:\d: nests more than {DEEPEST} levels deep"):
        read_yaml(text, "mine.yaml")


def test_as_deep_and_as_large_as_the_limits_is_read():
    text = "a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2)
    assert read_yaml(text, "mine.yaml")[0].keys() == {"a"}
    many = "a: [" + "1, " * (MOST_VALUES // 10) + "]"
    assert len(read_yaml(many, "mine.yaml")[0]["a"]) == MOST_VALUES // 10


def test_set_replaces_a_field_and_what_its_value_places():
    tree, places = read_yaml(TEXT, "mine.yaml")
    set_field(tree, "teachers.llama.model={size: 3}", places)
    assert tree["teachers"]["llama"]["model"] == {"size": 3}
    place = "--set teachers.llama.model={size: 3}"
    assert places.of(("teachers", "llama", "model", "size")) == place
    assert places.of(("teachers", "llama", "model", "heads")) == place
    assert places.of(("teachers", "llama", "epochs")) == "mine.yaml:5"


def test_set_makes_the_mappings_on_its_way_and_places_them():
    tree, places = read_yaml(TEXT, "mine.yaml")
    set_field(tree, "evaluation.benchmarks.blimp=data/a=b", places)
    assert tree["evaluation"] == {"benchmarks": {"blimp": "data/a=b"}}
    assert places.of(("evaluation", "x")) == "--set evaluation.benchmarks.blimp=data/a=b"


def test_mistakes_are_ordered_by_line_and_those_of_settings_come_last():
    _, places = read_yaml(TEXT, "mine.yaml")
    places.record_setting(("seed",), "seed=1")
    keys = [("seed",), ("teachers", "llama"), ("name",), ("nothing",)]
    assert sorted(keys, key=places.order) == [keys[3], keys[2], keys[1], keys[0]]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("teachers.llama.epochs", "is not key.path=value"),
        ("=1", "is not key.path=value"),
        ("teachers..epochs=1", "is not key.path=value"),
        ("name=[", "the value '[' is not YAML"),
        ("name=2023-02-31", "the value '2023-02-31' is not YAML"),
        ("name={a: 1, a: 2}", "a is given twice, the first time on line 1"),
        ("name.deep=1", "name is 'mine', not a mapping"),
        ("teachers.llama.epochs.a.b=1", "teachers.llama.epochs is [3, 4], not a mapping"),
        ("teachers.lama.epochs=1", "teachers has no 'lama'"),
    ],
)
def test_a_setting_that_cannot_be_applied_is_named(setting, message):
    tree, places = read_yaml(TEXT, "mine.yaml")
    with pytest.raises(InputError, match=re.escape(f"--set {setting}: {message}")):
        set_field(tree, setting, places)


def test_a_setting_that_nests_without_end_is_refused():
    with pytest.raises(InputError, match=r"--set a=\[\[.*: nests more than"):
        set_field({}, "a=" + "[" * 3_000, Places("mine.yaml"))


def test_a_setting_of_an_unknown_model_names_the_nearest():
    with pytest.raises(InputError) as caught:
        set_field({"teachers": {"llama": {}, 2: {}}}, "teachers.lama.x=1", Places("mine.yaml"))
    assert caught.value.why == "Known here: llama, 2."
    assert caught.value.mend == "Did you mean llama?"


def test_a_file_that_cannot_be_read_is_named_and_so_is_what_it_is(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        text_of(tmp_path, "study")
    (tmp_path / "a.yaml").write_bytes(b"name: \xff")
    with pytest.raises(InputError, match=r"a\.yaml: byte 6 is not UTF-8") as caught:
        text_of(tmp_path / "a.yaml", "study")
    assert caught.value.mend == "Save the study as UTF-8 text."
