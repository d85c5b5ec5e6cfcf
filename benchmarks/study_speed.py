"""What a study costs besides the steps of its models, on this machine.

    python -m benchmarks.study_speed students [--students 12] [--out FILE.json]
    python -m benchmarks.study_speed engine [--cells 50] [--out FILE.json]
    python -m benchmarks.study_speed jobs [--epochs 2] [--out FILE.json]

`students`: one stored signal and all students that are trained on it, timed in full, with loading,
dev scores and saving. Beside them, in the same run: the students' bare steps, which nothing can
save; and students that run the teachers beside them in every step. Shapes are the paper's at half
their widths (`benchmarks/made_up.py`). The time of the online students is that of one of them,
multiplied: their steps all cost the same.

`engine`: a study of tiny models in two seeds, and the same jobs as plain calls in one process. The
difference, over the number of jobs, is the engine's own. Then the same command again, which finds
everything finished.

`jobs`: the same trainings of `mini`'s shapes, one at a time with two threads and two at a time with
one thread each.
"""

import argparse
import importlib
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from babyllama.console import print_result, table
from babyllama.pipeline.sharing import Machine, this_machine
from babyllama.pipeline.workers import Job
from babyllama.recipe import DistilledStudent, HiddenSignal, TrainingRecipe
from babyllama.runs.files import write_atomically
from babyllama.runs.training_log import read_training_log
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource
from babyllama.studies import running
from babyllama.studies.cells import trials_of
from babyllama.studies.planning import plan_study
from babyllama.studies.running import run_study
from babyllama.studies.study import StudyRecipe
from babyllama.training.distillation import distill
from benchmarks.loss_speed import machine
from benchmarks.made_up import STUDENT, WINDOW, Inputs, make_inputs
from benchmarks.whole_bill import new_folder, seconds_of

EPOCHS, BATCH, WINDOWS = 6, 16, 96  # the paper trains its student for six epochs
AIM_OF_STEPS, AIM_OF_ONLINE = 1.1, 4.0
AIM_OF_A_JOB, AIM_OF_A_FINISHED_STUDY = 1.0, 5.0  # seconds
AIM_OF_TWO_JOBS = 1.5
TINY = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 1, "num_attention_heads": 2}  # fmt: skip
COMPARE = [{"ours": "distilled", "theirs": "twin"}]


def main() -> None:
    """Measure, print and write the results."""
    asked = _arguments()
    results: dict[str, Any] = {"machine": machine()}
    print("  ".join(f"{name}: {value}" for name, value in results["machine"].items()))
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "students":
            results |= cost_of_students(Path(folder), asked.students)
        elif asked.what == "engine":
            results |= cost_of_engine(Path(folder), asked.cells)
        else:
            results |= gain_of_jobs(Path(folder), asked.epochs, asked.words)
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def cost_of_students(folder: Path, students: int) -> dict[str, Any]:
    """Time a signal with all its students, and one student that runs the teachers."""
    made = make_inputs(folder, train_tokens=WINDOWS * WINDOW, dev_tokens=8 * WINDOW)
    source = SignalSource(made.teachers, made.tokens, HiddenSignal(kind="hidden"), WINDOW)
    signal = new_folder(folder / "signal")
    _student(made, new_folder(folder / "online-warm"), number=0, epochs=1)  # compiles
    storing = seconds_of(lambda: store_signal(source, signal))
    _student(made, new_folder(folder / "warm"), number=0, epochs=1, signal=signal)
    whole, steps = 0.0, 0.0
    for number in range(students):
        out = new_folder(folder / f"student-{number}")
        whole += seconds_of(lambda: _student(made, out, number=number, signal=signal))  # noqa: B023
        steps += _seconds_of_steps(out)
    online = seconds_of(lambda: _student(made, new_folder(folder / "online"), number=0))
    found = {
        "students": students,
        "storing": storing,
        "students in full": whole,
        "students' steps": steps,
        "one online student": online,
        "to steps and signal": (storing + whole) / (storing + steps),
        "online to ours": students * online / (storing + whole),
    }
    rows = [
        ("the signal", f"{storing:.1f}"),
        (f"{students} students, in full", f"{whole:.1f}"),
        (f"{students} students, bare steps", f"{steps:.1f}"),
        (f"{students} students with running teachers", f"{students * online:.1f}"),
    ]
    print_result(table("Students of one signal", ("what", "seconds"), rows))
    print(
        f"signal and students in full take {found['to steps and signal']:.2f} times signal and "
        f"bare steps (aim: at most {AIM_OF_STEPS}); online takes {found['online to ours']:.2f} "
        f"times ours (aim: at least {AIM_OF_ONLINE})"
    )
    return found


