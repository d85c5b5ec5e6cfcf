"""How long `corpus identify` takes for a folder, beside hashing the same bytes.

    python -m benchmarks.identify_speed FOLDER [--repeats 5]

Processor seconds: of `identify`, and of the floor: git's sha1 and sha256 of every file, which any
comparison by checksum needs. Median and range, in MB/s too. Writes
build/benchmarks/identify_speed.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from babyllama.console import silence
from babyllama.data.releases.checksums import git_blob
from babyllama.data.releases.identifying import identify
from babyllama.runs.files import hash_file


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    silence()
    files = [path for path in given.folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    work = {
        "identify": lambda: identify(given.folder),
        "sha1 and sha256": lambda: [(git_blob(path), hash_file(path)) for path in files],
    }
    seconds = {
        name: [seconds_of(call) for _ in range(given.repeats)] for name, call in work.items()
    }
    found = {
        name: {
            "median_seconds": statistics.median(each),
            "range_seconds": [min(each), max(each)],
            "megabytes_per_second": size / 1e6 / statistics.median(each),
        }
        for name, each in seconds.items()
    }
    out = Path("build/benchmarks/identify_speed.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"bytes": size, **found}, indent=1))
    print(json.dumps({"bytes": size, **found}, indent=1))


def seconds_of(call: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    started = time.process_time()
    call()
    return time.process_time() - started


if __name__ == "__main__":
    main()
