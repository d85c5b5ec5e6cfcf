"""What models and benchmarks may be called."""

import re

import pytest

from babyllama.recipe import Recipe, parse
from babyllama.recipe.names import (
    LONGEST_NAME,
    RESERVED,
    RESERVED_SUFFIXES,
    STAGES,
    benchmark_name_fault,
    checkpoint_name,
    model_name_fault,
    same_but_for_case,
    words_of_checkpoint,
)

NOT_A_FILE_NAME = [
    ("", "a name is empty"),
    (".", r"name '\.' starts with '\.'"),
    ("../../evil", "name '../../evil' holds a path separator"),
    ("a\\b", "holds a path separator"),
    ("a\0b", r"name 'a\\x00b' holds a control character"),
    ("a\nb", "holds a control character"),
    ("-rf", "name '-rf' starts with '-'"),
    ("a" * 300, "is 300 bytes long, more than 100"),
    ("é" * 51, "is 102 bytes long, more than 100"),
]


@pytest.mark.parametrize("name", ["llama", "gpt2.v1", "a", "0", "LLaMA-360m_b", "x" * LONGEST_NAME])
def test_a_plain_name_serves_models_and_benchmarks(name):
    assert model_name_fault(name) == benchmark_name_fault(name) == ""


@pytest.mark.parametrize("name", ["blimp", "my pairs", "BLiMP (français)", "tokens"])
def test_a_benchmark_may_have_any_file_name(name):
    assert benchmark_name_fault(name) == ""


@pytest.mark.parametrize(("name", "fault"), NOT_A_FILE_NAME)
def test_what_is_no_file_name_serves_neither(name, fault):
    assert re.search(fault, benchmark_name_fault(name))
    assert model_name_fault(name) == benchmark_name_fault(name)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Manifest", "TOKENS", "chck_1M", "chck_500K"])
def test_no_model_has_the_name_of_a_runs_own_files(name):
    assert model_name_fault(name) == f"name {name!r} is reserved: files of a run have this name"


@pytest.mark.parametrize("suffix", RESERVED_SUFFIXES)
def test_no_model_ends_as_a_runs_own_files_do(suffix):
    fault = model_name_fault(f"llama{suffix}")
    assert fault == f"name 'llama{suffix}' ends with {suffix}, which is reserved for files of a run"


@pytest.mark.parametrize("name", ["my model", "größe", "_a", "a:b"])
def test_a_models_name_holds_ascii_letters_and_digits_only(name):
    assert model_name_fault(name).startswith(f"name {name!r} may hold only A-Z, a-z, 0-9,")


def test_names_that_differ_only_in_case_are_found_in_order():
    assert same_but_for_case(["a", "B", "b", "A", "a", "c"]) == [("B", "b"), ("a", "A"), ("a", "a")]
    assert same_but_for_case(["a", "b"]) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (1_000_000, "chck_1M"),
        (10**9, "chck_1000M"),
        (1_500_000, "chck_1500K"),
        (1_234, "chck_1234"),
    ],
)
def test_a_checkpoints_name_states_the_words_it_has_seen(words, name):
    assert checkpoint_name(words) == name
    assert words_of_checkpoint(name) == words


@pytest.mark.parametrize("name", ["llama", "chck_", "chck_1G", "chck_1M2", "chck_1M\n"])
def test_other_names_state_no_words(name):
    assert words_of_checkpoint(name) is None


def test_stages_are_those_of_the_line_in_its_order(tiny_recipe, tmp_path):
    from babyllama.pipeline.stages import stages

    tree = tiny_recipe.model_dump(mode="json")
    student = tree["students"]["distilled"]
    # A text is sampled just before its student, which is made before the others here.
    taught = {key: student[key] for key in ("model", "training")} | {"kind": "sequences"}
    tree["students"] = {"taught": taught, **tree["students"]}
    recipe = parse(Recipe, tree, "tiny")
    names = [stage.name.partition("/")[0] for stage in stages(recipe, tmp_path)]
    assert list(dict.fromkeys(names)) == list(STAGES)
