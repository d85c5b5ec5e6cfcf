"""Do intervals hold the truth as often as they say?

    python -m benchmarks.coverage [--draws 500] [--out FILE.json]

Simulates studies whose true difference is known, as exact integrals: answers to items by two
conditions that share seeds, where a seed shifts both conditions alike, and each by itself. Prints
the percentage of nominal 95% intervals that hold the truth, and writes it as JSON. Between 92 and
98 is right: with 500 draws the simulation itself has a standard error of 1.

Beside ours, for the same draws: Satterthwaite's degrees of freedom, percentiles of a bootstrap over
seeds and items. Takes about ten minutes on one core.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit
from scipy.stats import t

from babyllama.console import print_result, table
from babyllama.runs.files import write_atomically
from babyllama.scores.paired_seeds import (
    bootstrap_over_seeds_and_items,
    paired_seeds_difference,
    paired_seeds_difference_of_scores,
)
from babyllama.scores.rank_correlation import rank_correlation
from babyllama.scores.surfaces import Cell, fitted

SEEDS = (2, 3, 5, 10)
UIDS, ITEMS = 10, 40
RESAMPLES = 300
Generator = np.random.Generator
Interval = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """Two conditions: logits of a right answer, and standard deviations around them.

    Attributes:
        shared, own: of what a seed does to both conditions, and to each.
        uids: each with 40 items, or one with 150.
    """

    name: str
    logits: tuple[float, float]
    shared: float = 0.2
    own: float = 0.15
    uids: int = UIDS
    items: int = ITEMS

    @property
    def truth(self) -> float:
        """The expected difference over seeds and items."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        spread = np.sqrt(ITEM**2 + ITEM_OWN**2 + self.shared**2 + self.own**2)
        ours, theirs = (weights @ expit(m + spread * nodes) / weights.sum() for m in self.logits)
        return float(ours - theirs)


ITEM, ITEM_OWN = 1.0, 0.7  # how items differ in difficulty: for both conditions, for each
CASES = (
    Case("seeds do not matter", (0.8, 0.6), shared=0.0, own=0.0),
    Case("seeds matter", (0.8, 0.6)),
    Case("seeds matter most", (0.8, 0.6), shared=0.3, own=0.4),
    Case("nearly all right", (4.5, 4.2)),
    Case("nearly all wrong", (-4.5, -4.2), own=0.3),
    Case("one UID, seeds matter", (0.8, 0.6), uids=1, items=150),
    Case("one UID, seeds matter most", (0.8, 0.6), shared=0.3, own=0.4, uids=1, items=150),
    Case("one UID, nearly all right", (4.5, 4.2), uids=1, items=150),
)


def main() -> None:
    """Simulate, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/coverage.json"))
    asked = parser.parse_args()
    rows = [*paired(asked.draws), *scores(asked.draws), *grids(asked.draws),
            *correlations(asked.draws)]  # fmt: skip
    head = ["what", "case", *(f"{count} seeds" for count in SEEDS)]
    title = f"Percent of nominal 95% intervals that hold the truth, {asked.draws} draws"
    print_result(
        table(title, head, [[what, case, *map(_cell, found)] for what, case, found in rows])
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(asked.out, json.dumps(rows, indent=1))


Row = tuple[str, str, list[float | None]]


def paired(draws: int) -> Iterator[Row]:
    """Differences paired by seed and item."""
    for case in CASES:
        found: dict[str, list[float | None]] = {}
        for seeds in SEEDS:
            held = _held(lambda g, s=seeds, c=case: _of_answers(g, c, s), case.truth, draws)
            for name, share in held.items():
                found.setdefault(name, []).append(share)
        yield from ((name, case.name, shares) for name, shares in found.items())


def scores(draws: int) -> Iterator[Row]:
    """Measures without items: paired t over seeds."""
    shares: list[float | None] = []
    for seeds in SEEDS:
        held = _held(lambda g, s=seeds: _of_losses(g, s), -0.05, draws)
        shares.append(held["paired t"])
    yield "paired t", "dev cross-entropy", shares


def grids(draws: int) -> Iterator[Row]:
    """The best temperature and alpha of a grid of 3 x 5, each by itself."""
    found: dict[str, list[float | None]] = {"x": [], "y": []}
    for seeds in SEEDS:
        for name, truth in (("x", 2.0), ("y", 0.5)):
            held = _held(lambda g, s=seeds: _of_grid(g, s), truth, draws, only=name)
            found[name].append(held[name])
    yield from (
        (f"optimum's {name}", "3 x 5 grid, seeds as above", each) for name, each in found.items()
    )


def correlations(draws: int) -> Iterator[Row]:
    """Spearman's correlation of checkpoints; trials in the place of seeds."""
    shares: list[float | None] = [None]
    for trials in SEEDS[1:]:
        held = _held(lambda g, n=trials: {"": _of_trials(g, n)}, 0.0, draws)
        shares.append(held[""])
    yield "rank correlation", "6 checkpoints a trial, trials as above", shares


