"""Jobs of a study as tasks of Ray: on this machine, or on every node of a cluster.

Each job is a plain task that names its threads, GPU and memory, and gets paths: all nodes share the
study's folder. RAY_ADDRESS names a cluster; without it a Ray of this machine is started, and ended
with the `with` block. Ray itself never starts a task again: a task whose node or process was lost
is started again here, so that the user is told; `building` keeps two of them from writing to one
folder. An exception of a job is an answer like any other, as in `cli.worker`.
"""

import logging
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from babyllama.console import OutputOf, print_status
from babyllama.errors import InputError
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.workers import Job, do_all
from babyllama.runs import manifests
from babyllama.studies.building import BUILDING

_SECONDS_TO_ANSWER, _SECONDS_TO_PROBE = 30, 120
_OBJECTS_BYTES = 100 * 2**20  # tasks get paths and return a few words
_ATTEMPTS = 4  # of a task whose node or process was lost
_MEND_ADDRESS = (
    "Start one with `ray start --head`, name its address, or unset RAY_ADDRESS to use this machine."
)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that takes tasks.

    Attributes:
        name: its host name and address.
        memory: bytes that its tasks may ask for.
    """

    id: str
    name: str
    cores: int
    gpus: int
    memory: int


class Messages:
    """An actor: what tasks print, until the process that shows it takes it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []

    def put(self, job: str, message: Mapping[str, Any]) -> None:
        """Keep a message of a job."""
        self._waiting.append((job, message))

    def take(self) -> list[tuple[str, Mapping[str, Any]]]:
        """All messages since the last call."""
        taken, self._waiting = self._waiting, []
        return taken


class Cluster:
    """Tasks that do jobs, as many at a time as the nodes have room for.

    Args:
        ray: the library, connected.
        nodes: those that are there now.

    Attributes:
        machine: what a task may take of the smallest node, so that every node can take it.
    """

    def __init__(self, ray: ModuleType, nodes: Sequence[Node]) -> None:
        self._ray, self.machine = ray, _smallest(nodes)
        self._memory = min(node.memory for node in nodes)
        here = _on_node(ray.get_runtime_context().get_node_id())
        self._messages = ray.remote(Messages).options(num_cpus=0, **here).remote()
        self._do = ray.remote(_task())
        self._running: dict[Any, Job] = {}
        self._outputs: dict[str, OutputOf] = {}
        self._attempts: Counter[str] = Counter()
        self._is_stopping = self._is_waiting = False

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_failure: Callable[[Job, Exception], bool] = lambda *_: False,
        on_done: Callable[[Job], None] = lambda _: None,
    ) -> None:
        """Do all jobs: see `pipeline.workers.do_all`."""
        self._is_stopping = False
        self._attempts.clear()
        do_all(self, jobs, on_failure=on_failure, on_done=on_done)

    def busy(self) -> list[Job]:
        """The jobs that were given to Ray and are not done."""
        return list(self._running.values())

    def startable(self, waiting: Iterable[Job], done: set[str]) -> list[Job]:
        """The first jobs whose needs are done: as many as there is room for, and one more.

        The order of the jobs is kept so. The one that waits lets a cluster that grows see that
        more is wanted.
        """
        resources = self._ray.cluster_resources()
        room = resources.get("GPU" if self.machine.gpus else "CPU", 0)
        if not room and not self._is_waiting:
            print_status("  No node of the cluster takes tasks now: waiting for one")
        self._is_waiting = not room
        taken = sum(self.machine.taken_by(job.threads) for job in self.busy())
        found = []
        for job in waiting:
            if taken <= room and job.needs <= done:
                found.append(job)
                taken += self.machine.taken_by(job.threads)
        return found

    def start(self, job: Job) -> None:
        """Give a job to Ray."""
        self._outputs[job.name] = OutputOf(job.label)
        self._attempts[job.name] += 1
        call = {"function": job.function, "arguments": dict(job.arguments), "threads": job.threads}
        task = self._do.options(
            name=job.name,
            num_cpus=job.threads,
            num_gpus=1 if self.machine.gpus else 0,
            memory=min(job.memory, self._memory) or None,
            max_retries=0,
        )
        self._running[task.remote(job.name, call, os.getcwd(), self._messages)] = job

    def answers(self) -> Iterator[tuple[Job, dict[str, Any]]]:
        """Show what tasks print, for a moment; the jobs that ended meanwhile."""
        ready = []
        if self._running:
            ready, _ = self._ray.wait(list(self._running), timeout=0.2)
        self._show()
        for task in ready:
            job = self._running.pop(task)
            self._outputs.pop(job.name).close()
            answer = self._answer(job, task)
            if answer:
                yield job, answer
            else:
                self.start(job)

    def stop(self) -> None:
        """Let every task save what it has, and end."""
        self._is_stopping = True
        for task in self._running:
            self._ray.cancel(task)

    def _show(self) -> None:
        with suppress(self._ray.exceptions.RayError):  # the work goes on if nobody shows it
            for name, message in self._ray.get(self._messages.take.remote(), timeout=10):
                if name in self._outputs:
                    self._outputs[name].show(message)

    def _answer(self, job: Job, task: Any) -> dict[str, Any] | None:
        """What a task has returned, or how it ended; None if it is to start again."""
        errors = self._ray.exceptions
        try:
            answer: dict[str, Any] = self._ray.get(task)
            return answer
        except errors.TaskCancelledError:
            return {"stopped": True}
        except errors.OutOfMemoryError:
            what = f"{job.name}: Ray ended it, since its node had too little memory"
            return {"refused": [what, "", "With fewer --jobs a node has fewer tasks at a time."]}
        except (errors.NodeDiedError, errors.WorkerCrashedError) as error:
            if self._is_stopping or self._attempts[job.name] >= _ATTEMPTS:
                return {"killed": -signal.SIGKILL}
            lost = "node" if isinstance(error, errors.NodeDiedError) else "process"
            print_status(f"  {job.name}: its {lost} was lost; it starts again", style="yellow")
            return None
        except errors.RayError as error:
            return {"fault": str(error)}


