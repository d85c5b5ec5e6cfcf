"""Cross-entropy on unseen text: the table's value, with an interval over documents."""

import json
import shutil

import pytest

from babyllama.report.scored_run import scored_run
from babyllama.report.unseen_text import (
    Nats,
    against,
    between,
    cross_entropy,
    in_words,
    signed_nats,
)
from babyllama.runs.run import read_run


def read(folder):
    return scored_run(read_run(folder))


def models(scored, *names):
    return [scored.run.model(name) for name in names]


def test_a_difference_is_that_of_the_values_with_the_interval_of_the_paired_documents(make_run):
    scored = read(make_run(items=20))
    student, twin = models(scored, "distilled", "twin")
    found = against(scored, student, twin)
    assert found.value == pytest.approx(student.dev_loss - twin.dev_loss)
    low, high = found.interval
    assert low < found.value < high < 0
    own = cross_entropy(scored, student).interval
    assert high - low < own[1] - own[0]  # the documents are the same


def test_runs_from_before_there_were_measures_have_values_without_intervals(make_run):
    folder = make_run(items=20)
    shutil.rmtree(folder / "evaluation/measures")
    scored = read(folder)
    (twin,) = models(scored, "twin")
    assert cross_entropy(scored, twin) == Nats(twin.dev_loss, None)
    assert in_words(against(scored, *models(scored, "distilled", "twin"))) == "-0.300"


def test_dev_texts_of_other_tokens_are_not_compared(make_run):
    one, two = make_run("one", items=20), make_run("two", items=20)
    for folder in (one, two):
        shutil.rmtree(folder / "evaluation/measures")
    scored = [read(folder) for folder in (one, two)]
    pairs = [(each, *models(each, "twin")) for each in scored]
    assert between(*pairs).value == 0
    tokens = json.loads((two / "tokens/tokens.json").read_text())
    (two / "tokens/tokens.json").write_text(json.dumps(tokens | {"dev_tokens": 1}))
    other = read(two)
    assert between(pairs[0], (other, *models(other, "twin"))) is None


def test_a_difference_in_words():
    assert in_words(Nats(-0.085, (-0.09, -0.08))) == "better, -0.085 (-0.090 to -0.080)"
    assert (
        in_words(Nats(0.01, (-0.0001, 0.02))) == "not detectably different, 0.010 (0.000 to 0.020)"
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Nats(-0.034, (-0.073, 0.006)), "-0.034, 95% -0.073 to 0.006"),
        (Nats(-0.0001, (-0.0004, 0.0002)), "0.000, 95% 0.000 to 0.000"),
        (Nats(0.02, (0.0001, 0.04)), "0.020, 95% 0.0001 to 0.0400"),
        (Nats(-0.16, None), "-0.160"),
    ],
)
def test_a_signed_difference_in_words(found, words):
    assert signed_nats(found) == words
