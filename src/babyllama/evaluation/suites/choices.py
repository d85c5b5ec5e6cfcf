"""Choices: of several texts, is the right one the likeliest? From log-likelihoods to scores.

Minimal pairs are choices between two sentences. This module knows neither models nor files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Text
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import digest_of
from babyllama.scores.certainty import Estimate, clustered_interval, weighted_mean
from babyllama.scores.decisions import Credits, by_uid, encode_decisions
from babyllama.scores.results import BenchmarkResult, Subtask

# What gets equal weights: `uids`: UIDs. `groups`: groups, and the items within a group. `nested`:
# groups, and the UIDs within a group. `pairs`: items.
Average = Literal["uids", "groups", "nested", "pairs"]


@dataclass(frozen=True)
class Choice:
    """Texts of which a speaker would prefer the first.

    Attributes:
        uid: the paradigm; the file's name where the data name none.
        item_id: as in the data, else the number of its line, from 0.
        group: the phenomenon that tables show; the UID where the data name none.
        term: the data's own `linguistics_term`, of which BLiMP has one more than groups.
        options: two or more, the right one first.
        novel: whether the item's construction was withheld from training; None if unknown.
        is_private: its authors ask not to publish copies, so predictions do not repeat its texts.
    """

    uid: str
    item_id: str
    group: str
    term: str
    options: tuple[Text, ...]
    novel: bool | None = None
    is_private: bool = False


def choice_texts(choices: Sequence[Choice]) -> list[Text]:
    """All options, a choice's own in a row."""
    return [option for choice in choices for option in choice.options]


def score_choices(
    choices: Sequence[Choice],
    log_likelihoods: Float64[np.ndarray, " texts"],
    rules: ScoringRules,
    *,
    average: Average | None = None,
) -> tuple[BenchmarkResult, list[Facts]]:
    """Score choices: in percent, with 95% intervals, by UID and by group.

    Args:
        log_likelihoods: of all options as `choice_texts` has them, in nats, all finite.
        average: the headline's average, if it differs from the rules'.

    Returns:
        The scores, and one line per item in the order of the choices. `aggregates` are averages of
        the same decisions, which differ: over UIDs, over groups and over the data's terms (both
        with the items inside pooled), and over pairs, that is items.
    """
    sizes = np.array([len(choice.options) for choice in choices])
    rows = _by_choice(choices, log_likelihoods)
    right, best_other = _right_and_best_other(rows)
    credits_ = np.where(right == best_other, rules.tie, (right > best_other).astype(np.float64))
    lines = [_prediction(*each) for each in zip(choices, rows, credits_.tolist(), strict=True)]
    result = BenchmarkResult(
        **_scores(choices, credits_, rules, average),
        chance=float(np.mean(100 / sizes)),
        items=digest(choices),
    )
    return result, lines


def count_ties(choices: Sequence[Choice], log_likelihoods: Float64[np.ndarray, " texts"]) -> int:
    """How many right options are exactly as likely as the likeliest wrong one."""
    return int((margins(choices, log_likelihoods) == 0).sum())


def margins(
    choices: Sequence[Choice], log_likelihoods: Float64[np.ndarray, " texts"]
) -> Float64[np.ndarray, " choices"]:
    """By how many nats each right option is likelier than the likeliest wrong one."""
    right, best_other = _right_and_best_other(_by_choice(choices, log_likelihoods))
    found: Float64[np.ndarray, " choices"] = right - best_other
    return found


def _by_choice(
    choices: Sequence[Choice], log_likelihoods: Float64[np.ndarray, " texts"]
) -> list[Float64[np.ndarray, " options"]]:
    sizes = np.array([len(choice.options) for choice in choices])
    return np.split(log_likelihoods, np.cumsum(sizes)[:-1])


def _right_and_best_other(
    rows: Sequence[Float64[np.ndarray, " options"]],
) -> tuple[Float64[np.ndarray, " choices"], Float64[np.ndarray, " choices"]]:
    return np.array([row[0] for row in rows]), np.array([row[1:].max() for row in rows])


