"""Time of full processes: `--help`; `run mini` from scratch, its stages side by side and one at a
time; `run mini` again when it is complete.

    python -m benchmarks.whole_process [--repeats 3]

CPU seconds, wall seconds and peak memory of each process, as the operating system counts them;
median and range. Writes build/benchmarks/whole_process.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from babyllama.console import format_bytes, print_result, table

COMMAND = [sys.executable, "-c", "from babyllama.cli import main; main()"]


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        run = ["run", "mini", "--run-dir", f"{folder}/mini"]
        one_at_a_time = ["run", "mini", "--run-dir", f"{folder}/alone", "--jobs", "1"]
        rows = {
            "--help": [measure(["--help"]) for _ in range(repeats)],
            "run mini": [measure(run)],
            "run mini --jobs 1": [measure(one_at_a_time)],
            "run mini, complete": [measure(run) for _ in range(repeats)],
        }
    print_result(
        table(
            "Whole processes",
            ("command", "processor s", "wall s", "range", "peak memory"),
            [
                (
                    name,
                    f"{median(runs, 'processor_seconds'):.2f}",
                    f"{median(runs, 'wall_seconds'):.2f}",
                    "{:.2f} to {:.2f}".format(*span(runs, "wall_seconds")),
                    format_bytes(max(each["peak_memory_bytes"] for each in runs)),
                )
                for name, runs in rows.items()
            ],
        )
    )
    out = Path("build/benchmarks/whole_process.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1))


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run one command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, arguments
    return {
        "wall_seconds": time.perf_counter() - started,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def median(runs: list[dict[str, Any]], field: str) -> float:
    """Median of one number."""
    return statistics.median(each[field] for each in runs)


def span(runs: list[dict[str, Any]], field: str) -> tuple[float, float]:
    """Smallest and largest of one number."""
    values = [each[field] for each in runs]
    return min(values), max(values)


if __name__ == "__main__":
    main()
