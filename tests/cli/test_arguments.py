"""What several commands refuse: a folder that is not theirs, two things of one name."""

from inspect import signature
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from commands import babyllama, refused

from babyllama import recipe
from babyllama.cli import data, evaluation, teaching
from babyllama.cli.arguments import (
    RulesName,
    benchmark_and_path,
    launched_process,
    named_models,
    refuse_missing,
)
from babyllama.errors import InputError


@pytest.mark.parametrize(
    ("command", "option", "part", "field"),
    [
        (evaluation.evaluate, "mean_of", recipe.Mixing, "mean_of"),
        (teaching.signal, "window", recipe.TrainingRecipe, "window"),
        (data.tokenizer_train, "kind", recipe.TokenizerRecipe, "kind"),
        (data.tokenizer_train, "normalization", recipe.TokenizerRecipe, "normalization"),
        (data.tokenize, "layout", recipe.TokensRecipe, "layout"),
        (data.tokenize, "documents", recipe.TokensRecipe, "documents"),
    ],
)
def test_an_option_has_the_default_and_the_choices_of_its_recipe_field(
    command, option, part, field
):
    """Options are spelt out, since the command line starts without pydantic."""
    of_recipe = part.model_fields[field]
    assert signature(command).parameters[option].default == of_recipe.default
    annotated = get_type_hints(command, include_extras=True)[option]
    assert get_args(get_args(annotated)[0]) == get_args(of_recipe.annotation)


def test_a_folder_that_babyllama_did_not_write_is_never_replaced(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "was not written by babyllama" in refused(
        "tokenizer", "train", corpus, tmp_path / "mine"
    )
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_command_never_replaces_another_stages_folder(corpus, tokenizer, tmp_path):
    babyllama("tokenize", corpus, tokenizer, tmp_path / "made")
    printed = refused("tokenizer", "train", corpus, tmp_path / "made", "--vocab-size", 310)
    assert "holds finished tokens, not a tokenizer" in printed


def test_two_models_or_benchmarks_of_one_name_are_refused(teachers):
    printed = refused("evaluate", teachers[0], teachers[0], "--benchmark", "a=b")
    assert "model llama is given twice" in printed
    printed = refused("evaluate", teachers[0], "--benchmark", "a=b", "--benchmark", "a=c")
    assert "--benchmark a is given twice" in printed


def test_the_working_folder_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "is the current folder" in refused("tokenizer", "train", corpus, ".")


def test_a_path_that_cannot_be_written_is_refused(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    printed = refused("tokenizer", "train", corpus, tmp_path / "file" / "tokenizer")
    assert "cannot be written" in printed


def test_the_first_missing_path_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere not found"):
        refuse_missing([tmp_path, tmp_path / "nowhere"])


def test_a_benchmark_is_a_name_and_a_path():
    assert benchmark_and_path("blimp=data/a=b") == ("blimp", Path("data/a=b"))
    for text in ("blimp", "blimp=", "=data"):
        with pytest.raises(InputError, match="is not NAME=PATH"):
            benchmark_and_path(text)
    with pytest.raises(InputError, match=r"\.\./evil=a: name '\.\./evil' holds a path separator"):
        benchmark_and_path("../evil=a")


def test_the_launchers_environment_names_rank_and_count(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert (launched_process().rank, launched_process().count) == (1, 3)
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    assert (launched_process().rank, launched_process().count) == (0, 1)


def test_models_are_named_by_their_folder_or_by_the_user(tmp_path, monkeypatch):
    for run in ("a", "b"):
        (tmp_path / run / "distilled").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "distilled")
    (tmp_path / "odd=name").mkdir()
    monkeypatch.chdir(tmp_path / "a" / "distilled")
    a, b = tmp_path / "a" / "distilled", tmp_path / "b" / "distilled"
    assert named_models([a, Path(f"other={b}")]) == {"distilled": a, "other": b}
    assert named_models([a, tmp_path / "link"]) == {"distilled": a, "link": tmp_path / "link"}
    assert [*named_models([Path()])] == ["distilled"]
    assert [*named_models([tmp_path / "odd=name"])] == ["odd=name"]
    assert [*named_models([Path(f"twin/chck_1M={a}")])] == ["twin/chck_1M"]


def test_a_missing_name_is_called_missing():
    with pytest.raises(InputError, match="The name is missing before the ="):
        named_models([Path("=folder")])


def test_two_models_of_one_name_are_refused_with_names_to_paste(tmp_path):
    a, b = tmp_path / "a" / "distilled", tmp_path / "my b" / "distilled"
    with pytest.raises(InputError, match=r"model distilled is given twice") as refused:
        named_models([a, b])
    assert f"distilled-1={a} 'distilled-2={b}'" in str(refused.value)


@pytest.mark.parametrize("text", ["=folder", "../x=folder", "-x=folder", "name="])
def test_a_name_that_no_file_can_have_is_refused(text):
    with pytest.raises(InputError, match="is neither a folder nor NAME=FOLDER"):
        named_models([Path(text)])


def test_the_rules_that_can_be_asked_for_are_those_of_recipes():
    field = recipe.EvaluationRecipe.model_fields["rules"]
    assert get_args(RulesName) == get_args(field.annotation)
