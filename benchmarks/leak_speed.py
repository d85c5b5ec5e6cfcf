"""How long the check for leaks and duplicates takes, beside reading the text and beside datasketch.

    python -m benchmarks.leak_speed CORPUS --benchmark blimp=FOLDER [--lines 20000] [--out FILE]

Wall seconds of `corpus identify`; of reading the training text as numbers, which every check needs
(the floor); of the check against the benchmarks alone; and of the full check, with dev and within
train. Then near-duplicates among the first lines of train: ours, and MinHash and LSH of datasketch
with the same bands, which leaves out the exact comparison. The peak of resident memory is that of
all.
"""

import argparse
import itertools
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

from babyllama.cli.arguments import benchmark_and_path
from babyllama.console import silence
from babyllama.data.leaks.check import check
from babyllama.data.leaks.index import Index, Text, indexed, text_of_benchmark, text_of_split
from babyllama.data.leaks.minhash import BANDS, comparable_lines, near_duplicates, rows_for
from babyllama.data.leaks.normal import unit_of, words_of
from babyllama.data.releases.identifying import identify
from babyllama.data.sources import read_source
from babyllama.evaluation.leaks import benchmark_texts
from babyllama.recipe import NEAR_DUPLICATE


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--benchmark", action="append", default=[])
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/leak_speed.json"))
    given = parser.parse_args()
    silence()
    source = read_source(given.corpus)
    named = dict(map(benchmark_and_path, given.benchmark))
    train = text_of_split("train", source.train)
    unit = unit_of([each.path for each in source.train])

    def read() -> None:
        with indexed(train, unit):
            pass

    def against() -> None:
        check(source.train, benchmarks=[*benchmark_texts(named)], within=False)

    def in_full() -> None:
        check(source.train, source.dev, [*benchmark_texts(named)])

    found: dict[str, object] = {
        "bytes": sum(each.path.stat().st_size for each in source.train),
        "seconds": {
            "identify": seconds_of(lambda: identify(given.corpus)),
            "reading": seconds_of(read),
            "against benchmarks": seconds_of(against),
            "with dev and within train": seconds_of(in_full),
        },
    }
    with indexed(first_lines(train, given.lines), unit) as index:
        found["near-duplicates"] = beside_datasketch(index)
    found["peak_memory_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def first_lines(text: Text, count: int) -> Text:
    """The first lines of a text, as texts of a benchmark."""
    lines = (line for read in text.read.values() for batch in read() for line in batch)
    return text_of_benchmark("lines", (line.text for line in itertools.islice(lines, count)))


def beside_datasketch(index: Index) -> dict[str, float]:
    """Seconds for the lines of an index: ours and datasketch's."""
    import datasketch

    lines, rows = comparable_lines(index), rows_for(NEAR_DUPLICATE)
    (read,) = index.text.read.values()
    lines_read = (line for batch in read() for line in batch)
    words = [each for line in lines_read if (each := words_of(line.text, index.unit))]

    def ours() -> None:
        near_duplicates(index, [], threshold=NEAR_DUPLICATE, within=True)

    def theirs() -> None:
        lookup = datasketch.MinHashLSH(num_perm=BANDS * rows, params=(BANDS, rows))
        empty = datasketch.MinHash(num_perm=BANDS * rows)  # its permutations are drawn once
        for number in lines.tolist():
            sketch = empty.copy()
            pairs = itertools.pairwise(words[number])
            sketch.update_batch([" ".join(pair).encode() for pair in pairs])
            lookup.query(sketch)
            lookup.insert(number, sketch)

    return {
        "lines": len(lines),
        "ours": seconds_of(ours),
        "datasketch": seconds_of(theirs),
    }


def seconds_of(call: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
