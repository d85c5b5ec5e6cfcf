"""How many megabytes of each domain a core cleans in a second, by both sets of rules.

    python -m benchmarks.cleaning_speed FOLDER [--megabytes 4] [--repeats 5]

Processor time of `clean_pieces` on text in memory, in blocks as files are read. The peer of `paper`
is a straight port: the regular expressions of the paper's code, one after the other, on the full
text. The peer of `thorough` is the floor of any rule in Python: one pattern that looks at every
letter. Writes the results to --out.
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from babyllama.console import silence
from babyllama.data.cleaning.pieces import clean_pieces
from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import read_source

_BLOCK = 1 << 20
_VOWELS = re.compile("[aeiou](?=q)")


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=float, default=4, help="of each domain, at most")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/cleaning_speed.json"))
    given = parser.parse_args()
    silence()
    results = {
        each.name: measure(
            each.name, first_characters(each.path, int(given.megabytes * 1e6)), given.repeats
        )
        for each in read_source(given.folder).train
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1))
    print(json.dumps(results, indent=1))


def measure(domain: str, text: str, repeats: int) -> dict[str, float]:
    """Megabytes a second: medians of several runs, one after the other by turns."""

    def clean(rules: str) -> None:
        read = partial(blocks_of, text)
        for _ in clean_pieces(read, domain=domain, rules=rules):  # type: ignore[arg-type]
            pass

    work: dict[str, Callable[[], object]] = {
        "thorough": partial(clean, "thorough"),
        "one pattern": partial(_VOWELS.sub, "", text),
        "paper": partial(clean, "paper"),
        "straight port": partial(ported, domain, text),
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, call in work.items():
            started = time.process_time()
            call()
            seconds[name].append(time.process_time() - started)
    size = len(text.encode()) / 1e6
    return {name: size / max(1e-9, statistics.median(each)) for name, each in seconds.items()}


def first_characters(path: Path, number: int) -> str:
    """The start of a file."""
    text = ""
    for block in read_blocks(path):
        text += block
        if len(text) >= number:
            break
    return text[:number]


def blocks_of(text: str) -> Iterator[str]:
    """A text in blocks, as a file is read."""
    return (text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK))


def ported(domain: str, text: str) -> str:
    """The paper's cleaning of a domain, written down as it is described."""
    if domain in ("aochildes", "childes", "bnc_spoken", "cbt"):
        text = re.sub("[ \t\u00a0]+", " ", text)
        text = re.sub(" ([.,;!?])", r"\1", text)
    if domain == "cbt":
        text = re.sub(r"(\w) (['’]\w)", r"\1\2", text)
    if domain in ("bnc_spoken", "simple_wikipedia", "simple_wiki"):
        text = re.sub("\n\n", "", text)
    if domain == "open_subtitles":
        text = re.sub(r"(?im)^.*subtitle.*\n", "", text)
    if domain == "wikipedia":
        text = re.sub("= = = (.+?) = = =\n", r"\1", text)
        text = re.sub("\n\n", "", "\n".join(line.strip() for line in text.splitlines())[1:])
    if domain == "qed":
        text = "\n".join(map(_in_sentence_case, text.splitlines()))
    return text


def _in_sentence_case(line: str) -> str:
    body = re.sub("[.!?]", "", re.sub(r"\([^)]*\)", "", line))
    if body and sum(letter.isupper() for letter in body) / len(body) >= 0.5:
        parts = re.split(r"([.!?]\s*)", line.replace("l", "I"))
        line = "".join(part.capitalize() for part in parts)
    return line.strip()


if __name__ == "__main__":
    main()
