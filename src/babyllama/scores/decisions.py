"""What a score is the mean of: the decision on each item, right, wrong or a tie.

A result file holds decisions as text by UID, a file of predictions has one per line. Both are
read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from babyllama.errors import InputError
from babyllama.runs.json_files import read_json_lines
from babyllama.runs.rows import digest_of
from babyllama.scores.results import BenchmarkResult

Credits = Float64[np.ndarray, " _"]  # what each item counts: 1, 0, or between for a tie
Parts = Mapping[str, Credits]  # by UID

_LETTERS = {1.0: "1", 0.0: "0", 0.5: "="}
_VALUES = {letter: credit for credit, letter in _LETTERS.items()}


@dataclass(frozen=True)
class Predictions:
    """One model's predictions on a benchmark, in the benchmark's order.

    Attributes:
        keys: (UID, pair) of each item.
        correct: what each item counts: 1, 0, or between for a tie.
        novel: whether the corpus withheld a word of the item from the construction that the item
            tests; None where the benchmark does not say.
        texts: the right text and the likeliest wrong one of each item; ("", "") where the authors
            of a benchmark ask for no public copies.
        margins: nats by which the right text is likelier than the wrong one; None of predictions
            without likelihoods.
    """

    keys: tuple[tuple[str, str], ...]
    correct: Credits
    novel: Bool[np.ndarray, " items"] | None
    texts: tuple[tuple[str, str], ...] = ()
    margins: Float64[np.ndarray, " items"] | None = None

    @property
    def uids(self) -> tuple[str, ...]:
        """The UID of each item."""
        return tuple(uid for uid, _ in self.keys)

    @property
    def digest(self) -> str:
        """A digest of the keys: equal if two models answered the same items."""
        return digest_of(list(key) for key in self.keys)


def read_predictions(file: Path) -> Predictions | None:
    """A file of predictions; None if it does not exist or has no decisions.

    Raises:
        InputError: a line that is not JSON; a line that is no decision in a file of decisions.
    """
    if not file.is_file():
        return None
    lines = list(read_json_lines(file))
    if not lines or not {"UID", "correct"} <= lines[0].keys():
        return None
    for number, line in enumerate(lines, 1):
        if not isinstance(line, dict) or not line.keys() >= {"UID", "pairID", "correct"}:
            raise InputError(
                f"{file}:{number} does not say which item it is and whether it is right",
                mend="See which files are damaged: babyllama verify RUN",
            )
    novel = [line.get("novel") for line in lines]
    sides = [[line.get(f"log_likelihood_{side}") for line in lines] for side in ("good", "bad")]
    is_scored = None not in sides[0] and None not in sides[1]
    return Predictions(
        keys=tuple((str(line["UID"]), str(line["pairID"])) for line in lines),
        correct=np.array([line["correct"] for line in lines], dtype=np.float64),
        novel=None if None in novel else np.array(novel, dtype=np.bool_),
        texts=tuple(
            (str(line.get("sentence_good", "")), str(line.get("sentence_bad", "")))
            for line in lines
        ),
        margins=np.array(sides[0], dtype=np.float64) - np.array(sides[1], dtype=np.float64)
        if is_scored
        else None,
    )


def decisions_of(result: BenchmarkResult, benchmark: str) -> tuple[Parts, ...] | None:
    """Each seed's decisions by UID, from a result; None if it has none.

    A fine-tuning task is one UID, named as the benchmark.
    """
    if not result.seeds:
        texts = [{uid: each.decisions for uid, each in result.subtasks.items()}]
    elif result.metric == "accuracy":
        texts = [{benchmark: each.decisions} for each in result.seeds.values()]
    else:  # the score is not a mean of decisions
        return None
    found = [{uid: decode_decisions(text) for uid, text in seed.items() if text} for seed in texts]
    is_complete = all(seed and len(seed) == len(text)
                      for seed, text in zip(found, texts, strict=True))  # fmt: skip
    return tuple(found) if is_complete else None


def by_uid(uids: tuple[str, ...], credits_: Credits) -> dict[str, Credits]:
    """Credits by UID, in the order in which UIDs first appear."""
    rows: dict[str, list[int]] = {}
    for row, uid in enumerate(uids):
        rows.setdefault(uid, []).append(row)
    return {uid: credits_[own] for uid, own in rows.items()}


def encode_decisions(credits_: Credits) -> str:
    """One character for each item, in order: 1 right, 0 wrong, = a tie that counts half.

    Raises:
        ValueError: a credit that is none of the three.
    """
    values = credits_.tolist()
    unknown = next((value for value in values if value not in _LETTERS), None)
    if unknown is not None:
        raise ValueError(f"a decision counts 1, 0 or 0.5, not {unknown}")
    return "".join(_LETTERS[value] for value in values)


def decode_decisions(text: str) -> Credits:
    """What each item counts, from `encode_decisions`.

    Raises:
        ValueError: a character that is none of the three.
    """
    unknown = next((letter for letter in text if letter not in _VALUES), None)
    if unknown is not None:
        raise ValueError(f"decisions are written with 1, 0 and =, not {unknown!r}")
    return np.array([_VALUES[letter] for letter in text], dtype=np.float64)
