"""Jobs of a run side by side, each in a process of its own."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Protocol

import psutil

from babyllama.console import Interrupted, OutputOf, stoppable
from babyllama.errors import InputError
from babyllama.pipeline.sharing import Machine

_PYTHON_BYTES = 512 * 2**20  # about what Python and its libraries take in each process
_SECONDS_TO_END = 10.0


@dataclass(frozen=True)
class Job:
    """A function of this package to be called in a worker.

    Attributes:
        name: shown to the user.
        function: `module:name`.
        arguments: by name, as JSON holds them.
        threads: that torch may use.
        memory: about how many bytes the call needs.
        needs: names of jobs that must be done before.
        label: follows the titles of its progress bars.
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    threads: int
    memory: int = 0
    needs: frozenset[str] = frozenset()
    label: str = ""


class Pool(Protocol):
    """Runs jobs: on the workers of this machine, or on a cluster."""

    def busy(self) -> list[Job]:
        """The jobs that were started and are not done."""

    def startable(self, waiting: Iterable[Job], done: set[str]) -> list[Job]:
        """The first jobs whose needs are done and for which there is room."""

    def start(self, job: Job) -> None:
        """Start a job."""

    def answers(self) -> Iterable[tuple[Job, dict[str, Any]]]:
        """Wait for a moment; the jobs that ended meanwhile, with what `cli.worker.do` returned.

        The answer of a job whose process ended without one is `killed`, with its exit code.
        """

    def stop(self) -> None:
        """Let every job save what it has, and end."""


def do_all(
    pool: Pool,
    jobs: Sequence[Job],
    *,
    on_failure: Callable[[Job, Exception], bool],
    on_done: Callable[[Job], None],
) -> None:
    """Do all jobs, as many at a time as there is room for, earlier ones first.

    If a job fails, the others are stopped as by SIGTERM: they save what they have.

    Args:
        on_failure: called with each failure; if it returns True, the jobs that do not need the
            failed one go on.
        on_done: called with each job that is done.

    Raises:
        InputError: a job's own, or a worker was killed. RuntimeError: any other exception of a
            job, with its traceback. Interrupted: after Ctrl-C or SIGTERM, with all saved.
    """
    waiting, done = list(jobs), set[str]()
    failure: Exception | None = None
    with stoppable() as stop:
        is_stopping = False
        while waiting or pool.busy():
            if (stop.requested or failure) and not is_stopping:
                waiting.clear()
                pool.stop()
                is_stopping = True
            for job in pool.startable(waiting, done):
                waiting.remove(job)
                pool.start(job)
            for job, answer in pool.answers():
                is_stopping |= "stopped" in answer
                is_asked = is_stopping or stop.requested  # perhaps before it could answer
                failed = None if is_asked and "killed" in answer else _failure(job, answer)
                if failed and on_failure(job, failed):
                    waiting = _without_dependents(waiting, job)
                    continue
                failure = failure or failed
                done.add(job.name)
                if "done" in answer:
                    on_done(job)
    if failure:
        raise failure
    if is_stopping:
        raise Interrupted


@dataclass
class _Worker:
    number: int
    process: "subprocess.Popen[str]"
    output: OutputOf = field(default_factory=OutputOf)
    job: Job | None = None
    listener: threading.Thread | None = None

    def close(self) -> None:
        """Let the process end, whatever it is doing."""
        self.output.close()
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def wait(self) -> None:
        """Wait until the process has ended."""
        try:
            self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.listener:
            self.listener.join()


