"""LAMBADA: the last word of a passage that cannot be guessed from its last sentence alone.

As `lambada_openai` of lm-evaluation-harness: all up to the last space is the context, a space and
the last word the target. Right is a word of which each token is the likeliest one. Beside it:
perplexity, exp of minus the mean log p of the words (each with all its tokens). A random model is
never right.

Source: Paperno et al. 2016; lm_eval/tasks/lambada of lm-evaluation-harness 0.4.13.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.suite import Published, Suite
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import Row, digest_of, read_rows
from babyllama.scores.certainty import weighted_mean
from babyllama.scores.decisions import encode_decisions
from babyllama.scores.results import BenchmarkResult, Number, Subtask


@dataclass(frozen=True)
class Passage:
    """A passage without its last word, and that word."""

    context: str
    word: str


class LambadaResult(BenchmarkResult):
    """LAMBADA's result, with the perplexity of the last words."""

    perplexity: Number


def _read(path: Path) -> list[Passage]:
    return [_passage(row) for row in read_rows(path, ("text",))]


def _passage(row: Row) -> Passage:
    context, _, word = row.text("text").rpartition(" ")
    if not context.strip() or not word.strip():
        raise InputError(
            f"{row.where}: text has no last word after a space",
            why="The model must predict the last word from the words before it.",
            mend="Write the whole passage, or leave this item out.",
        )
    return Passage(context, word)


def _texts(passages: Sequence[Passage], _rules: ScoringRules) -> list[Text]:
    return [Text(f" {passage.word}", passage.context) for passage in passages]


def _scores(
    passages: Sequence[Passage], likelihoods: Likelihoods, _rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    sums, is_right = likelihoods.sums(), likelihoods.all_top().astype(np.float64)
    score = weighted_mean([is_right], [1.0]).in_percent().written()
    subtask = Subtask(**score, group="lambada", decisions=encode_decisions(is_right))
    result = LambadaResult(
        **score,
        unit="percent",
        chance=0.0,
        higher_is_better=True,
        perplexity=math.exp(-sums.mean()),
        subtasks={"lambada": subtask},
        items=digest_of([passage.context, passage.word] for passage in passages),
    )
    lines: list[Facts] = [
        {
            "context": passage.context,
            "word": passage.word,
            "log_likelihood": log_likelihood,
            "correct": right,
        }
        for passage, log_likelihood, right in zip(
            passages, sums.tolist(), is_right.tolist(), strict=True
        )
    ]
    return result, lines


SUITE = Suite("lambada", _read, _texts, _scores, Published(5_153))
