"""Choices that are close in bfloat16 are decided as in float32."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from babyllama.evaluation import close_choices
from babyllama.evaluation import evaluate as evaluation
from babyllama.evaluation.close_choices import rescore_close
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer
from babyllama.evaluation.suites.choices import choice_texts, margins
from babyllama.evaluation.suites.minimal_pairs import read_pairs

WORDS = ["the", "a", "cat", "cats", "dog", "ball", "sees", "see", "where", "is", "small"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """800 sentences, each beside one with the same words in another order."""
    generator = random.Random(1)
    rows = ["sentence_good\tsentence_bad"]
    for _ in range(800):
        words = generator.choices(WORDS, k=5)
        other = generator.sample(words, k=5)
        rows.append(f"{' '.join(words)}.\t{' '.join(other)}.")
    file = tmp_path_factory.mktemp("pairs") / "order.tsv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def scorer_in(dtype, folders):
    return load_scorer(folders, rules_named("honest"), device=torch.device("cpu"), dtype=dtype)


@pytest.mark.parametrize("averaged", [False, True])
def test_decisions_are_those_of_float32(teachers, pairs, averaged, monkeypatch):
    """With errors larger than those of bfloat16, so that some decisions do differ before."""
    monkeypatch.setattr(close_choices, "_SAMPLE", 100)
    choices = read_pairs(pairs)
    texts = choice_texts(choices)

    def margins_of(found):
        return margins(choices, (found.averaged() if averaged else found).sums())

    exact = likelihoods(scorer_in(torch.float32, teachers), texts)
    errors = np.random.default_rng(0).normal(0, 0.01, len(exact.values))
    found = replace(exact, values=exact.values + errors)
    scorer = scorer_in(torch.float32, teachers)
    rescored = rescore_close(scorer, choices, texts, found, averaged=averaged)
    before, after, right = (margins_of(each) for each in (found, rescored.found, exact))
    assert (np.sign(before) != np.sign(right)).sum() > 2
    assert np.sign(after).tolist() == np.sign(right).tolist()
    assert np.abs(before - right).max() < rescored.bound
    again = after != before
    assert again.sum() == rescored.count < len(choices) / 2
    assert np.abs(after - right)[again].max() < 1e-5


def test_few_choices_are_all_scored_in_float32(teachers, pairs):
    choices = read_pairs(pairs)[:40]
    texts = choice_texts(choices)
    rounded = scorer_in(torch.bfloat16, teachers)
    exact = replace(rounded, model=rounded.model.in_float32())
    rescored = rescore_close(exact, choices, texts, likelihoods(rounded, texts))
    expected = likelihoods(scorer_in(torch.float32, teachers), texts)
    assert rescored.count == 40
    assert np.abs(rescored.found.values - expected.values).max() < 1e-5
    assert rescored.found.is_top.tolist() == expected.is_top.tolist()


def test_the_bound_grows_with_what_is_seen(teachers, pairs, monkeypatch):
    """A movement that the sample lacks widens the bound, so that what it hid is scored again."""
    monkeypatch.setattr(close_choices, "_SAMPLE", 1)
    choices = read_pairs(pairs)
    texts = choice_texts(choices)
    scorer = scorer_in(torch.float32, teachers)
    exact = likelihoods(scorer, texts)
    errors = np.random.default_rng(0).normal(0, 0.01, len(exact.values))
    found = replace(exact, values=exact.values + errors)
    rescored = rescore_close(scorer, choices, texts, found)
    right, after = (margins(choices, each.sums()) for each in (exact, rescored.found))
    assert rescored.bound > 0.05
    assert np.sign(after).tolist() == np.sign(right).tolist()


def test_an_evaluation_in_bfloat16_says_that_close_choices_are_rescored(teachers, pairs, capsys):
    found = {
        precision: evaluation.evaluate(
            teachers[:1], {"order": pairs}, name="llama", rules="honest", precision=precision
        )
        for precision in ("float32", "bfloat16")
    }
    scores = [each.benchmarks["order"] for each in found.values()]
    assert scores[0].subtasks == scores[1].subtasks
    assert found["bfloat16"].rules["dtype"] == "bfloat16, close choices in float32"
    said = capsys.readouterr().err
    assert "of 800 items were scored again in float32: a sample, and all whose margin" in said


def test_dev_text_alone_has_no_close_choices(teachers, tokens):
    found = evaluation.evaluate(
        teachers[:1], {}, name="llama", rules="honest", precision="bfloat16", tokens=tokens,
        window=16,
    )  # fmt: skip
    assert found.rules["dtype"] == "bfloat16"
