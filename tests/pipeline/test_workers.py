"""Workers, with functions of Python's own library as jobs."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from babyllama.errors import InputError
from babyllama.pipeline import workers as of_workers
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.workers import Job, Workers


def job(name, function, arguments, **more):
    return Job(name, function, arguments, **{"threads": 1, **more})


@pytest.fixture(scope="module")
def workers():
    with Workers(Machine(cores=2), 2) as made:
        yield made


@pytest.mark.slow
def test_jobs_wait_for_what_they_need(workers, tmp_path):
    folders = [tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"]
    jobs = [
        job(
            path.name,
            "os:mkdir",
            {"path": str(path)},
            needs=frozenset({path.parent.name} & {"a", "b"}),
        )
        for path in folders
    ]
    workers.run([jobs[1], jobs[2], jobs[0]])
    assert folders[2].is_dir()


@pytest.mark.slow
def test_jobs_side_by_side_run_at_the_same_time(workers, tmp_path):
    """Each opens one end of a pipe, which waits until the other end is opened."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ends = (("reads", os.O_RDONLY), ("writes", os.O_WRONLY))
    workers.run([job(name, "os:open", {"path": str(pipe), "flags": flags}) for name, flags in ends])


@pytest.mark.slow
def test_a_mistake_of_the_user_is_raised_here_and_the_other_jobs_are_stopped(workers):
    mistake = job("wrong", "babyllama.recipe:load_recipe", {"name_or_path": "nowhere.yaml"})
    started = time.monotonic()
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        workers.run([job("long", "subprocess:run", {"args": ["sleep", "500"]}), mistake])
    assert time.monotonic() - started < 400


@pytest.mark.slow
def test_after_a_failure_jobs_can_go_on_that_do_not_need_it(workers, tmp_path):
    made = [str(tmp_path / name) for name in "ab"]
    failed, done = [], []
    workers.run(
        [
            job("lost too", "os:mkdir", {"path": made[0]}, needs=frozenset({"lost"})),
            job("lost", "os:mkdir", {"path": made[0]}, needs=frozenset({"wrong"})),
            job("wrong", "json:loads", {"s": "{"}),
            job("free", "os:mkdir", {"path": made[1]}),
        ],
        on_failure=lambda job, error: failed.append((job.name, type(error))) or True,
        on_done=lambda job: done.append(job.name),
    )
    assert failed == [("wrong", RuntimeError)]
    assert done == ["free"]
    assert os.listdir(tmp_path) == ["b"]


@pytest.mark.slow
def test_a_mistake_of_ours_brings_its_traceback(workers):
    with pytest.raises(RuntimeError, match="odd failed in its process") as caught:
        workers.run([job("odd", "json:loads", {"s": "{"})])
    assert "JSONDecodeError: Expecting property name" in caught.value.__notes__[0]


@pytest.mark.slow
def test_a_job_whose_process_is_killed_is_named_and_the_next_job_has_a_new_process(
    workers, tmp_path
):
    with pytest.raises(InputError, match="gone: its process ended with 9"):
        workers.run([job("gone", "os:_exit", {"status": 9})])
    workers.run([job("next", "os:mkdir", {"path": str(tmp_path / "made")})])
    assert (tmp_path / "made").is_dir()


@pytest.mark.slow
def test_workers_end_when_the_process_that_started_them_is_killed():
    script = (
        "from babyllama.pipeline.workers import Job, Workers\n"
        "from babyllama.pipeline.sharing import Machine\n"
        "with Workers(Machine(cores=2), 2) as workers:\n"
        "    for number in range(2):\n"
        "        workers._start_worker()\n"
        "    print(*[each.process.pid for each in workers._all], flush=True)\n"
        "    workers.run([Job('long', 'subprocess:run', {'args': ['sleep', '600']}, threads=1)])\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        started = [psutil.Process(int(number)) for number in starter.stdout.readline().split()]
        os.kill(starter.pid, signal.SIGKILL)
    assert psutil.wait_procs(started, timeout=300)[1] == []


@pytest.mark.slow
def test_a_worker_ignores_ctrl_c_stays_in_the_process_group_and_does_not_import_from_here(
    tmp_path, monkeypatch
):
    (tmp_path / "torch.py").write_text("raise RuntimeError('not the library')")
    monkeypatch.chdir(tmp_path)
    with Workers(Machine(cores=2), 2) as made:
        process = made._start_worker().process
        os.kill(process.pid, signal.SIGINT)
        made.run([job("made", "os:mkdir", {"path": str(tmp_path / "made")})])
        assert os.getpgid(process.pid) == os.getpgid(0)
        assert process.poll() is None
    assert (tmp_path / "made").is_dir()


def test_a_job_starts_only_where_threads_and_memory_are_left(monkeypatch):
    gib = 2**30
    monkeypatch.setattr(of_workers, "_PYTHON_BYTES", gib)
    many = Workers(Machine(cores=4), 3)
    two, one = (Job(str(n), "", {}, threads=n, memory=2 * gib) for n in (2, 1))
    assert many._fits(two, [two], room=6 * gib)
    assert not many._fits(two, [two], room=6 * gib - 1)
    assert not many._fits(two, [two, one], room=99 * gib), "5 threads on 4 cores"
    assert many._fits(two, [], room=0), "one job always runs"
    assert not many._fits(one, [one] * 3, room=99 * gib), "at most 3 jobs"


def test_each_worker_sees_one_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    seen = [of_workers._visible_gpu(Machine(cores=8, gpus=2), worker) for worker in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in seen] == ["3", "5", "3"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert of_workers._visible_gpu(Machine(cores=8, gpus=2), 1) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert of_workers._visible_gpu(Machine(cores=8), 1) == {}
