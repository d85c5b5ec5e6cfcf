"""SyntaxGym: is a region less surprising where grammar asks for it? Suites of controlled sentences.

A suite is a .json file as syntaxgym.org publishes it, or a line of .jsonl: items, each with a
sentence in several conditions, cut into numbered regions, and predictions, formulas over the
regions' surprisal (see `region_formulas`). A region's surprisal is that of its tokens after the
text up to it, in bits, summed or as the suite's `metric` says; a space between two regions
belongs to the later one, also where it is a token of its own. Regions are joined by spaces, empty
ones left out.

An item is right if all predictions hold. The suite is the UID, and the headline the mean over
suites. Chance is the share of items that are right if all regions' surprisals are drawn alike.

Source: Hu et al. 2020, A Systematic Assessment of Syntactic Generalization in Neural Language
Models; Gauthier et al. 2020; cpllab/syntaxgym-core.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from babyllama.errors import InputError, kind_of
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.region_formulas import Formula, Region, parse_formula
from babyllama.evaluation.suites.suite import Suite
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import (
    JSON_LINES,
    Row,
    digest_of,
    json_value,
    packed_files,
    read_json_lines,
    stem_of,
    text_of,
)
from babyllama.scores.certainty import clustered_interval, weighted_mean
from babyllama.scores.decisions import by_uid, encode_decisions
from babyllama.scores.results import BenchmarkResult, Subtask

_METRICS: Mapping[str, Callable[[np.ndarray], float]] = {
    "sum": lambda bits: float(bits.sum()),
    "mean": lambda bits: float(bits.mean()) if len(bits) else 0.0,
    "median": lambda bits: float(np.median(bits)) if len(bits) else 0.0,
    "max": lambda bits: float(bits.max(initial=0.0)),
    "min": lambda bits: float(bits.min()) if len(bits) else 0.0,
    "range": lambda bits: float(np.ptp(bits)) if len(bits) else 0.0,
}
_WANTED = ("items", "predictions")
_FORMULA = "(2;%match%) < (2;%mismatch%), with numbers of regions and names of conditions"
_DRAWS = 10_000  # for chance


@dataclass(frozen=True)
class RegionItem:
    """An item: its regions' contents, by condition and number, in the order of the sentences.

    Attributes:
        uid: the suite's name.
        predictions: of its suite; all its items share them.
    """

    uid: str
    number: str
    regions: Mapping[Region, str]
    metric: str
    predictions: Sequence[Formula]

    def texts(self) -> dict[Region, Text]:
        """What is scored for each region that is not empty."""
        found: dict[Region, Text] = {}
        before: dict[str, str] = {}
        for (condition, number), content in self.regions.items():
            if content:
                context = before.get(condition, "")
                target = f" {content}" if context else content
                found[condition, number] = Text(target, context)
                before[condition] = context + target
        return found


def _read(path: Path) -> list[RegionItem]:
    items: list[RegionItem] = []
    file_of: dict[str, str] = {}
    for where, stem, suite in _suites(path):
        entries = _list(where, suite, "items")
        meta = _object(where, suite.get("meta", {}), "meta")
        uid = str(meta.get("name") or stem)
        other = file_of.setdefault(uid, where)
        if other != where:
            raise InputError(
                f"{other} and {where} are the same suite, {uid}",
                why="Its items would count twice, and the interval would be too narrow.",
                mend="Remove one of the two.",
            )
        items += _items(where, uid, str(meta.get("metric", "sum")), suite, entries)
    return items


def _suites(path: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Place, file name and contents of each suite: a .json file is one, and a line of .jsonl."""
    for name, data in packed_files(path, (".json", ".json.gz", *JSON_LINES)).items():
        if name.endswith(JSON_LINES):
            for row in read_json_lines(name, data, _WANTED):
                yield row.where, row.stem, row.values
        else:
            where = f"{name}:1"
            yield where, stem_of(name), _object(where, json_value(name, text_of(name, data)))


def _items(
    where: str, uid: str, metric: str, suite: Mapping[str, Any], entries: Sequence[Any]
) -> list[RegionItem]:
    if metric not in _METRICS:
        raise InputError(
            f"{where}: meta.metric is {metric!r}", mend=f"Choose one of {', '.join(_METRICS)}."
        )
    found: list[RegionItem] = []
    regions: dict[Region, str] = {}
    predictions: Sequence[Formula] = []
    for at, each in enumerate(entries):
        place = f"{where}: items[{at}]"
        item = _object(place, each)
        own = _regions(place, item)
        if not found:
            regions, predictions = own, _predictions(where, suite, list(own))
        elif own.keys() != regions.keys():
            raise InputError(
                f"{place} has other conditions or regions than the first item",
                why="A prediction is computed for every item, from the same regions.",
                mend="Correct the item, or put it into a suite of its own.",
            )
        found.append(RegionItem(uid, str(item.get("item_number", at)), own, metric, predictions))
    return found