def digest(choices: Iterable[Choice]) -> str:
    """SHA-256 of the items in order: two results pair item by item where theirs are equal."""
    return digest_of(
        [c.uid, c.item_id, *(part for text in c.options for part in (text.context, text.target))]
        for c in choices
    )


def _scores(
    choices: Sequence[Choice], credits_: Credits, rules: ScoringRules, average: Average | None
) -> Facts:
    first: dict[str, Choice] = {}
    for choice in choices:
        first.setdefault(choice.uid, choice)
    parts = by_uid(tuple(choice.uid for choice in choices), credits_)
    group_of = {uid: choice.group for uid, choice in first.items()}
    members: dict[str, dict[str, Credits]] = {}
    for uid, group in group_of.items():
        members.setdefault(group, {})[uid] = parts[uid]
    weights: dict[str, dict[str, float]] = {
        "uids": _evenly(parts),
        "groups": _pooled_within(parts, group_of),
        "terms": _pooled_within(parts, {uid: c.term for uid, c in first.items()}),
        "pairs": _by_size(parts),
    }
    if average == "nested":
        weights["nested"] = _nested(members)
    averages = {name: _mean(parts, each) for name, each in weights.items()}
    headline = average or rules.average
    clustered = clustered_interval(list(parts.values())) if headline == "uids" else None
    within = _by_size if headline == "groups" else _evenly
    return {
        **averages[headline].in_percent().written(),
        **({"interval_clustered": [100 * limit for limit in clustered]} if clustered else {}),
        "unit": "percent",
        "higher_is_better": True,
        "subtasks": {
            uid: Subtask(
                **weighted_mean([part], [1.0]).in_percent().written(),
                group=group_of[uid],
                decisions=encode_decisions(part),
            )
            for uid, part in parts.items()
        },
        "groups": {
            group: _mean(inside, within(inside)).in_percent() for group, inside in members.items()
        },
        "aggregates": {name: 100 * each.score for name, each in averages.items()},
    }


# Every average is a mean of UIDs under some weights.


def _mean(parts: Mapping[str, Credits], weights: Mapping[str, float]) -> Estimate:
    return weighted_mean(list(parts.values()), [weights[uid] for uid in parts])


def _evenly(parts: Mapping[str, Credits]) -> dict[str, float]:
    return {uid: 1 / len(parts) for uid in parts}


def _by_size(parts: Mapping[str, Credits]) -> dict[str, float]:
    total = sum(len(part) for part in parts.values())
    return {uid: len(part) / total for uid, part in parts.items()}


def _nested(members: Mapping[str, Mapping[str, Credits]]) -> dict[str, float]:
    """Equal weights for the blocks, and for the UIDs within a block."""
    return {uid: 1 / len(inside) / len(members) for inside in members.values() for uid in inside}


def _pooled_within(parts: Mapping[str, Credits], block_of: Mapping[str, str]) -> dict[str, float]:
    """Equal weights for the blocks, and for the items within a block."""
    totals: dict[str, int] = {}
    for uid, part in parts.items():
        totals[block_of[uid]] = totals.get(block_of[uid], 0) + len(part)
    return {uid: len(part) / totals[block_of[uid]] / len(totals) for uid, part in parts.items()}


def _prediction(choice: Choice, values: Float64[np.ndarray, " options"], credit: float) -> Facts:
    """The predictions' line for a choice; `sentence_bad` is the likeliest wrong option."""
    bad = 1 + int(values[1:].argmax())
    line: Facts = {"UID": choice.uid, "pairID": choice.item_id, "group": choice.group}
    if not choice.is_private:
        line["sentence_good"] = _whole(choice.options[0])
        line["sentence_bad"] = _whole(choice.options[bad])
    line["log_likelihood_good"] = float(values[0])
    line["log_likelihood_bad"] = float(values[bad])
    line["correct"] = credit
    if len(values) > 2:
        line["log_likelihoods"] = values.tolist()
    return line if choice.novel is None else {**line, "novel": choice.novel}


def _whole(text: Text) -> str:
    return text.context + text.target
