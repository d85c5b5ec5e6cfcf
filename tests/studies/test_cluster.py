"""Jobs of a study on a real cluster of two nodes, both on this machine."""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from babyllama.errors import InputError
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.workers import Job
from babyllama.runs.layout import Layout
from babyllama.studies import building, cluster
from babyllama.studies.cluster import Node, open_cluster
from babyllama.studies.running import run_study

NODE = Node("id", "n1 (10.0.0.1)", cores=16, gpus=0, memory=2**30)
PROBE = Path("study/building/shared-1")


@pytest.fixture(scope="module")
def two_nodes():
    """The cluster, which RAY_ADDRESS names."""
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        started = Cluster(initialize_head=True, head_node_args=small)
        second = started.add_node(**small)
        patch.setenv("RAY_ADDRESS", started.address)
        yield started, second
        started.shutdown()


def raylet_of(node):
    """The process that starts the workers of a node."""
    return node.all_processes["raylet"][0].process.pid


def hold_a_training_on(node, study, ended):
    """Stop the process of the first training with a checkpoint that a worker of a node makes.

    Trainings on another node are held until then: else they could all be made there, one after the
    other, while the node starts its first worker.

    Args:
        ended: whether the study has ended without one.
    """
    held = {}
    while not ended():
        for lease in (study / building.BUILDING).glob("*/*.lease"):
            lines = lease.read_text("utf-8").splitlines()
            partial = next(iter(lease.parent.glob("*/*.partial/checkpoints/*")), None)
            if not partial or len(lines) < 3 or not psutil.pid_exists(int(lines[2])):
                continue
            worker = psutil.Process(int(lines[2]))
            if worker.pid not in held:
                worker.suspend()
                held[worker.pid] = worker
                if not partial.parents[1].exists():
                    _resume(held)
                    raise AssertionError("a training ended before it could be held")
            if raylet_of(node) in [each.pid for each in worker.parents()]:
                del held[worker.pid]
                _resume(held)
                return lease.parent
        time.sleep(0.01)
    _resume(held)
    raise AssertionError("the study ended, but no training was held on the node")


def _resume(held):
    for worker in held.values():
        worker.resume()


@pytest.mark.slow
@pytest.mark.usefixtures("two_nodes")
@pytest.mark.filterwarnings("ignore")  # Ray leaves files and sockets to the garbage collector
def test_what_a_task_raises_is_told_as_by_a_worker_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_ATTEMPTS", 1)
    failed, done = [], []
    jobs = [
        Job("wrong", "babyllama.recipe:load_recipe", {"name_or_path": "nowhere.yaml"}, 1),
        Job("odd", "json:loads", {"s": "{"}, 1),
        Job("needs odd", "os:mkdir", {"path": "never"}, 1, needs=frozenset({"odd"})),
        Job("gone", "os:_exit", {"status": 9}, 1),
        Job("made", "os:mkdir", {"path": "made"}, 1),
    ]
    monkeypatch.chdir(tmp_path)  # relative paths begin there on every node
    before = signal.getsignal(signal.SIGTERM)
    with open_cluster(tmp_path / "study", [tmp_path]) as engine:
        assert engine.machine == Machine(cores=1)
        assert signal.getsignal(signal.SIGTERM) == before
        engine.run(
            jobs,
            on_failure=lambda job, error: failed.append((job.name, error)) or True,
            on_done=lambda job: done.append(job.name),
        )
    assert done == ["made"]
    assert sorted(os.listdir(tmp_path)) == ["made", "study"]
    found = dict(failed)
    assert "nowhere.yaml" in found["wrong"].what
    assert "JSONDecodeError" in found["odd"].__notes__[0]
    assert "gone: its process was killed" in found["gone"].what


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_study_whose_node_is_lost_in_mid_training_ends_with_the_same_bits(
    two_nodes, small_study, tmp_path, capsys
):
    started, second = two_nodes
    epochs = {"students.distilled.training.epochs": 8}  # so that there is time to hold one
    claim = {"ours": "distilled", "theirs": "twin"}
    study = small_study(set=epochs, vary={}, compare=[claim])
    finished = tmp_path / "finished"
    assert run_study(study, finished, jobs=1) == []
    copy = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    trial = "trials/base/seed-0"
    models = [f"{trial}/students/{name}" for name in ("distilled", "twin")]
    for model in models:
        (copy / model / "manifest.json").unlink()
        (copy / model / "model.safetensors").unlink()
    killed, ended = [], threading.Event()

    def kill_node():
        killed.append(hold_a_training_on(second, copy, ended.is_set))
        started.remove_node(second, allow_graceful=False)

    thread = threading.Thread(target=kill_node)
    thread.start()
    try:
        assert run_study(study, copy, jobs=1, engine="ray") == []
    finally:
        ended.set()
        thread.join()
    for model in models:
        weights = f"{model}/model.safetensors"
        assert (copy / weights).read_bytes() == (finished / weights).read_bytes()
    for scores in ("distilled", "twin"):
        one, other = (Layout(study / trial).scores(scores) for study in (copy, finished))
        assert one.read_bytes() == other.read_bytes()
    said = capsys.readouterr().err
    assert "its node was lost; it starts again" in said
    assert "building (resuming)" in said, said
    assert not killed[0].exists()


@pytest.mark.parametrize(
    ("versions", "missing", "message"),
    [
        ("2.6.0", [], r"node n1 \(10\.0\.0\.1\) has torch 2\.6\.0, this one has 2\.13\.0"),
        ("", [], "has torch not installed"),
        ("2.13.0", [str(PROBE)], "does not see study$"),
        ("2.13.0", ["/data/text"], "does not see /data/text$"),
    ],
)
def test_a_node_with_other_versions_or_other_storage_is_named(versions, missing, message):
    with pytest.raises(InputError) as caught:
        cluster._check_node(NODE, {"torch": "2.13.0"}, PROBE, ({"torch": versions}, missing))
    assert caught.match(message.replace("$", "\n"))


def test_a_task_takes_no_more_than_every_node_has():
    small = Node("", "", cores=8, gpus=0, memory=0)
    assert cluster._smallest([NODE, small]) == Machine(cores=8)
    with_gpus = [Node("", "", cores=16, gpus=gpus, memory=0) for gpus in (4, 8)]
    assert cluster._smallest(with_gpus) == Machine(cores=2, gpus=12)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://10.0.0.1:10001"])
def test_a_cluster_that_does_not_answer_is_refused(address, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setattr(cluster, "_SECONDS_TO_ANSWER", 0.5)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=f"RAY_ADDRESS is {address}"), open_cluster(tmp_path, []):
        pass


def test_without_ray_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(InputError, match=r"pip install 'babyllama\[cluster\]'"),
        open_cluster(tmp_path, []),
    ):
        pass
