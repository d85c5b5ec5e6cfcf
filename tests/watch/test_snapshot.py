"""Watching a run: what is shown of what lies on disk, and that nothing there is touched."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.recipe import to_yaml
from babyllama.runs import artefact
from babyllama.runs.artefact import Stage
from babyllama.runs.lock import locked
from babyllama.watch import read_log, snapshot

WATCH = [sys.executable, "-c", "from babyllama.cli import main; main()", "watch"]


def step(number, *, steps=400, **more):
    """A line of a training of 4 epochs, 100 steps each, 512 tokens a step."""
    return {
        "step": number, "steps": steps, "epoch": number / 100, "tokens": 512 * number,
        "words": 350 * number, "loss": 5.0, "cross_entropy": 3 + 60 / (number + 10), "kl": 0.0,
        "gradient_norm": 0.8, "learning_rate": 1e-3, "tokens_per_second": 5120.0,
        "flops_per_second": 3e9, "products_share": 0.61, "memory_bytes": 900 * 1024**2, **more,
    }  # fmt: skip


def write(folder, lines, *, tail=""):
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "training.jsonl").write_text(text + tail)


def finish(out, recipe, *, facts=None, lines=()):
    """A complete stage, made as every stage is."""

    def build(folder):
        if lines:
            write(folder, lines)
        return facts or {}

    artefact.complete(Stage(out.name, out, "pretraining", 1, recipe, {}, build))


@pytest.fixture
def run(tmp_path, tiny_recipe):
    """A run whose second teacher trains; this process holds it."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(to_yaml(tiny_recipe))
    part = tiny_recipe.pretraining("llama")
    for name in ("source", "corpus", "tokenizer", "tokens"):
        finish(folder / name, part)
    finish(folder / "teachers" / "llama", part, facts={"dev_cross_entropy": 3.5})
    lines = [step(number) for number in range(10, 130, 10)]
    lines.insert(10, {"step": 100, "epoch": 1, "dev_cross_entropy": 4.25})
    write(folder / "teachers" / "gpt2.partial", lines)
    with locked(folder):
        yield folder


def once(path, *, code=0, columns=80, rows=24):
    environment = {"COLUMNS": str(columns), "LINES": str(rows)}
    result = CliRunner().invoke(app, ["watch", str(path), "--once"], env=environment)
    assert result.exit_code == code, result.output
    return result.output


def words(text):
    return " ".join(text.split())


def test_stages_are_those_of_the_pipeline_in_its_order(run, tiny_recipe):
    from babyllama.pipeline import stages

    for signal_ in ({"kind": "hidden"}, {"kind": "online"}):
        tree = tiny_recipe.model_dump(mode="json") | {"signal": signal_}
        recipe = type(tiny_recipe).model_validate(tree)
        (run / "recipe.yaml").write_text(to_yaml(recipe))
        made = [(stage.name, stage.out) for stage in stages.stages(recipe, run)]
        assert [(part.name, part.out) for part in snapshot(run).parts] == made


def test_a_run_shows_what_is_complete_in_work_and_to_come(run):
    shown = words(once(run))
    assert "complete source, corpus, tokenizer, tokens, teachers/llama (dev 3.500)" in shown
    assert "in work teachers/gpt2 to come signal, students/distilled, students/twin" in shown


def test_a_model_in_training_shows_how_far_and_how_fast_it_is(run):
    shown = words(once(run))
    assert "30% step 120 of 400 epoch 1.20 of 4 61.4k tokens 42.0k words seen" in shown
    # 280 steps of 512 tokens at 5,120 a second.
    assert "28 s left 5.1k tokens/s, 61% of plain products last line" in shown
    assert "learning rate 1.00e-03 gradient norm 0.80 memory 900.0 MiB" in shown


def test_curves_have_axes_and_names_with_the_last_values(run):
    shown = once(run)
    assert "cross-entropy, nats a token, by step" in shown
    assert "++ training 3.462   xx dev 4.250" in shown
    assert "+" in shown
    assert "kl" not in shown  # all zero: a model without teachers


def test_a_student_has_its_kl_beside(run):
    lines = [step(number, kl=10 / number) for number in range(10, 130, 10)]
    write(run / "teachers" / "gpt2.partial", lines)
    assert "kl 0.083" in once(run)
    assert "kl 0.083" not in once(run, columns=60)


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


def test_a_low_terminal_shows_numbers_alone(run):
    assert "cross-entropy" not in once(run, rows=12)
    assert "step 120 of 400" in once(run, rows=12)


def test_a_half_written_last_line_is_passed_over(run):
    log = run / "teachers" / "gpt2.partial"
    write(log, [step(10), step(20)], tail=json.dumps(step(30))[:-40])
    assert "step 20 of 400" in once(run)
    write(log, [], tail='{"step": 1')
    assert "no line yet" in once(run)


