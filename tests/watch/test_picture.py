"""What `babyllama watch` draws of a snapshot."""

import os
import re
import subprocess
import sys
import time

import pytest
from watched import finish, once, step, words, write

from babyllama.watch.snapshot import snapshot


def test_a_run_shows_its_stages_by_state(run):
    shown = words(once(run))
    assert "complete source, corpus, tokenizer, tokens, teachers/llama (dev 3.500)" in shown
    assert "in progress teachers/gpt2 to come signal, students/distilled, students/twin" in shown


def test_a_model_in_training_shows_how_far_and_how_fast_it_is(run):
    shown = words(once(run))
    assert "30% step 120 of 400 epoch 1.20 of 4 61.4k tokens 42.0k words seen" in shown
    # 280 steps of 512 tokens at 5,120 a second.
    assert "28 s left 5.1k tokens/s, 61% of matmul peak last line" in shown
    assert "learning rate 1.00e-03 gradient norm 0.80 memory 900.0 MiB" in shown


def test_curves_have_axes_and_names_with_the_last_values(run):
    shown = once(run)
    assert "cross-entropy, nats per token, by step" in shown
    assert "++ training 3.462   xx dev 4.250" in shown
    assert "+" in shown
    assert "kl" not in shown  # all zero: a model without teachers


def test_a_student_has_its_kl_beside(run):
    lines = [step(number, kl=10 / number) for number in range(10, 130, 10)]
    write(run / "teachers" / "gpt2.partial", lines)
    assert "kl 0.083" in once(run)
    assert "kl 0.083" not in once(run, columns=60)


@pytest.mark.parametrize("rows", [24, 37, 39, 50])
def test_an_axis_names_the_values_beside_it(run, rows):
    """Between 0 and 1.6 the rounded labels were 2, 1 and 0."""
    lines = [step(number, kl=16 / number) for number in range(10, 130, 10)]
    write(run / "teachers" / "gpt2.partial", lines)
    chart = once(run, columns=80, rows=rows).splitlines()
    labels = [found[1] for line in chart if (found := re.search(r"│ ([0-9.]+) *$", line))]
    assert labels in (["1.5", "1.0", "0.5"], ["1.0", "0.5"], ["1.0"]) or labels[-1] == "0.2"
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_picture_higher(run, columns):
    write(run / "teachers" / "gpt2.partial", [step(n, kl=1 / n) for n in range(1, 300)])
    lines = once(run, columns=columns, rows=24).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) <= 24


def test_averaged_weights_have_a_curve_of_their_own(run):
    ends = {"dev_cross_entropy": 4.25, "averaged_dev_cross_entropy": 4.125}
    write(run / "teachers" / "gpt2.partial", [step(100), {"step": 100, "epoch": 1, **ends}])
    assert "xx dev 4.250   oo averaged dev 4.125" in once(run)


@pytest.mark.parametrize(("last", "top"), [(60, 6.0), (400, 4.0)])
def test_the_first_fall_is_cut_off_once_it_would_flatten_the_rest(run, last, top):
    """Step 10 has 6.0; what follows the first tenth of 400 steps starts below 4.3."""
    write(run / "teachers" / "gpt2.partial", [step(number) for number in range(10, last + 1, 5)])
    labels = re.findall(r"│ ([0-9.]+) *$", once(run, rows=40), flags=re.MULTILINE)
    assert max(map(float, labels)) == pytest.approx(top, abs=0.5)
    assert ("top cut" in once(run, rows=40)) == (last == 400)


@pytest.mark.parametrize("columns", [70, 80, 120, 200])
def test_whether_a_top_is_cut_is_marked_and_the_same_at_every_width(run, columns):
    lines = [step(n, kl=30 / n) for n in range(1, 40)]
    write(run / "teachers" / "gpt2.partial", lines)
    chart = once(run, columns=columns, rows=40)
    assert "kl, nats per token, top cut" in chart or "kl, top cut" in chart
    assert max(map(len, chart.splitlines())) <= columns


def test_a_low_terminal_shows_numbers_alone(run):
    assert "cross-entropy" not in once(run, rows=12)
    assert "step 120 of 400" in once(run, rows=12)


def test_a_rewind_is_shown_with_its_reason(run):
    log = run / "teachers" / "gpt2.partial"
    rewound = {"step": 20, "rewound_from": 37, "reason": "gradient norm 1e9"}
    write(log, [step(10), step(20), step(30), rewound, step(25)])
    assert "rewound from step 37 to 20: gradient norm 1e9" in once(run)


def test_values_that_are_not_finite_are_left_out_of_a_curve(run):
    lines = [step(10), step(20, cross_entropy=float("nan")), step(30)]
    write(run / "teachers" / "gpt2.partial", lines)
    assert "training 4.500" in once(run)


def test_first_lines_without_a_speed_promise_no_time(run):
    bare = {k: v for k, v in step(10).items() if k not in ("tokens_per_second", "products_share")}
    write(run / "teachers" / "gpt2.partial", [bare])
    shown = once(run)
    assert "left" not in shown
    assert "tokens/s" not in shown