class Workers:
    """Processes that do jobs; they end with the `with` block.

    Args:
        most: how many jobs may run at a time.
    """

    def __init__(self, machine: Machine, most: int) -> None:
        self._machine, self._most = machine, most
        self._all: list[_Worker] = []
        self._messages: queue.Queue[tuple[_Worker, str]] = queue.Queue()
        self._room = 0  # bytes of memory that were free before the jobs

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._all:
            worker.close()
        for worker in self._all:
            worker.wait()

    def warm_up(self, count: int) -> None:
        """Start this many workers now: until their first job they import what it needs."""
        while len(self._all) < min(count, self._most):
            self._start_worker()

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_failure: Callable[[Job, Exception], bool] = lambda *_: False,
        on_done: Callable[[Job], None] = lambda _: None,
    ) -> None:
        """Do all jobs, as many at a time as the machine has room for: see `do_all`."""
        self._room = psutil.virtual_memory().available
        do_all(self, jobs, on_failure=on_failure, on_done=on_done)

    def busy(self) -> list[Job]:
        """The jobs that workers have."""
        return [worker.job for worker in self._all if worker.job]

    def startable(self, waiting: Iterable[Job], done: set[str]) -> list[Job]:
        """The first jobs whose needs are done and that fit beside those that run."""
        running = self.busy()
        for job in waiting:
            if job.needs <= done and self._fits(job, running, self._room):
                running.append(job)
        return running[len(self.busy()) :]

    def _fits(self, job: Job, running: Sequence[Job], room: int) -> bool:
        if not running:
            return True
        together = [*running, job]
        taken = sum(self._machine.taken_by(each.threads) for each in together)
        memory = sum(each.memory + _PYTHON_BYTES for each in together)
        return len(together) <= self._most and taken <= self._machine.capacity and memory <= room

    def start(self, job: Job) -> None:
        """Give a job to an idle worker, or to a new one."""
        idle = [worker for worker in self._all if worker.job is None]
        worker = idle[0] if idle else self._start_worker()
        worker.job, worker.output = job, OutputOf(job.label)
        assert worker.process.stdin is not None
        call = {key: value for key, value in asdict(job).items() if key in _SENT}
        with suppress(BrokenPipeError):  # it was killed: `answers` finds that
            worker.process.stdin.write(json.dumps(call) + "\n")
            worker.process.stdin.flush()

    def _start_worker(self) -> _Worker:
        number = next(
            n for n in range(len(self._all) + 1) if n not in {w.number for w in self._all}
        )
        with _blocking_ctrl_c():
            process = subprocess.Popen(
                # -P: a torch.py in the current folder is not the library
                [sys.executable, "-P", "-m", "babyllama.cli.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=os.environ | _visible_gpu(self._machine, number),
            )
        worker = _Worker(number, process)
        self._all.append(worker)
        worker.listener = threading.Thread(target=self._listen, args=(worker,), daemon=True)
        worker.listener.start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        with worker.process.stdout as lines:
            for line in lines:
                self._messages.put((worker, line))
        self._messages.put((worker, ""))

    def answers(self) -> Iterable[tuple[Job, dict[str, Any]]]:
        """Show what workers print, for a moment; the jobs that ended meanwhile."""
        try:
            worker, line = self._messages.get(timeout=0.2)
        except queue.Empty:
            return
        message: dict[str, Any] = json.loads(line) if line else {"killed": worker.process.wait()}
        if "output" in message:
            worker.output.show(message["output"])
            return
        worker.output.close()
        job, worker.job = worker.job, None
        if "killed" in message:
            worker.close()
            self._all.remove(worker)
        if job:
            yield job, message

    def stop(self) -> None:
        """Stop every job as by SIGTERM: it saves what it has."""
        for worker in self._all:
            if worker.job:
                worker.process.terminate()


@contextmanager
def _blocking_ctrl_c() -> Iterator[None]:
    """Let a process that is started here never receive Ctrl-C, which this one handles.

    It stays in the terminal's process group, so that Ctrl-Z stops it together with this process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _without_dependents(waiting: Sequence[Job], failed: Job) -> list[Job]:
    """The jobs that need neither a failed job nor one that needs it, directly or not."""
    lost = {failed.name}
    while more := {job.name for job in waiting if job.needs & lost} - lost:
        lost |= more
    return [job for job in waiting if job.name not in lost]


_KILLED = -signal.SIGKILL
_SENT = ("function", "arguments", "threads")


def _failure(job: Job, answer: Mapping[str, Any]) -> Exception | None:
    if "refused" in answer:
        what, why, mend = answer["refused"]
        return InputError(what, why=why, mend=mend)
    if "fault" in answer:
        failure = RuntimeError(f"{job.name} failed in its process")
        failure.add_note(answer["fault"])
        return failure
    if "killed" in answer:
        code = answer["killed"]
        return InputError(
            f"{job.name}: its process {'was killed' if code == _KILLED else f'ended with {code}'}",
            why="Most often the machine had too little memory." if code == _KILLED else "",
            mend="The same command resumes; with --jobs 1 one stage at a time is made.",
        )
    return None


def _visible_gpu(machine: Machine, worker: int) -> dict[str, str]:
    """The one GPU that a worker sees; nothing on a CPU."""
    if not machine.gpus:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(machine.gpus)))
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[worker % machine.gpus]}