def test_steps_done_again_after_a_resume_count_once(tmp_path):
    lines = [step(10), step(20), step(30), {"step": 30, "epoch": 1, "dev_cross_entropy": 5.0}]
    write(tmp_path, [*lines, step(20, cross_entropy=9.0), step(40)])
    log = read_log(tmp_path / "training.jsonl")
    assert [line["step"] for line in log.steps] == [10, 20, 40]
    assert log.steps[1]["cross_entropy"] == 9.0
    assert log.epochs == ()


def test_an_epochs_end_and_its_step_stand_side_by_side(tmp_path):
    write(tmp_path, [step(10), {"step": 10, "epoch": 1, "dev_cross_entropy": 5.0}, step(20)])
    log = read_log(tmp_path / "training.jsonl")
    assert (len(log.steps), len(log.epochs)) == (2, 1)


def test_a_log_that_was_shortened_is_read_anew(run):
    log = run / "teachers" / "gpt2.partial"
    assert "step 120 of" in once(run)
    write(log, [step(10)])
    assert "step 10 of" in once(run)


def test_a_rewind_is_told_and_what_it_undid_is_not_drawn(run):
    log = run / "teachers" / "gpt2.partial"
    rewound = {"step": 20, "rewound_from": 37, "reason": "gradient norm 1e9"}
    write(log, [step(10), step(20), step(30), rewound, step(25)])
    assert "went back from step 37 to 20: gradient norm 1e9" in once(run)
    assert [line["step"] for line in snapshot(run).log.steps] == [10, 20, 25]


def test_values_that_are_no_numbers_leave_a_gap(run):
    lines = [step(10), step(20, cross_entropy=float("nan")), step(30)]
    write(run / "teachers" / "gpt2.partial", lines)
    assert "training 4.500" in once(run)


def test_an_old_log_without_steps_is_counted_by_its_epochs(run, tiny_recipe):
    def build(folder):
        lines = [{k: v for k, v in step(n).items() if k != "steps"} for n in (10, 20)]
        write(folder, lines)
        raise KeyboardInterrupt  # as if it still trained

    part = tiny_recipe.pretraining("gpt2")
    with pytest.raises(KeyboardInterrupt):
        artefact.complete(
            Stage("gpt2", run / "teachers" / "gpt2", "pretraining", 1, part, {}, build)
        )
    assert part.training.epochs == 2
    assert "step 20 of 200" in once(run)


def test_first_lines_without_a_speed_promise_no_time(run):
    bare = {k: v for k, v in step(10).items() if k not in ("tokens_per_second", "products_share")}
    write(run / "teachers" / "gpt2.partial", [bare])
    shown = once(run)
    assert "left" not in shown
    assert "tokens/s" not in shown


def test_a_long_silence_is_named_with_the_way_on(run):
    log = run / "teachers" / "gpt2.partial" / "training.jsonl"
    assert "may have stopped" not in once(run)
    os.utime(log, (time.time() - 3600,) * 2)
    shown = words(once(run))
    assert "last line 1 h 00 min ago" in shown
    assert "No line for 1 h 00 min; they came every 1.0 s. It may have stopped." in shown
    assert f"process {os.getpid()} holds it" in shown
    command = f"babyllama run {run}/recipe.yaml --run-dir {run}"
    assert command.replace(" ", "") in shown.replace(" ", "")  # a long path is folded


def test_a_dead_process_is_named_at_once(run):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    holder = (run / ".holder").read_text().replace(str(os.getpid()), ended.stdout.strip())
    (run / ".holder").write_text(holder)
    shown = words(once(run))
    assert f"It has stopped: its process {ended.stdout.strip()} is gone." in shown
    assert "The same command goes on where it was: babyllama run" in shown


def test_a_run_that_nobody_holds_has_stopped(run):
    (run / ".holder").unlink()
    assert "It has stopped: no process holds it." in once(run)


def test_a_process_on_another_machine_is_judged_by_its_lines_alone(run):
    (run / ".holder").write_text("process 1 on elsewhere since Monday")
    assert "stopped" not in once(run)


def test_a_stage_that_trains_nothing_is_named(run, tiny_recipe):
    (run / "teachers" / "gpt2.partial").rename(run / "gone")
    finish(run / "teachers" / "gpt2", tiny_recipe.pretraining("gpt2"))
    assert "signal comes next" in once(run)
    (run / "signal.partial").mkdir()
    assert "signal is in work, last file 0 s ago; it trains no model" in words(once(run))


def test_work_left_over_from_another_stage_is_not_taken_for_the_one_in_work(run):
    left = run / "students" / "twin.partial"
    write(left, [step(10)])
    for path in (left / "training.jsonl", left):
        os.utime(path, (time.time() - 3600,) * 2)
    assert "in work teachers/gpt2 begun students/twin" in words(once(run))


