"""What a model might say about texts, without one; and the texts that a model would be asked."""

import json

import numpy as np
import pytest

from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Likelihoods


@pytest.fixture
def said():
    """Likelihoods from a text's tokens: a list of log p each, or one number for one token."""

    def make(values, is_top=None):
        rows = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in values]
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        flat = np.concatenate(rows)
        tops = np.zeros(len(flat), bool) if is_top is None else np.concatenate(is_top)
        return Likelihoods(flat, tops.astype(bool), starts.astype(np.int64))

    return make


@pytest.fixture
def write(tmp_path):
    """Write rows as JSON lines into a folder; give the folder."""

    def make(files):
        for name, rows in files.items():
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def score(said):
    """A suite's result as written, and its predictions, where each text is given one number."""

    def make(suite, items, values, name="honest"):
        result, lines = suite.scores(items, said(values), rules_named(name))
        json.dumps([result.written(), lines], allow_nan=False)
        return result.written(), lines

    return make
