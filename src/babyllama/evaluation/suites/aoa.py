"""Age of acquisition, BabyLM 2023: do words that surprise a model come late to children?

A word's surprisal, averaged over what is said to children, predicts with concreteness, frequency
and lexical category at which age children know it; the score is how far the prediction is off, in
months, each word left out once. Lower is better. `chance` is the same regression without
surprisal.

Two surprisals, both in `aggregates`:
- `as_meant`: -ln p(word | the utterance before it). The headline of all rules but
  2023's.
- `as_coded`, the headline under 2023: the pipeline reads a causal model's output one position too
  late, after the word: -ln p(the word again | the utterance up to and including the word). For a
  word of several tokens it sums p(token | everything up to and including that token); here it is
  the word repeated, which is the same for words of one token. For masked models the pipeline masks
  nothing; here the repetition is masked.

Words are found as complete words, case-sensitive, in the utterances that list them. The pipeline
finds a word's tokens, with and without a space before them and also inside longer words, in all
utterances of its batch of 32, cut to 50 tokens; so `as_coded` is close to its score, not equal.

Source: lm_eval/tasks/aoa_pred.py of the 2023 pipeline; Portelance et al. 2023 for the regression.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float64

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.suite import Suite, bootstrapped_mean
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import (
    CORRECT_ITEM,
    JSON_LINES,
    Row,
    digest_of,
    json_value,
    packed_files,
    read_json_lines,
    read_table,
    text_of,
)
from babyllama.scores.regression import errors_left_out, residuals, standardised
from babyllama.scores.results import BenchmarkResult, Subtask

_WORDS = "word_list.csv"
_PUBLISHED = "sent_words.json"  # one list; our own files have an utterance a line
_CATEGORIES = ("nouns", "function_words", "predicates")
_COLUMNS = ("word_clean", "lexical_category", "aoa", "concreteness", "frequency")


@dataclass(frozen=True)
class Word:
    """A word that children learn.

    Attributes:
        category: nouns, function_words or predicates.
        months: the age at which half of the children know it.
        concreteness: as people rate it.
        frequency: times it is said in CHILDES.
        uses: utterances up to a use of the word, and the word with the space before it.
    """

    word: str
    category: str
    months: float
    concreteness: float
    frequency: int
    uses: tuple[tuple[str, str], ...]


def _read(path: Path) -> list[Word]:
    files = packed_files(path, (*JSON_LINES, _PUBLISHED), beside=_WORDS)
    tables = [name for name in files if PurePosixPath(name).name == _WORDS]
    if not tables:
        raise InputError(
            f"{path} has no {_WORDS}",
            why="This file lists the words that children learn, and their ages.",
            mend=f"Name a folder with {_WORDS} and the utterances.",
        )
    uses = uses_of(
        [row for name in files if name not in tables for row in _rows(name, files[name])]
    )
    words = [_word(row, uses) for name in tables for row in read_table(name, files[name], _COLUMNS)]
    used = [word for word in words if word.uses]
    if len({word.category for word in used}) < len(_CATEGORIES):
        raise InputError(
            f"{path}: the utterances hold no words of some category",
            why=f"The regression has a term for each of {', '.join(_CATEGORIES)}.",
            mend="Check that the utterances belong to this word list.",
        )
    return used


def _rows(name: str, data: bytes) -> list[Row]:
    wanted = ("sent", "words")
    if not name.endswith(_PUBLISHED):
        return list(read_json_lines(name, data, wanted))
    items = json_value(name, text_of(name, data))
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InputError(
            f"{name}: is not a list of objects with `sent` and `words`",
            mend="Check that this is the right file.",
        )
    return [Row(f"{name}[{i}]", _PUBLISHED, i, item, wanted) for i, item in enumerate(items)]


def uses_of(rows: Iterable[Row]) -> dict[str, list[tuple[str, str]]]:
    """For each listed word: the text before each use, and the word with the space before it."""
    uses: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        utterance = row.text("sent")
        for word in row.texts("words", at_least=0):
            for found in re.finditer(rf" ?(?<!\w){re.escape(word)}(?!\w)", utterance):
                uses.setdefault(word, []).append((utterance[: found.start()], found[0]))
    return uses


def _word(row: Row, uses: Mapping[str, Sequence[tuple[str, str]]]) -> Word:
    word, category = row.text("word_clean"), row.text("lexical_category")
    if category not in _CATEGORIES:
        raise InputError(
            f"{row.where}: lexical_category is {category!r}, not one of {', '.join(_CATEGORIES)}",
            mend=CORRECT_ITEM,
        )
    frequency = row.count("frequency")
    if not frequency:
        raise InputError(
            f"{row.where}: frequency is 0", why="Its logarithm is a predictor.", mend=CORRECT_ITEM
        )
    return Word(
        word, category, row.real("aoa"), row.real("concreteness"), frequency,
        tuple(uses.get(word, ())),
    )  # fmt: skip


def _texts(words: Sequence[Word], _rules: ScoringRules) -> list[Text]:
    """Two texts for each use: the word in its place, and the word repeated after itself."""
    texts = []
    for word in words:
        for before, itself in word.uses:
            texts += [Text(itself, before), Text(f" {itself.lstrip()}", before + itself)]
    return texts


def _scores(
    words: Sequence[Word], likelihoods: Likelihoods, rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    nats = (-likelihoods.sums()).reshape(-1, 2)
    ends = np.cumsum([len(word.uses) for word in words])
    means = np.array([part.mean(axis=0) for part in np.split(nats, ends[:-1])])
    errors = {
        "as_meant": np.abs(loo_errors(words, means[:, 0])),
        "as_coded": np.abs(loo_errors(words, means[:, 1])),
    }
    chosen = errors["as_coded" if rules.name == "2023" else "as_meant"]
    category_of = np.array([word.category for word in words])
    result = BenchmarkResult(
        **bootstrapped_mean(chosen).headline(),
        unit="months",
        chance=float(np.abs(loo_errors(words, None)).mean()),
        higher_is_better=False,
        subtasks={
            name: Subtask(**bootstrapped_mean(chosen[category_of == name]).score.written())
            for name in _CATEGORIES
        },
        aggregates={name: float(each.mean()) for name, each in errors.items()},
        items=digest_of([word.word, word.category, word.months, word.uses] for word in words),
    )
    lines: list[Facts] = [
        {
            "word": word.word,
            "category": word.category,
            "months": word.months,
            "uses": len(word.uses),
            "surprisal_as_meant": meant,
            "surprisal_as_coded": coded,
            "error_in_months": error,
        }
        for word, (meant, coded), error in zip(words, means.tolist(), chosen.tolist(), strict=True)
    ]
    return result, lines


def loo_errors(
    words: Sequence[Word], surprisal: Float64[np.ndarray, " words"] | None
) -> Float64[np.ndarray, " words"]:
    """The error of each word's age, predicted from the other words, in months.

    Linear regression on two dummies (nouns are the base), concreteness, unigram surprisal and what
    that leaves of the model's surprisal, each standardised over all words, and the products of
    dummies and these.

    Args:
        surprisal: in nats, a word each; None: the regression without it.
    """
    counts = np.array([word.frequency for word in words], dtype=np.float64)
    unigram = -np.log(counts / counts.sum())
    columns = [np.array([word.concreteness for word in words]), unigram]
    if surprisal is not None:
        columns.append(residuals([unigram], surprisal))
    scaled = [standardised(column) for column in columns]
    dummies = [
        np.array([float(word.category == name) for word in words]) for name in _CATEGORIES[1:]
    ]
    products = [dummy * column for dummy in dummies for column in scaled]
    months = np.array([word.months for word in words])
    return errors_left_out([*dummies, *scaled, *products], months)


SUITE = Suite("aoa", _read, _texts, _scores)
