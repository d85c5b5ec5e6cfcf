"""What an engine of studies adds to a job: jobs that do nothing, one after another.

    python -m benchmarks.ray_overhead

Seconds until the first job is done, in which workers start and import torch, and seconds of each
further job, for the local engine and for a Ray that is started on this machine. Writes
build/benchmarks/ray_overhead.json.
"""

import json
import tempfile
import time
from pathlib import Path

from babyllama.pipeline.sharing import this_machine
from babyllama.pipeline.workers import Job, Workers
from babyllama.studies.cluster import open_cluster
from babyllama.studies.running import Engine

_COUNT = 40


def main() -> None:
    """Measure, print and write the results."""
    started, found = time.monotonic(), {}
    with Workers(this_machine(), 2) as workers:
        found["local"] = seconds_of(workers, started)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_cluster(Path(folder), []) as cluster:
        found["ray"] = seconds_of(cluster, started)
    out = Path("build/benchmarks/ray_overhead.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def seconds_of(engine: Engine, started: float) -> dict[str, float]:
    """Do a first job, then many that wait for each other."""
    do(engine, 1)
    first = time.monotonic()
    do(engine, _COUNT)
    return {"first": first - started, "each": (time.monotonic() - first) / _COUNT}


def do(engine: Engine, count: int) -> None:
    """Do so many jobs, each of which needs the one before."""
    names = [f"job {number}" for number in range(count)]
    needs = [frozenset[str](), *(frozenset({name}) for name in names)]
    jobs = [
        Job(name, "os:getcwd", {}, 1, needs=need) for name, need in zip(names, needs, strict=False)
    ]
    engine.run(jobs, on_failure=lambda *_: False, on_done=lambda _: None)


if __name__ == "__main__":
    main()