@contextmanager
def open_cluster(study: Path, paths: Iterable[Path]) -> Iterator[Cluster]:
    """Connect to the cluster that RAY_ADDRESS names, or start Ray on this machine; check the nodes.

    Args:
        study: the study's folder, which all nodes share.
        paths: what the study reads besides.

    Raises:
        InputError: Ray is not installed, the cluster does not answer, or a node has other versions
            or does not see the study's folder or a path.
    """
    ray = _import_ray()
    # Ray prints on standard output what its own processes log.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            _connect(ray, os.environ.get("RAY_ADDRESS") or "local")
            nodes = _nodes(ray)
            check_nodes(ray, nodes, study, paths)
            cores = sum(node.cores for node in nodes)
            print_status(f"Ray: {len(nodes)} node{'s'[: len(nodes) > 1]}, {cores} cores")
            yield Cluster(ray, nodes)
        finally:
            ray.shutdown()


def check_nodes(ray: ModuleType, nodes: Sequence[Node], study: Path, paths: Iterable[Path]) -> None:
    """Compare the versions of every node with those here, and see that it shares the storage.

    Raises:
        InputError: names the node.
    """
    probe = study.absolute() / BUILDING / f"shared-{uuid.uuid4().hex}"
    probe.parent.mkdir(parents=True, exist_ok=True)
    here = {**manifests.versions(), "ray": ray.__version__}
    wanted = [str(probe), *map(str, paths)]
    look = ray.remote(_look())
    probe.touch()
    try:
        looks = [
            look.options(num_cpus=0, max_retries=0, **_on_node(node.id)).remote([*here], wanted)
            for node in nodes
        ]
        for node, each in zip(nodes, looks, strict=True):
            _check_node(node, here, probe, _seen(ray, node, each))
    finally:
        probe.unlink()


def _seen(ray: ModuleType, node: Node, look: Any) -> tuple[dict[str, str], list[str]]:
    try:
        found: tuple[dict[str, str], list[str]] = ray.get(look, timeout=_SECONDS_TO_PROBE)
        return found
    except ray.exceptions.RayError as error:
        raise InputError(
            f"node {node.name} does not answer",
            why=str(error).strip().partition("\n")[0],
            mend="Look at it with `ray status`; take it out of the cluster, or start it again.",
        ) from None


def _check_node(
    node: Node, here: Mapping[str, str], probe: Path, seen: tuple[dict[str, str], list[str]]
) -> None:
    versions, missing = seen
    for name, version in here.items():
        if versions[name] != version:
            raise InputError(
                f"node {node.name} has {name} {versions[name] or 'not installed'}, this one has "
                f"{version}",
                why="Models of one study would be made by unlike versions.",
                mend="Install the same versions on every node.",
            )
    if missing:
        path = probe.parents[1] if str(probe) in missing else missing[0]
        raise InputError(
            f"node {node.name} does not see {path}",
            why="Tasks get paths, so all nodes must share the study's folder and what it reads.",
            mend="Put it on storage that every node has under the same path.",
        )