def _regions(where: str, item: Mapping[str, Any]) -> dict[Region, str]:
    found: dict[Region, str] = {}
    for condition in _list(where, item, "conditions"):
        values = _object(where, condition, "a condition")
        of_condition = Row(where, "", 0, values, ("condition_name", "regions"))
        name = of_condition.text("condition_name")
        for region in _list(f"{where}, {name}", values, "regions"):
            own = _object(where, region, "a region")
            row = Row(f"{where}, {name}", "", 0, own, ("region_number", "content"))
            content = row.text("content", may_be_empty=True).strip()
            found[name, row.count("region_number")] = content
    return found


def _predictions(
    where: str, suite: Mapping[str, Any], regions: Sequence[Region]
) -> Sequence[Formula]:
    found = []
    for at, each in enumerate(_list(where, suite, "predictions")):
        values = _object(where, each, "a prediction")
        place = f"{where}: predictions[{at}]"
        formula = Row(place, "", 0, values, ("formula",)).text("formula")
        try:
            found.append(parse_formula(formula, regions))
        except ValueError as error:
            raise InputError(
                f"{place}: the formula {formula} cannot be read: {error}",
                mend=f"Write it like this: {_FORMULA}",
            ) from None
    return found


def _object(where: str, value: Any, what: str = "it") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: {what} is {kind_of(value)}, not an object",
            why="Expected: a suite of SyntaxGym, with meta, predictions and items.",
            mend="Check that this is the right file.",
        )
    return value


def _list(where: str, values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    if not isinstance(found, list) or not found:
        raise InputError(
            f"{where}: has no {key}",
            why=f"Expected: a suite of SyntaxGym, {', '.join(_WANTED)}, each a list. "
            f"Found: {', '.join(values) or 'nothing'}.",
            mend="Check that this is the right file.",
        )
    return found


def _texts(items: Sequence[RegionItem], _rules: ScoringRules) -> list[Text]:
    return [text for item in items for text in item.texts().values()]


def _scores(
    items: Sequence[RegionItem], likelihoods: Likelihoods, _rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    surprisals = _surprisals(items, likelihoods)
    held = [_holds(item, own) for item, own in zip(items, surprisals, strict=True)]
    credits_ = np.array([bool(each.all()) for each in held], dtype=np.float64)
    parts = by_uid(tuple(item.uid for item in items), credits_)
    score = weighted_mean(list(parts.values()), [1 / len(parts)] * len(parts)).in_percent()
    clustered = clustered_interval(list(parts.values()))
    first = {item.uid: item for item in reversed(items)}
    result = BenchmarkResult(
        **score.written(),
        **({"interval_clustered": [100 * limit for limit in clustered]} if clustered else {}),
        unit="percent",
        higher_is_better=True,
        chance=100 * float(np.mean([_chance(item) for item in first.values()])),
        subtasks={
            uid: Subtask(
                **weighted_mean([part], [1.0]).in_percent().written(),
                group=uid,
                decisions=encode_decisions(part),
            )
            for uid, part in parts.items()
        },
        aggregates={
            "suites": score.score,
            "items": 100 * float(credits_.mean()),
            "predictions": 100 * float(np.concatenate(held).mean()),
        },
        items=digest_of(
            [item.uid, item.number, *map(list, item.regions), *item.regions.values()]
            for item in items
        ),
    )
    lines: list[Facts] = [
        {
            "UID": item.uid,
            "pairID": item.number,
            "surprisals": {f"{number};{name}": bits for (name, number), bits in own.items()},
            "predictions": each.tolist(),
            "correct": credit,
        }
        for item, own, each, credit in zip(items, surprisals, held, credits_.tolist(), strict=True)
    ]
    return result, lines


def _surprisals(items: Sequence[RegionItem], likelihoods: Likelihoods) -> list[dict[Region, float]]:
    """Each region's surprisal in bits under its suite's metric; 0 of an empty one."""
    found = []
    text = 0
    for item in items:
        own = dict.fromkeys(item.regions, 0.0)
        for region in item.texts():
            bits = -likelihoods[text : text + 1].values / np.log(2)
            own[region] = _METRICS[item.metric](bits)
            text += 1
        found.append(own)
    return found


def _holds(
    item: RegionItem, surprisals: Mapping[Region, float]
) -> Bool[np.ndarray, " predictions"]:
    values = {region: np.array(bits) for region, bits in surprisals.items()}
    return np.array([bool(formula(values)) for formula in item.predictions])


def _chance(item: RegionItem) -> float:
    """The share of draws in which all predictions hold."""
    generator = np.random.default_rng(0)
    drawn = {region: generator.normal(size=_DRAWS) for region in item.regions}
    return float(np.mean(np.all([formula(drawn) for formula in item.predictions], axis=0)))


SUITE = Suite("syntaxgym", _read, _texts, _scores)