def test_a_complete_run_says_so_with_its_answer(run, tiny_recipe):
    part = tiny_recipe.pretraining("gpt2")
    (run / "teachers" / "gpt2.partial").rename(run / "gone")
    for each in snapshot(run).parts:
        sentence = {"first_sentence": "The student wins."} if each.name == "report" else {}
        finish(each.out, part, facts=sentence)
    shown = words(once(run))
    assert "Complete. The student wins." in shown
    assert "report/index.html" in shown.replace(" ", "")
    assert "students/twin" in shown


def test_a_single_model_is_watched_by_either_name_and_when_it_is_complete(tmp_path, tiny_recipe):
    write(tmp_path / "gpt2.partial", [step(10), step(20)])
    (tmp_path / ".holder").write_text("process 1 on elsewhere since Monday")
    for name in ("gpt2", "gpt2.partial"):
        assert "step 20 of 400" in once(tmp_path / name)
    (tmp_path / "gpt2.partial").rename(tmp_path / "gone")
    part = tiny_recipe.pretraining("gpt2")
    finish(tmp_path / "gpt2", part, facts={"dev_cross_entropy": 3.25}, lines=[step(400)])
    for name in ("gpt2", "gpt2.partial"):
        shown = words(once(tmp_path / name))
        assert "100% step 400 of 400" in shown
        assert "Complete: dev cross-entropy 3.2500." in shown


def test_a_folder_that_does_not_train_yet_is_waited_for(tmp_path):
    (tmp_path / "gpt2.partial").mkdir()
    (tmp_path / ".holder").write_text("process 1 on elsewhere since Monday")
    assert "gpt2 is in work, last file 0 s ago; no step is logged yet" in once(tmp_path / "gpt2")


def test_what_is_no_run_is_refused_with_what_was_looked_for(tmp_path):
    shown = words(once(tmp_path / "nowhere", code=2))
    assert "nowhere is no folder" in shown
    assert "babyllama watch runs/mini" in shown
    (tmp_path / "empty").mkdir()
    shown = words(once(tmp_path / "empty", code=2))
    assert "is neither a run nor a model A run has a recipe.yaml, a model a training.jsonl" in shown
    assert "the folder that `pretrain --out` names" in shown


def test_the_folder_of_runs_is_answered_with_a_run_in_it(run):
    assert f"babyllama watch {run}" in words(once(run.parent, code=2))


def test_a_recipe_that_is_none_is_refused(run):
    (run / "recipe.yaml").write_text("name: 3\n")
    assert "recipe.yaml" in once(run, code=2)


def test_watching_changes_nothing(run):
    def everything():
        return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
                for path in sorted(run.rglob("*"))}  # fmt: skip

    before = everything()
    once(run)
    assert everything() == before


def test_watching_never_imports_torch(run):
    script = (
        "import sys; sys.argv = ['babyllama', 'watch', sys.argv[1], '--once']\n"
        "from babyllama.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'transformers', 'scipy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script, run], check=True, capture_output=True)


def test_a_terminal_without_unicode_gets_letters_alone(run):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    shown = subprocess.run([*WATCH, run, "--once"], capture_output=True, check=True,
                           env=environment).stdout  # fmt: skip
    assert b"step 120 of 400" in shown
    assert shown.isascii()


class Terminal:
    """The command in a pseudo-terminal: a real process that believes a person sits there."""

    def __init__(self, *arguments):
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ["TERM"] = "xterm"
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execv(sys.executable, [*WATCH, *map(str, arguments)])
        self.seen = ""

    def read_until(self, text):
        """Blocks until it was printed; None: until the end."""
        while text is None or text not in self.seen:
            try:
                read = os.read(self.file, 65536)
            except OSError:  # how Linux says that the other side is closed
                read = b""
            if not read:
                assert text is None, self.seen
                return
            self.seen += read.decode(errors="replace")

    def exit_code(self):
        self.read_until(None)
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_ctrl_c_ends_quietly_and_leaves_the_last_picture(run):
    terminal = Terminal(run, "--every", "0.1")
    terminal.read_until("step 120 of")
    write(run / "teachers" / "gpt2.partial", [step(130)])
    terminal.read_until("step 130 of")
    os.kill(terminal.process, signal.SIGINT)
    assert terminal.exit_code() == 0
    left = terminal.seen.rpartition("\x1b[?1049l")[2]  # after the alternate screen
    assert "step 130 of 400" in left
    assert "Traceback" not in terminal.seen


def test_watching_ends_by_itself_when_the_model_is_complete(tmp_path, tiny_recipe):
    write(tmp_path / "gpt2.partial", [step(10)])
    terminal = Terminal(tmp_path / "gpt2", "--every", "0.1")
    terminal.read_until("step 10 of")
    finish(tmp_path / "gpt2", tiny_recipe.pretraining("gpt2"), lines=[step(400)])
    assert terminal.exit_code() == 0
    assert "Complete." in terminal.seen.rpartition("\x1b[?1049l")[2]
