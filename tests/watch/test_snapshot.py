"""What a snapshot says of a run that is on disk."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from watched import finish, step, write

from babyllama.errors import InputError
from babyllama.runs.artefact import Stage, complete
from babyllama.runs.layout import Layout
from babyllama.watch.snapshot import Worker, snapshot


def states(now):
    return {stage.name: stage.state for stage in now.stages}


def test_the_stages_are_those_of_the_run_in_its_order(run, tiny_recipe):
    found = [(stage.name, stage.out) for stage in snapshot(run).stages]
    assert found == list(Layout(run).stages(tiny_recipe).items())


def test_a_trial_of_a_study_is_complete_without_a_report_of_its_own(run, tiny_recipe):
    (run / "scores").mkdir()
    shutil.rmtree(Layout(run).teacher("gpt2.partial"))
    for name, out in Layout(run).stages(tiny_recipe).items():
        if name != "report" and not out.exists():
            finish(out, tiny_recipe.pretraining("gpt2"))
    assert "report" not in states(snapshot(run))
    assert snapshot(run).is_complete


def test_a_stage_is_complete_in_progress_or_to_come(run):
    now = snapshot(run)
    assert states(now) == {
        "source": "complete", "corpus": "complete", "tokenizer": "complete", "tokens": "complete",
        "teachers/llama": "complete", "teachers/gpt2": "in progress", "signal": "to come",
        "students/distilled": "to come", "students/twin": "to come", "evaluation": "to come",
        "report": "to come",
    }  # fmt: skip
    assert now.current is not None
    assert now.current.name == "teachers/gpt2"
    assert not now.is_complete
    assert {stage.name: stage.facts for stage in now.stages}["teachers/llama"] == {
        "dev_cross_entropy": 3.5
    }


def test_the_unfinished_folder_written_last_is_in_progress_others_were_interrupted(run):
    left = Layout(run).student("twin.partial")
    write(left, [step(10)])
    for path in (left / "training.jsonl", left):
        os.utime(path, (time.time() - 3600,) * 2)
    found = states(snapshot(run))
    assert (found["teachers/gpt2"], found["students/twin"]) == ("in progress", "interrupted")


def test_the_log_of_the_stage_in_progress_is_read_with_its_age(run):
    log = Layout(run).teacher("gpt2.partial") / "training.jsonl"
    os.utime(log, (time.time() - 3600,) * 2)
    now = snapshot(run)
    assert now.log is not None
    assert [line["step"] for line in now.log.steps] == list(range(10, 130, 10))
    assert now.log_age == pytest.approx(3600, abs=600)


def test_a_line_that_is_cut_short_is_left_out_and_a_log_without_lines_has_no_age(run):
    folder = Layout(run).teacher("gpt2.partial")
    write(folder, [step(10), step(20)], tail=json.dumps(step(30))[:-40])
    assert [line["step"] for line in snapshot(run).log.steps] == [10, 20]
    write(folder, [], tail='{"step": 1')
    now = snapshot(run)
    assert (now.log.steps, now.log_age) == ((), None)


def test_a_log_that_was_shortened_is_read_again(run):
    assert len(snapshot(run).log.steps) == 12
    write(Layout(run).teacher("gpt2.partial"), [step(10)])
    assert len(snapshot(run).log.steps) == 1


def test_the_epochs_of_an_unfinished_and_of_a_finished_model_are_its_recipes(tmp_path, tiny_recipe):
    part = tiny_recipe.pretraining("gpt2")

    def interrupted(folder):
        write(folder, [step(10)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        complete(Stage("gpt2", tmp_path / "gpt2", "pretraining", 1, part, {}, interrupted))
    assert snapshot(tmp_path / "gpt2").epochs == part.training.epochs == 2
    finish(tmp_path / "other", part, lines=[step(10)])
    assert snapshot(tmp_path / "other").epochs == 2


def test_the_process_that_holds_the_run_is_alive_gone_elsewhere_or_none(run):
    note = run / ".holder"
    me = str(os.getpid())
    assert snapshot(run).worker == Worker("alive", f"process {me}")
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    note.write_text(note.read_text().replace(me, ended))
    assert snapshot(run).worker == Worker("gone", f"process {ended}")
    note.write_text("process 1 on elsewhere since Monday")
    assert snapshot(run).worker == Worker("elsewhere", "process 1 on elsewhere since Monday")
    note.unlink()
    assert snapshot(run).worker == Worker("none")


def test_a_damaged_manifest_completes_no_stage(run):
    (run / "tokens" / "manifest.json").write_text("{")
    assert states(snapshot(run))["tokens"] == "to come"


def test_a_single_model_is_found_by_either_name_unfinished_and_finished(tmp_path, tiny_recipe):
    write(tmp_path / "gpt2.partial", [step(10), step(20)])
    (tmp_path / ".holder").write_text("process 1 on elsewhere since Monday")
    for name in ("gpt2", "gpt2.partial"):
        now = snapshot(tmp_path / name)
        assert (states(now), len(now.log.steps)) == ({"gpt2": "in progress"}, 2)
        assert now.worker.state == "elsewhere"
    (tmp_path / "gpt2.partial").rename(tmp_path / "gone")
    finish(tmp_path / "gpt2", tiny_recipe.pretraining("gpt2"), lines=[step(400)])
    for name in ("gpt2", "gpt2.partial"):
        now = snapshot(tmp_path / name)
        assert now.is_complete
        assert [line["step"] for line in now.log.steps] == [400]


def test_a_folder_without_a_log_yet_is_a_model_in_progress(tmp_path):
    (tmp_path / "gpt2.partial").mkdir()
    now = snapshot(tmp_path / "gpt2")
    assert (states(now), now.log) == ({"gpt2": "in progress"}, None)


def test_what_is_neither_a_run_nor_a_model_is_refused_with_what_was_looked_for(run, tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder") as refused:
        snapshot(tmp_path / "nowhere")
    assert "babyllama watch runs/mini" in refused.value.mend
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is neither a run nor a model") as refused:
        snapshot(tmp_path / "empty")
    assert refused.value.why.startswith("A run has a recipe.yaml, a model a training.jsonl")
    assert "the folder that `pretrain --out` names" in refused.value.mend
    with pytest.raises(InputError) as refused:
        snapshot(run.parent)
    assert f"babyllama watch {run}" in refused.value.mend


def test_a_wrong_recipe_is_refused(run):
    (run / "recipe.yaml").write_text("name: 3\n")
    with pytest.raises(InputError, match=r"recipe\.yaml"):
        snapshot(run)