def _held(
    draw: Callable[[Generator], dict[str, Interval]], truth: float, draws: int, only: str = ""
) -> dict[str, float]:
    """Percent of draws whose interval holds the truth, by method."""
    generator = np.random.default_rng(1)
    counts: dict[str, int] = {}
    for _ in range(draws):
        for name, (low, high) in draw(generator).items():
            if only in ("", name):
                counts[name] = counts.get(name, 0) + (low <= truth <= high)
    return {name: 100 * count / draws for name, count in counts.items()}


def _of_answers(generator: Generator, case: Case, seeds: int) -> dict[str, Interval]:
    ours, theirs = _answers(generator, case, seeds)
    weights = [1 / case.uids] * case.uids
    found = paired_seeds_difference(ours, theirs, weights)
    reach = float(t.ppf(0.975, found.degrees)) * found.stderr
    made = {
        "paired by seed and item": found.interval,
        "  Satterthwaite": (found.value - reach, found.value + reach),
    }
    if case.uids == 1:
        table_ = ours[0] - theirs[0]
        booted = bootstrap_over_seeds_and_items(
            lambda s, i: float(table_[s][:, i].mean()),
            table_.mean(axis=1),
            case.items,
            resamples=RESAMPLES,
        )
        made["bootstrap over seeds and items"] = booted.interval
        made["  its percentiles"] = _percentiles(generator, table_)
    return made


def _answers(
    generator: Generator, case: Case, seeds: int
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Right (1) or wrong (0): for each condition a table of seeds by items for each UID."""
    sizes = (case.uids, 1, case.items)
    difficulty = ITEM * generator.normal(size=sizes)
    luck = case.shared * generator.normal(size=(1, seeds, 1))
    made = []
    for mean in case.logits:
        logits = (
            mean
            + difficulty
            + ITEM_OWN * generator.normal(size=sizes)
            + luck
            + case.own * generator.normal(size=(1, seeds, 1))
        )
        made.append((generator.random(logits.shape) < expit(logits)).astype(np.float64))
    return list(made[0]), list(made[1])


def _percentiles(generator: Generator, answers: np.ndarray) -> Interval:
    seeds, items = answers.shape
    by_seed = generator.multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES) / seeds
    by_item = generator.multinomial(items, [1 / items] * items, size=RESAMPLES) / items
    low, high = np.quantile(((by_seed @ answers) * by_item).sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _of_losses(generator: Generator, seeds: int) -> dict[str, Interval]:
    shared = 0.03 * generator.normal(size=seeds)
    ours, theirs = (mean + shared + 0.02 * generator.normal(size=seeds) for mean in (1.75, 1.80))
    return {"paired t": paired_seeds_difference_of_scores(ours, theirs).interval}


def _of_grid(generator: Generator, seeds: int) -> dict[str, Interval]:
    shared = generator.normal(size=seeds)
    cells = [
        Cell(x, y, tuple(70 - 3 * np.log(x / 2) ** 2 - 8 * (y - 0.5) ** 2 + shared
                         + 0.5 * generator.normal(size=seeds)))
        for x in (1.0, 2.0, 4.0) for y in (0.0, 0.3, 0.5, 0.7, 1.0)
    ]  # fmt: skip
    best = fitted(cells, scales=("log", "linear")).optimum
    return {"x": best.x_interval, "y": best.y_interval}


def _of_trials(generator: Generator, trials: int) -> Interval:
    return rank_correlation(
        [generator.normal(size=(1, 2)) + 0.5 * generator.normal(size=(6, 2)) for _ in range(trials)]
    ).interval


def _cell(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f}"


if __name__ == "__main__":
    main()
