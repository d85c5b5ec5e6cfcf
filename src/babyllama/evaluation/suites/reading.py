"""Reading times: how much of the variance that baseline predictors leave does surprisal explain?

A word's surprisal is -ln p(word | its sentence up to it), in nats. Ordinary least
squares predicts a reading time from log frequency, length and position, their pairwise products,
once without and once with surprisal: the score is 100 (R2 with - R2 without) / (1 - R2 without).

- `eye_tracking`, the headline: the mean over first fixation, first pass, go-past and right-bounded
  times.
- `self_paced`: the previous word's length and surprisal, too, are among the plain predictors, with
  all pairwise products (spill-over). Words without a word before them drop out.

Noise explains something, too: a word's surprisal that is another word's explains 100 / (n - k)
percent on average, with n words and k predictors, about 0.06 here. That is subtracted, so that a
model that says nothing scores 0 on average and its interval contains 0.

The rules of 2025 are the pipeline's: the word is tokenised apart, without a leading space, which
byte-level tokenizers take for the rest of the word before; each later piece of it is predicted
after the text up to it has been tokenised anew; a previous text that is "None" is a missing one, as
pandas reads it; and nothing is subtracted, but chance is what noise explains. Under all other
rules a word is read with its space, as the text has it.

Intervals resample sentences, since the words of a sentence are read by the same people.

Source: de Varda et al. 2023 (data); reading/run.py and reading/evaluation_functions.py of the 2025
pipeline.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.suite import Bootstrapped, Published, Suite, bootstrapped
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import TABLES, Row, digest_of, packed_files, read_table, refuse_repeats
from babyllama.scores.regression import is_complete, noise_share, share_explained
from babyllama.scores.results import BenchmarkResult, Subtask

_EYE_TRACKING = ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound")
_SELF_PACED = "self_paced_reading_time"
_PLAIN = ("Subtlex_log10", "length", "context_length")
_NUMBERS = (*_PLAIN, "prev_length", *_EYE_TRACKING, _SELF_PACED)
_WANTED = ("item", "word", "prev_item", "prev_word", "sent_id", *_NUMBERS)


@dataclass(frozen=True)
class ReadWord:
    """A word in its sentence, and how long people took to read it.

    Attributes:
        context: the sentence up to the word.
        previous: the word before and the text before that; None at a sentence's second word.
        numbers: predictors and times in milliseconds, NaN where there is none.
    """

    sentence: str
    context: str
    word: str
    previous: tuple[str, str] | None
    numbers: Mapping[str, float]


def _read(path: Path) -> list[ReadWord]:
    files = packed_files(path, TABLES).items()
    rows = (row for name, data in files for row in read_table(name, data, _WANTED))
    return [_read_word(row) for row in refuse_repeats(rows)]


def _read_word(row: Row) -> ReadWord:
    has_previous = bool(row.values["prev_item"] and row.values["prev_word"])
    return ReadWord(
        sentence=row.text("sent_id"),
        # One sentence begins with "None", which the authors' tools took for a missing value.
        context=row.text("item") if row.values["item"] else "None",
        word=row.text("word"),
        previous=(row.text("prev_item"), row.text("prev_word")) if has_previous else None,
        numbers={key: row.real(key, allow_missing=True) for key in _NUMBERS},
    )


def _texts(words: Sequence[ReadWord], rules: ScoringRules) -> list[Text]:
    texts = []
    for word in words:
        texts.append(_text(word.word, word.context, rules))
        if (previous := _previous(word, rules)) is not None:
            before, last = previous
            texts.append(_text(last, before, rules))
    return texts


def _text(word: str, context: str, rules: ScoringRules) -> Text:
    if rules.name == "2025":
        return Text(word, context, is_separate=True, scored="anew")
    return Text(f" {word}", context)


def _previous(word: ReadWord, rules: ScoringRules) -> tuple[str, str] | None:
    """The word before and its context, as far as the rules see them."""
    is_missing = rules.name == "2025" and word.previous is not None and word.previous[0] == "None"
    return None if is_missing else word.previous


def _scores(
    words: Sequence[ReadWord], likelihoods: Likelihoods, rules: ScoringRules
) -> tuple[BenchmarkResult, list[Facts]]:
    surprisal = iter((-likelihoods.sums()).tolist())
    found = [
        (next(surprisal), math.nan if _previous(word, rules) is None else next(surprisal))
        for word in words
    ]
    columns = {key: np.array([word.numbers[key] for word in words]) for key in _NUMBERS}
    columns["surprisal"], columns["prev_surprisal"] = np.array(found).T
    names = list(dict.fromkeys(word.sentence for word in words))
    number_of = {name: number for number, name in enumerate(names)}
    sentence_of = np.array([number_of[word.sentence] for word in words])
    spill_over = (*_PLAIN, "prev_length", "prev_surprisal")
    plain_of: dict[str, dict[str, tuple[str, ...]]] = {
        **{name: {name: _PLAIN} for name in _EYE_TRACKING},
        "self_paced": {_SELF_PACED: spill_over},
    }
    parts = {name: _explained(columns, each, sentence_of, rules) for name, each in plain_of.items()}
    eye_tracking = dict.fromkeys(_EYE_TRACKING, _PLAIN)
    headline = _explained(columns, eye_tracking, sentence_of, rules)
    result = BenchmarkResult(
        **headline.headline(),
        unit="percent of variance",
        chance=_of_noise(columns, eye_tracking) if rules.name == "2025" else 0.0,
        higher_is_better=True,
        subtasks={name: Subtask(**part.score.written()) for name, part in parts.items()},
        aggregates={
            "eye_tracking": headline.score.score,
            "self_paced": parts["self_paced"].score.score,
        },
        items=digest_of([word.sentence, word.context, word.word] for word in words),
    )
    lines: list[Facts] = [
        {
            "sentence": word.sentence,
            "context": word.context,
            "word": word.word,
            "surprisal": own,
            "prev_surprisal": None if math.isnan(previous) else previous,
        }
        for word, (own, previous) in zip(words, found, strict=True)
    ]
    return result, lines


def _explained(
    columns: Mapping[str, Float64[np.ndarray, " n"]],
    plain_of: Mapping[str, Sequence[str]],
    sentence_of: Int64[np.ndarray, " n"],
    rules: ScoringRules,
) -> Bootstrapped:
    """The mean variance of some times that surprisal explains beyond the plain predictors."""
    explains = np.ptp(columns["surprisal"]) > 0
    raised = _of_noise(columns, plain_of) if rules.name == "2025" and explains else 0.0
    sentences = int(sentence_of.max()) + 1
    surprisal = columns["surprisal"]

    def statistic(
        drawn: Int64[np.ndarray, "resamples sentences"],
    ) -> Float64[np.ndarray, " resamples"]:
        times = np.stack([np.bincount(row, minlength=sentences) for row in drawn])
        counts = times[:, sentence_of].astype(np.float64)
        found = [
            share_explained(columns[time], [columns[key] for key in plain], surprisal, counts)
            for time, plain in plain_of.items()
        ]
        shares: Float64[np.ndarray, " resamples"] = np.mean(found, axis=0)
        return 100 * shares + raised

    found = bootstrapped(statistic, sentences)
    needed = {"surprisal", *plain_of, *(key for plain in plain_of.values() for key in plain)}
    words = int(is_complete([columns[key] for key in needed]).sum())
    return replace(found, score=found.score.model_copy(update={"n": words}))


def _of_noise(
    columns: Mapping[str, Float64[np.ndarray, " n"]], plain_of: Mapping[str, Sequence[str]]
) -> float:
    """The mean variance that noise explains, in percent."""
    surprisal = columns["surprisal"]
    once = np.ones((1, len(surprisal)))
    return 100 * float(
        np.mean([
            noise_share(columns[time], [columns[key] for key in plain], surprisal, once)
            for time, plain in plain_of.items()
        ])
    )  # fmt: skip


SUITE = Suite("reading", _read, _texts, _scores, Published(1_726))
