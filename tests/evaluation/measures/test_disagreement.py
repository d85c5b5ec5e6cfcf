"""Disagreement of models against plain formulas in float64."""

from itertools import combinations

import pytest
import torch
from random_models import random_model, variant
from transformers import AutoModelForCausalLM

from babyllama.errors import InputError
from babyllama.evaluation.measures.disagreement import disagreement
from babyllama.scores.measures import measured


@torch.no_grad()
def plain_pair(one, other, rows):
    p, q = (
        torch.softmax(
            AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
            .eval()(rows)
            .logits[:, :-1],
            -1,
        ).flatten(0, 1)
        for folder in (one, other)
    )
    differ = float((p.argmax(-1) != q.argmax(-1)).double().mean())
    apart = ((p - q) * (p / q).log()).sum(-1).mean() / 2
    return 100 * differ, float(apart)


def test_pairs_and_their_mean_are_the_plain_formulas(two_models, text, tokenizer, tmp_path):
    third = random_model("llama", variant(tokenizer), tmp_path / "third", seed=4)
    models = {"a": two_models[0], "b": two_models[1], "c": third}
    folders = {name: [folder] for name, folder in models.items()}
    found = {each.name: measured(each) for each in disagreement(folders, text, tokens_at_once=50)}
    rows = torch.cat([batch.input_ids for batch in text.batches()])
    expected = {
        pair: plain_pair(*(models[name] for name in pair), rows) for pair in combinations(models, 2)
    }
    assert [*found][:2] == ["disagreement", "pairwise_kl"]
    for number, measure in enumerate(("disagreement", "pairwise_kl")):
        for (one, other), values in expected.items():
            value = found[f"{measure}/{one}/{other}"].value
            assert value == pytest.approx(values[number], rel=1e-3)
        mean = sum(values[number] for values in expected.values()) / 3
        assert found[measure].value == pytest.approx(mean, rel=1e-3)
        low, high = found[measure].interval
        assert low < found[measure].value < high


def test_a_model_agrees_with_itself(two_models, text):
    twice = {"one": two_models[:1], "two": two_models[:1]}
    assert [measured(each).value for each in disagreement(twice, text)] == [0.0] * 4


def test_one_model_and_other_vocabularies_are_refused(two_models, text, tokenizer, tmp_path):
    with pytest.raises(InputError, match="disagreement of one: two models are needed"):
        disagreement({"one": two_models[:1]}, text)
    library = variant(tokenizer, masks=True)
    other = random_model("gpt2", library, tmp_path / "other")
    with pytest.raises(InputError, match="different vocabularies"):
        disagreement({"one": two_models[:1], "two": [other]}, text)
