"""The run: what is skipped, built and refused, and by which process."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from babyllama.errors import InputError
from babyllama.pipeline import checks, making
from babyllama.pipeline import run as pipeline_run
from babyllama.pipeline.making import make_stage
from babyllama.pipeline.planning import Plan
from babyllama.pipeline.run import (
    refuse_missing_text,
    refuse_other_run,
    refuse_other_stage,
    refuse_unwritable,
    run,
    selected_stages,
    with_resolved_signal,
)
from babyllama.pipeline.stages import stages
from babyllama.pipeline.text_stages import corpus_stage, tokenizer_stage
from babyllama.recipe import Recipe, TokenizerRecipe, load_recipe, to_yaml
from babyllama.runs import artefact
from babyllama.runs.manifests import read_manifest


@pytest.fixture(autouse=True)
def _unplanned(monkeypatch):
    """Plans take seconds; `test_checks` makes them."""
    nothing = Plan(models=(), train_tokens=0, counted=True, signal_bytes=0, flops=0.0, disk_bytes=0,
                   signal_flops=0.0, device=torch.device("cpu"))  # fmt: skip
    monkeypatch.setattr(checks, "plan", lambda *_: nothing)
    monkeypatch.setattr(checks, "refuse_full_disk", lambda *_: None)


@pytest.fixture
def printed(monkeypatch):
    """The status lines of a run, as a log has them."""
    lines = []
    for module in (making, pipeline_run):
        monkeypatch.setattr(
            module,
            "print_status",
            lambda line, only=None, **_: lines.append(line) if only != "screen" else None,
        )
    return lines


@pytest.fixture
def recipe(tiny_recipe, corpus):
    """The tiny recipe on text that need not be made."""
    tree = tiny_recipe.model_dump(mode="json")
    tree["corpus"]["source"] = {"kind": "folder", "path": str(corpus)}
    return Recipe.model_validate(tree)


@pytest.fixture
def stage(recipe, corpus, tmp_path):
    """A stage that is made in no time."""
    return corpus_stage(corpus, recipe.corpus, tmp_path / "run" / "corpus")


def test_a_run_builds_what_is_missing_and_skips_what_is_complete(recipe, tmp_path, printed):
    run(recipe, tmp_path, until="corpus")
    assert printed == ["corpus: building (new)"]
    printed.clear()
    run(recipe, tmp_path, until="tokenizer")
    assert printed[0].startswith("corpus: complete, skipped (took ")
    assert printed[1] == "tokenizer: building (new)"
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe


def test_a_run_that_would_fail_later_makes_nothing(recipe, tmp_path):
    tree = recipe.model_dump(mode="json")
    tree["evaluation"]["benchmarks"] = {"mine": str(tmp_path / "nowhere.jsonl")}
    folder = tmp_path / "run"
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        run(Recipe.model_validate(tree), folder, until="corpus")
    assert not folder.exists()


def test_no_model_is_trained_before_all_trainings_are_known_to_fit(recipe, tmp_path):
    tree = recipe.model_dump(mode="json")
    tree["students"]["distilled"]["training"]["warmup_steps"] = 10**6
    with pytest.raises(InputError, match=r"students\.distilled: .*warmup_steps"):
        run(Recipe.model_validate(tree), tmp_path)
    assert read_manifest(tmp_path / "tokens")
    assert not (tmp_path / "teachers").exists()


def test_the_signal_of_auto_is_resolved_printed_and_kept(tiny_recipe, tmp_path, printed):
    auto = load_recipe("mini", ("signal={kind: auto}",))
    resolved = with_resolved_signal(auto, tmp_path)
    assert resolved.signal.kind == "hidden"
    assert printed[0].startswith("signal hidden: the students read the text 11 times; stored once")
    assert with_resolved_signal(tiny_recipe, tmp_path) is tiny_recipe
    assert len(printed) == 1


def test_the_folder_of_another_recipes_run_is_refused(recipe, tmp_path):
    refuse_other_run(recipe, tmp_path)
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    refuse_other_run(recipe, tmp_path)
    other = recipe.model_copy(update={"name": "other"})
    with pytest.raises(InputError, match="belongs to recipe tiny, not other") as caught:
        run(other, tmp_path)
    assert caught.value.mend == "Choose another folder: --run-dir runs/other"


def test_another_kind_of_stage_is_not_replaced(stage):
    refuse_other_stage(stage)
    make_stage(stage)
    refuse_other_stage(stage)
    tokenizer = tokenizer_stage(Path("text"), TokenizerRecipe(), stage.out)
    with pytest.raises(InputError, match="holds a finished corpus, not a tokenizer"):
        refuse_other_stage(tokenizer)


def test_files_that_no_stage_wrote_are_not_replaced(stage, tmp_path, monkeypatch):
    make_stage(stage)
    refuse_unwritable(stage.out)
    refuse_unwritable(tmp_path / "new")
    mine = tmp_path / "mine"
    mine.mkdir()
    refuse_unwritable(mine)
    (mine / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="mine already exists and was not written by babyllama"):
        refuse_unwritable(mine)
    with pytest.raises(InputError, match=r"thesis\.txt is a file, not a folder"):
        refuse_unwritable(mine / "thesis.txt")
    monkeypatch.chdir(mine)
    for here in (Path("."), mine):
        with pytest.raises(InputError, match="is the current folder"):
            refuse_unwritable(here)


def test_a_run_replaces_no_files_of_others(recipe, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="report already exists"):
        run(recipe, tmp_path)
    assert os.listdir(tmp_path / "report") == ["thesis.txt"]
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    ("until", "last"),
    [
        (None, "report"),
        ("tokens", "tokens"),
        ("teachers", "teachers/gpt2"),
        ("teachers/llama", "teachers/llama"),
        ("students", "students/twin"),
    ],
)
def test_a_line_ends_with_the_stage_that_is_asked_for(tiny_recipe, tmp_path, until, last):
    assert selected_stages(tiny_recipe, tmp_path, until)[-1].name == last


def test_an_unknown_stage_is_named_with_the_nearest(tiny_recipe, tmp_path):
    with pytest.raises(InputError, match="--until tokenzer: no such stage") as caught:
        selected_stages(tiny_recipe, tmp_path, "tokenzer")
    assert "source, corpus, tokenizer, tokens, teachers/llama" in caught.value.why
    assert caught.value.mend == "Did you mean tokenizer?"


@pytest.fixture
def moved(recipe, corpus, tmp_path):
    """A run whose corpus is complete and whose raw text has been moved away; its recipe."""
    text = tmp_path / "text"
    shutil.copytree(corpus, text)
    tree = recipe.model_dump(mode="json")
    tree["corpus"]["source"]["path"] = str(text)
    recipe = Recipe.model_validate(tree)
    run(recipe, tmp_path / "run", until="corpus")
    text.rename(tmp_path / "elsewhere")
    return recipe


def test_a_run_goes_on_without_its_raw_text_and_says_that_it_was_not_compared(
    moved, tmp_path, printed
):
    run(moved, tmp_path / "run", until="tokenizer")

    assert printed[0].startswith("corpus: complete, skipped")
    assert printed[1] == f"corpus: not compared with {tmp_path}/text, which does not exist"
    assert printed[2] == "tokenizer: building (new)"


def test_a_missing_path_that_the_run_has_never_read_is_refused(moved, tmp_path):
    tree = moved.model_dump(mode="json")
    tree["corpus"]["source"]["path"] = str(tmp_path / "txet")

    with pytest.raises(InputError, match="txet does not exist"):
        run(Recipe.model_validate(tree), tmp_path / "run", until="corpus")


def test_a_damaged_corpus_without_its_raw_text_is_refused(moved, tmp_path):
    (tmp_path / "run" / "corpus" / "stats.json").unlink()

    with pytest.raises(InputError, match="text does not exist"):
        run(moved, tmp_path / "run", until="tokenizer")


def test_a_corpus_with_new_names_stays_complete_if_its_raw_text_is_gone(recipe, tmp_path):
    text = tmp_path / "text"
    text.mkdir()
    for name in ("a.train.txt", "a.dev.txt"):
        (text / name).write_text("one line\n")
    (tmp_path / "run").mkdir()

    def stage():
        return corpus_stage(text, recipe.corpus, tmp_path / "run" / "corpus")

    make_stage(stage())
    (text / "a.dev.txt").rename(text / "b.dev.txt")
    assert artefact.status(stage()).reason == "input `source` has changed"
    shutil.rmtree(text)
    assert artefact.status(stage()).state == "complete"


def test_a_table_may_be_gone_once_its_text_is_gathered(recipe, tmp_path):
    table, folder = tmp_path / "a.jsonl", tmp_path / "run"
    table.write_text('{"text": "one"}\n' * 40)
    tree = recipe.model_dump(mode="json")
    tree["corpus"]["source"] = {"kind": "table", "path": str(table)}
    recipe = Recipe.model_validate(tree)
    make_stage(next(stages(recipe, folder)))
    (folder / "recipe.yaml").write_text(to_yaml(recipe))
    table.unlink()
    refuse_missing_text(recipe, folder)
    assert artefact.status(next(stages(recipe, folder))).state == "complete"
    shutil.rmtree(folder / "source")
    with pytest.raises(InputError, match=r"a\.jsonl does not exist"):
        refuse_missing_text(recipe, folder)


def test_damage_of_a_runs_recipe_or_manifest_does_not_stop_the_run_that_mends_it(
    recipe, tmp_path, capsys
):
    run(recipe, tmp_path, until="corpus")
    (tmp_path / "recipe.yaml").write_text("name: tiny\nseed: [")
    (tmp_path / "corpus" / "manifest.json").unlink()
    run(recipe, tmp_path, until="corpus")
    said = capsys.readouterr().err
    assert "recipe.yaml" in said
    assert "it is written again" in said
    assert "corpus has no manifest.json: moved to" in said
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe
    assert read_manifest(tmp_path / "corpus")


def test_a_damaged_recipe_of_another_run_is_not_overwritten(recipe, tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: other\nseed: [")
    with pytest.raises(InputError, match="belongs to recipe other, not tiny"):
        refuse_other_run(recipe, tmp_path)