def test_a_long_silence_is_named_with_the_command_that_resumes(run):
    log = run / "teachers" / "gpt2.partial" / "training.jsonl"
    assert "may have stopped" not in once(run)
    os.utime(log, (time.time() - 3600,) * 2)
    shown = words(once(run))
    assert "last line 1 h 00 min ago" in shown
    assert "No line for 1 h 00 min; before, one every 1.0 s. It may have stopped." in shown
    assert f"process {os.getpid()} is running it" in shown
    command = f"babyllama run {run}"
    assert command.replace(" ", "") in shown.replace(" ", "")  # a long path is folded


def test_a_complete_run_says_so_with_its_answer(run, tiny_recipe):
    part = tiny_recipe.pretraining("gpt2")
    (run / "teachers" / "gpt2.partial").rename(run / "gone")
    for each in snapshot(run).stages:
        sentence = {"first_sentence": "The student wins."} if each.name == "report" else {}
        finish(each.out, part, facts=sentence)
    shown = words(once(run))
    assert "Complete. The student wins." in shown
    assert "report/index.html" in shown.replace(" ", "")
    assert "students/twin" in shown


def test_a_complete_trial_of_a_study_says_how_its_report_is_made(run, tiny_recipe):
    (run / "scores").mkdir()
    (run / "teachers" / "gpt2.partial").rename(run / "gone")
    for each in snapshot(run).stages:
        finish(each.out, tiny_recipe.pretraining("gpt2"))
    shown = words(once(run))
    assert "Complete. Its report: babyllama report " in shown
    assert "index.html" not in shown


def test_a_log_without_lines_says_so(run):
    write(run / "teachers" / "gpt2.partial", [], tail='{"step": 1')
    assert "no line yet" in once(run)


def test_an_old_log_without_steps_is_counted_by_its_epochs(tmp_path, tiny_recipe):
    lines = [{k: v for k, v in step(n).items() if k != "steps"} for n in (10, 20)]
    part = tiny_recipe.pretraining("gpt2")
    finish(tmp_path / "gpt2", part, lines=lines)
    assert part.training.epochs == 2
    assert "step 20 of 200" in once(tmp_path / "gpt2")


def test_a_dead_process_is_named_at_once(run):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    note = run / ".holder"
    note.write_text(note.read_text().replace(str(os.getpid()), ended))
    shown = words(once(run))
    assert f"It has stopped: process {ended} has ended." in shown
    assert "The same command resumes it: babyllama run" in shown


def test_a_run_that_nobody_holds_has_stopped(run):
    (run / ".holder").unlink()
    assert "It has stopped: no process is running it." in once(run)


def test_a_process_on_another_machine_is_judged_by_its_lines_alone(run):
    (run / ".holder").write_text("process 1 on elsewhere since Monday")
    assert "stopped" not in once(run)


def test_a_stage_that_trains_nothing_is_named(run, tiny_recipe):
    (run / "teachers" / "gpt2.partial").rename(run / "gone")
    finish(run / "teachers" / "gpt2", tiny_recipe.pretraining("gpt2"))
    assert "signal comes next" in once(run)
    (run / "signal.partial").mkdir()
    shown = words(once(run))
    assert "signal is in progress, last file" in shown
    assert "s ago; it trains no model" in shown


def test_a_model_without_a_log_yet_is_in_progress(tmp_path):
    (tmp_path / "gpt2.partial").mkdir()
    shown = once(tmp_path / "gpt2")
    assert "gpt2 is in progress, last file 0 s ago; no step is logged yet" in shown


def test_a_complete_model_shows_its_score(tmp_path, tiny_recipe):
    part = tiny_recipe.pretraining("gpt2")
    finish(tmp_path / "gpt2", part, facts={"dev_cross_entropy": 3.25}, lines=[step(400)])
    shown = words(once(tmp_path / "gpt2"))
    assert "100% step 400 of 400" in shown
    assert "Complete: dev cross-entropy 3.2500." in shown


def test_a_loss_on_a_part_of_the_dev_text_says_so(tmp_path, tiny_recipe):
    facts = {"dev_cross_entropy": 3.25, "dev_windows": 256, "dev_windows_there": 269}
    finish(tmp_path / "gpt2", tiny_recipe.pretraining("gpt2"), facts=facts, lines=[step(400)])
    assert "dev cross-entropy 3.2500 on 256 of 269 windows." in words(once(tmp_path / "gpt2"))


def test_a_scored_run_shows_no_losses_of_its_training_beside_its_answer(run, tiny_recipe):
    finish(run / "evaluation", tiny_recipe.pretraining("llama"))
    assert "tokens, teachers/llama, evaluation" in words(once(run))


def test_interrupted_stages_have_a_row_of_their_own(run):
    left = run / "students" / "twin.partial"
    write(left, [step(10)])
    for path in (left / "training.jsonl", left):
        os.utime(path, (time.time() - 3600,) * 2)
    assert "in progress teachers/gpt2 interrupted students/twin" in words(once(run))