def _import_ray() -> ModuleType:
    # Ray reads these when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # workers use this interpreter
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: other programs starve them
    try:
        import ray
    except ImportError:
        raise InputError(
            "--engine ray needs Ray, which is not installed",
            mend="Run: pip install 'babyllama[cluster]'",
        ) from None
    module: ModuleType = ray
    return module


def _connect(ray: ModuleType, address: str) -> None:
    """Connect to a cluster, or start one here if the address is `local`.

    Raises:
        InputError: names RAY_ADDRESS.
    """
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    before = signal.getsignal(signal.SIGTERM)  # Ray would exit on SIGTERM
    try:
        if address == "local":
            import torch

            cores = torch.get_num_threads()
            ray.init("local", num_cpus=cores, include_dashboard=False,
                     object_store_memory=_OBJECTS_BYTES, **quiet)  # fmt: skip
        else:
            _refuse_silent(address)
            ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        what = f"RAY_ADDRESS is {address}" if address != "local" else "Ray on this machine"
        why = " ".join(str(error).split())
        raise InputError(f"{what}: Ray cannot be used", why=why, mend=_MEND_ADDRESS) from None
    finally:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, before)


def _refuse_silent(address: str) -> None:
    """Refuse an address where no cluster answers; Ray itself would wait for minutes."""
    if address.startswith("ray://"):
        raise InputError(
            f"RAY_ADDRESS is {address}",
            why="The study's tasks share a folder with this command, so it runs on a node of the "
            "cluster and needs no Ray Client.",
            mend="Start it on a node, with RAY_ADDRESS=auto.",
        )
    print_status(f"Connecting to the Ray cluster at {address}")
    check = ["-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        done = subprocess.run(
            [sys.executable, *check, "--address", address],
            capture_output=True, timeout=_SECONDS_TO_ANSWER, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pass
    else:
        if done.returncode == 0:
            return
        if b"AuthenticationError" in done.stderr:
            raise InputError(
                f"RAY_ADDRESS is {address}: the cluster wants a token",
                mend="Set RAY_AUTH_MODE=token here and on every node, and copy the head's "
                "~/.ray/auth_token to each; or start all nodes with RAY_AUTH_MODE=disabled.",
            )
    raise InputError(f"RAY_ADDRESS is {address}: no Ray cluster answers there", mend=_MEND_ADDRESS)


def _nodes(ray: ModuleType) -> list[Node]:
    """The nodes that take tasks; where there are GPUs, those that have some."""
    found = []
    for node in ray.nodes():
        resources = node["Resources"]
        if node["Alive"] and resources.get("CPU", 0) >= 1:
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            cores, gpus = int(resources["CPU"]), int(resources.get("GPU", 0))
            found.append(Node(node["NodeID"], name, cores, gpus, int(resources["memory"])))
    if not found:
        raise InputError("no node of the Ray cluster has a CPU for tasks", mend=_MEND_ADDRESS)
    return [node for node in found if node.gpus] or found


def _smallest(nodes: Sequence[Node]) -> Machine:
    """The cores and GPUs that a task may count on, wherever it runs."""
    gpus = sum(node.gpus for node in nodes)
    return Machine(cores=min(max(1, node.cores // max(1, node.gpus)) for node in nodes), gpus=gpus)


def _on_node(node: str) -> dict[str, Any]:
    """The option of a task that pins it to a node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _task() -> Callable[..., dict[str, Any]]:
    """The function that does a job. Ray sends an inner function itself, not its name."""

    def do(name: str, job: dict[str, Any], folder: str, messages: Any) -> dict[str, Any]:
        from importlib import import_module

        answer: dict[str, Any] = import_module("babyllama.cli.worker").do_in_folder(
            job, folder, lambda message: messages.put.remote(name, message)
        )
        return answer

    return do


def _look() -> Callable[..., tuple[dict[str, str], list[str]]]:
    """The function that looks at a node, which may have no babyllama, or another."""

    def look(packages: list[str], paths: list[str]) -> tuple[dict[str, str], list[str]]:
        import os
        import platform
        from importlib import metadata

        found = {"python": platform.python_version()}
        for package in packages[1:]:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                found[package] = ""
        return found, [path for path in paths if not os.path.exists(path)]

    return look
