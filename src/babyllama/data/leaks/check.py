"""Check a corpus for leaks of dev and of benchmarks into train, and duplicates within train."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from babyllama.data.leaks.comparing import Comparison, Why, compare_with_train, compare_within
from babyllama.data.leaks.counts import counted, sizes
from babyllama.data.leaks.index import Index, Text, indexed, text_of_split
from babyllama.data.leaks.minhash import BANDS, missed, near_duplicates, rows_for
from babyllama.data.leaks.normal import Unit, unit_of
from babyllama.data.leaks.places import Place, places_of
from babyllama.data.leaks.samples import repeated_most, samples
from babyllama.data.sources import Domain
from babyllama.recipe import NEAR_DUPLICATE

DEV, TRAIN = "dev", "train"
Kind = Literal["leak", "duplicate"]  # of dev or a benchmark; of train itself


@dataclass(frozen=True)
class Copy:
    """Why a line of train is a copy, and where the other one stands.

    Attributes:
        where: `dev`, `train` or a benchmark's name.
    """

    kind: Kind
    why: Why
    where: str
    place: Place


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        found: the counts and samples, as JSON: see `check`.
        copies: the lines of train that are to be dropped, by their kind.
    """

    found: dict[str, Any]
    copies: Mapping[Kind, Mapping[Place, Copy]]


def check(
    train: Sequence[Domain],
    dev: Sequence[Domain] = (),
    benchmarks: Sequence[Text] = (),
    *,
    near: float = NEAR_DUPLICATE,
    within: bool = True,
    drop: frozenset[Kind] = frozenset(),
    scratch: Path | None = None,
) -> Checked:
    """Compare train with dev and with benchmarks, and with itself.

    Takes time in proportion to the text, and memory in proportion to its lines; the words of train
    are in a file meanwhile.

    Args:
        near: from this Jaccard similarity on, lines are near-duplicates.
        within: whether train is compared with itself.
        drop: the kinds of copies whose places are wanted.
        scratch: where files lie meanwhile.

    Returns:
        `settings` and `train` (its size); `dev` if there is one, `benchmarks` by name, `within`:
        what `counts.counted` says of each, with `samples`.

    Raises:
        InputError: a text that cannot be read; `near` is not above 0 and at most 1.
    """
    rows = rows_for(near)
    texts = [text_of_split(DEV, dev), *benchmarks] if dev else list(benchmarks)
    unit = unit_of([domain.path for domain in train])
    with ExitStack() as stack:
        index = stack.enter_context(indexed(text_of_split(TRAIN, train), unit, scratch=scratch))
        targets = [stack.enter_context(indexed(each, unit, scratch=scratch)) for each in texts]
        pairs = near_duplicates(index, targets, threshold=near, within=within)
        compared = compare_with_train(index, targets, pairs.targets) if targets else []
        itself = [compare_within(index, pairs.within)] if within else []
        found: dict[str, Any] = {"settings": _settings(unit, near, rows), TRAIN: sizes(index)}
        of_benchmarks = compared[1:] if dev else compared
        if dev:
            found[DEV] = _report(compared[0], index)
        found["benchmarks"] = {each.text.text.name: _report(each, index) for each in of_benchmarks}
        for each in itself:
            found["within"] = {**_report(each, index), "most": repeated_most(index)}
        return Checked(
            found,
            copies={
                kind: dict(_copies(index, compared if kind == "leak" else itself, kind))
                for kind in drop
            },
        )


def _settings(unit: Unit, near: float, rows: int) -> dict[str, Any]:
    return {
        "unit": unit.name,
        "sequence": unit.sequence,
        "shortest": unit.shortest,
        "near": near,
        "shingle": unit.shingle,
        "bands": BANDS,
        "rows": rows,
        "missed_at_near": missed(near),
    }


def _report(found: Comparison, train: Index) -> dict[str, Any]:
    return {**counted(found, train), "samples": samples(found, train)}


def _copies(
    train: Index, compared: Iterable[Comparison], kind: Kind
) -> Iterable[tuple[Place, Copy]]:
    """Each line of train that is a copy, with the first reason."""
    done = np.zeros(len(train.hashes), bool)
    for each in compared:
        for why, copies in each.dropped.items():
            is_new = ~done[copies.lines]
            done[copies.lines] = True
            own = places_of(train, copies.lines[is_new])
            others = places_of(each.text, copies.others[is_new])
            for place, other in zip(own, others, strict=True):
                yield place, Copy(kind, why, each.text.text.name, other)
