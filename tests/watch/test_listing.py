"""The rows of `babyllama ls`."""

import json

import pytest
from watched import finish

from babyllama.errors import InputError
from babyllama.runs.layout import Layout
from babyllama.watch.listing import list_runs


def test_a_run_says_what_it_makes_and_what_student_and_twin_reached(run, tiny_recipe):
    layout, part = Layout(run), tiny_recipe.pretraining("llama")
    finish(layout.student("distilled"), part, facts={"dev_cross_entropy": 3.25})
    finish(layout.student("twin"), part, facts={"dev_cross_entropy": 3.5})

    (row,) = list_runs(run.parent)

    assert (row.path, row.state) == (run, "7 of 11 stages, making teachers/gpt2")
    assert (row.student, row.twin, row.benchmark) == (3.25, 3.5, "")
    assert row.written > 0


def test_a_scored_run_has_the_loss_on_all_unseen_text_as_its_tables_have(run, tiny_recipe):
    layout, part = Layout(run), tiny_recipe.pretraining("llama")
    for name in ("distilled", "twin"):
        finish(layout.student(name), part, facts={"dev_cross_entropy": 3.25})
    layout.evaluation.mkdir()
    scores = {"model": "distilled", "dev": {"cross_entropy": 3.125}, "benchmarks": {}}
    layout.scores("distilled").write_text(json.dumps(scores))

    (row,) = list_runs(run.parent)

    assert (row.student, row.twin) == (3.125, 3.25)


def test_a_study_is_one_row(tmp_path):
    study = tmp_path / "studies" / "ours"
    for seed in range(3):
        trial = study / "trials" / "base" / f"seed-{seed}"
        trial.mkdir(parents=True)
        (trial / "recipe.yaml").write_text("name: no matter")
    (study / "study.yaml").write_text("name: ours")
    evaluation = Layout(study / "trials" / "base" / "seed-1").evaluation
    evaluation.mkdir()
    (evaluation / "manifest.json").write_text("{}")

    (row,) = list_runs(study.parent)

    assert (row.path, row.state) == (study, "study: 1 of 3 trials complete")


def test_a_run_that_cannot_be_read_is_a_row_of_its_own(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "recipe.yaml").write_text("name: [")

    (row,) = list_runs(tmp_path)

    assert row.state.startswith("cannot be read: ")


def test_hidden_folders_and_links_are_not_entered(run, tmp_path):
    hidden = tmp_path / ".old"
    run.rename(hidden)
    (tmp_path / "link").symlink_to(hidden)
    try:
        assert list_runs(tmp_path) == []
    finally:
        hidden.rename(run)  # its lock is released there


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        list_runs(tmp_path / "none")