def _student(
    made: Inputs, out: Path, *, number: int, epochs: int = EPOCHS, signal: Path | None = None
) -> None:
    """Train one of the students, which differ in temperature and in the weight of the text."""
    training = TrainingRecipe(
        epochs=epochs,
        batch_size=BATCH,
        window=WINDOW,
        learning_rate=1e-3,
        compile=True,
        log_every=1,
    )
    student = DistilledStudent(
        kind="distilled",
        alpha=0.1 + 0.2 * (number % 4),
        temperature=1.0 + number // 4,
        model=STUDENT,
        training=training,
    )
    teachers = () if signal else made.teachers
    distill(
        student, made.tokens, made.tokenizer, out, teachers=teachers, signal=signal, seed=number
    )


def _seconds_of_steps(out: Path) -> float:
    """What the steps alone took: the median step, as often as there were steps."""
    log = read_training_log(out / "training.jsonl")
    speeds = [step["tokens_per_second"] for step in log.steps if "tokens_per_second" in step]
    return BATCH * WINDOW / float(statistics.median(speeds)) * len(log.steps)


def cost_of_engine(folder: Path, cells: int) -> dict[str, Any]:
    """Time a study of tiny models, and the same command again."""
    training = {
        "epochs": 1,
        "batch_size": 16,
        "window": 16,
        "learning_rate": 3e-3,
        "warmup_steps": 0,
    }
    changes = _models(TINY, training)
    temperatures = [1 + number / 10 for number in range(cells)]
    study = _study(
        changes, {"students.distilled.temperature": temperatures}, words=2000, vocab_size=320
    )
    planned = plan_study(trials_of(study, folder), folder)
    jobs = len(planned.needs) + len(planned.trials)
    with patch.object(running, "open_engine", _in_this_process):
        run_study(_study(changes, {}, words=2000, vocab_size=320), folder / "warm", jobs=1)
        bare = seconds_of(lambda: run_study(study, folder / "bare", jobs=1))
    whole = seconds_of(lambda: run_study(study, folder / "study", jobs=1))
    engine = (whole - bare) / jobs
    again = seconds_of(lambda: run_study(study, folder / "study", jobs=1))
    print(
        f"{jobs} jobs of {len(planned.trials)} trials: {whole:.1f} s with the engine, {bare:.1f} s "
        f"as plain calls: {engine:.2f} s a job (aim: at most {AIM_OF_A_JOB}); recognised as "
        f"finished in {again:.1f} s (aim: at most {AIM_OF_A_FINISHED_STUDY})"
    )
    return {"jobs": jobs, "trials": len(planned.trials), "with the engine": whole,
            "plain calls": bare, "engine, a job": engine, "again": again}  # fmt: skip


class _PlainCalls:
    """Does jobs one after another in this process."""

    def run(self, jobs: Sequence[Job], *, on_done: Callable[[Job], None], **_: object) -> None:
        for job in jobs:
            module, _, function = job.function.partition(":")
            getattr(importlib.import_module(module), function)(**job.arguments)
            on_done(job)


@contextmanager
def _in_this_process(*_: object) -> Iterator[tuple[_PlainCalls, Machine]]:
    yield _PlainCalls(), this_machine()


def gain_of_jobs(folder: Path, epochs: int, words: int) -> dict[str, Any]:
    """Time one study with one job at a time and with two."""
    changes = {
        f"{group}.training.epochs": epochs
        for group in ("teachers.llama", "teachers.gpt2", "students.distilled")
    }
    vary = {"students.distilled.temperature": [1, 2]}
    study = _study(changes, vary, words=words, vocab_size=1600)
    seconds = {
        jobs: seconds_of(lambda: run_study(study, folder / f"jobs-{jobs}", jobs=jobs))  # noqa: B023
        for jobs in (1, 2)
    }
    gain = seconds[1] / seconds[2]
    print(
        f"--jobs 1: {seconds[1]:.1f} s; --jobs 2: {seconds[2]:.1f} s: {gain:.2f} times the "
        f"throughput (aim: at least {AIM_OF_TWO_JOBS})"
    )
    return {"seconds": seconds, "gain": gain}


def _models(shape: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
    parts = ("teachers.llama", "teachers.gpt2", "students.distilled")
    models = {f"{part}.model": shape for part in parts}
    trainings = {f"{part}.training": training for part in parts}
    return models | trainings | {"teachers.gpt2.seed_offset": 1}


def _study(
    changes: dict[str, Any], vary: dict[str, Any], *, words: int, vocab_size: int
) -> StudyRecipe:
    small = {"corpus.source.words": words, "corpus.source.dev_words": 500,
             "corpus.words": words, "tokenizer.vocab_size": vocab_size}  # fmt: skip
    return StudyRecipe.model_validate(
        {
            "name": "speed",
            "question": "How fast?",
            "recipe": "mini",
            "set": changes | small,
            "vary": vary,
            "seeds": 2,
            "compare": COMPARE,
        }
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("students", "engine", "jobs"))
    parser.add_argument("--students", type=int, default=12)
    parser.add_argument("--cells", type=int, default=50, help="of two seeds each")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
