"""Drop the leaks and duplicates of a clean corpus, and write leaks.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.console import format_bytes, print_status
from babyllama.data.leaks.check import DEV, Kind, check
from babyllama.data.leaks.index import Text
from babyllama.data.leaks.removal import remove_copies
from babyllama.data.sources import Domain, read_split
from babyllama.errors import command, numbered
from babyllama.runs.files import write_json
from babyllama.runs.layout import LEAKS, REMOVED

_LARGE = 750_000_000  # bytes of train: 100 million words of BabyLM have 540 MB
_MANY = 0.01  # a share of dev's words that a run should know of before it trains


def drop_copies(
    corpus: Path,
    *,
    source: Path,
    drop: frozenset[Kind],
    near: float,
    benchmarks: Sequence[Text] = (),
) -> dict[str, Any]:
    """Remove leaks or duplicates from train, and print how many.

    Args:
        source: what the corpus is made from, for messages.
        benchmarks: whose texts are leaks, besides dev.

    Returns:
        see `removal.remove_copies`.

    Raises:
        InputError: nothing of train would be left; what `check` raises.
    """
    is_leak = "leak" in drop
    checked = check(
        read_split(corpus, "train"),
        read_split(corpus, "dev") if is_leak else (),
        benchmarks if is_leak else (),
        near=near,
        within="duplicate" in drop,
        drop=drop,
        scratch=corpus,
    )
    removed = remove_copies(corpus, checked, source)
    where = {"leak": "dev or a benchmark", "duplicate": "train itself"}
    unit = checked.found["settings"]["unit"]
    for kind in sorted(drop, reverse=True):
        counts = removed[kind]
        if counts["lines"]:
            print_status(
                f"dropped from train: {numbered(counts['lines'], 'line')} "
                f"({numbered(counts['words'], unit[:-1])}), also in {where[kind]}; {REMOVED} "
                "keeps what was dropped"
            )
        else:
            print_status(f"no line of train was dropped that also stands in {where[kind]}")
    for domain, count in removed["left_in_code"].items():
        print_status(f"{domain}: {count:,} such lines stay, since code needs all its lines")
    return removed


def write_leaks(
    corpus: Path, *, near: float, removed: Mapping[str, Any] | None = None, is_quiet: bool = False
) -> None:
    """Write what dev shares with train, and train's duplicates, to a corpus's leaks.json.

    Nothing is written if train `is_too_large`.

    Args:
        removed: what `drop_copies` returned.
        is_quiet: print nothing, however much it is.

    Raises:
        InputError: what `check` raises.
    """
    train, dev = read_split(corpus, "train"), read_split(corpus, "dev")
    if is_too_large(train, by_hand=command("corpus", "leaks", "CORPUS")):
        return
    found = check(train, dev, near=near, scratch=corpus).found
    write_json(corpus / LEAKS, found | ({"removed": removed} if removed else {}))
    total = found.get(DEV, {}).get("total", {})
    if not is_quiet and total.get("sequence_words", 0) > _MANY * total.get("words", 0):
        share = total["sequence_words"] / total["words"]
        settings = found["settings"]
        print_status(
            f"{share:.1%} of dev's {settings['unit']} stand in sequences of "
            f"{settings['sequence']} that train has too; {LEAKS} says where",
            style="yellow",
        )


def is_too_large(train: Sequence[Domain], *, by_hand: str) -> bool:
    """Whether train has more than 750 MB, so that a run does not check it; if so, prints that.

    The check takes memory for each line. Everything else that a run does with a text takes the same
    memory for any size.

    Args:
        by_hand: the command that makes the check.
    """
    size = sum(each.path.stat().st_size for each in train)
    if size > _LARGE:
        print_status(
            f"no check for leaks: it takes memory for each line of {format_bytes(size)} of text. "
            f"To make it: {by_hand}",
            style="yellow",
        )
    return size > _LARGE
