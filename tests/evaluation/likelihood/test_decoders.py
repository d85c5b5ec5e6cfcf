"""Causal models against one plain pass a sentence in float64, and texts packed as trees."""

import random

import numpy as np
import pytest
import torch
from plain_likelihoods import SENTENCES, assert_near, plain_causal, scorer_of
from random_models import random_model, variant
from transformers import AutoModelForCausalLM

from babyllama.evaluation.likelihood.decoders import pack
from babyllama.evaluation.likelihood.scorer import likelihoods, log_likelihoods
from babyllama.evaluation.likelihood.texts import Text


@pytest.mark.parametrize("chosen", [[0], [1], [0, 1]], ids=["llama", "gpt2", "ensemble"])
@pytest.mark.parametrize(("name", "context"), [("honest", [1]), ("2025", [])])
def test_sums_are_those_of_one_plain_pass_a_sentence(teachers, chosen, name, context):
    folders = [teachers[which] for which in chosen]
    scorer = scorer_of(folders, name)
    expected = plain_causal(folders, scorer.tokenizer, SENTENCES, context=context)
    assert_near(log_likelihoods(scorer, SENTENCES), expected)


def test_a_target_has_what_its_context_lacks_of_the_whole_sentence(teachers):
    # A lone space that begins the target belongs to it.
    scorer = scorer_of(teachers[:1])
    context, target = "The cat sees", " qjx dogs."
    ids = scorer.tokenizer(context + target, add_special_tokens=False)["input_ids"]
    of_context = scorer.tokenizer(context, add_special_tokens=False)["input_ids"]
    assert ids[: len(of_context)] == of_context
    assert scorer.tokenizer.convert_ids_to_tokens(ids[len(of_context)]) == "Ġ"
    whole, part = log_likelihoods(scorer, [context + target, context])
    (found,) = log_likelihoods(scorer, [Text(target, context)])
    assert_near(found, whole - part)
    plain = plain_causal(teachers[:1], scorer.tokenizer, [context + target, context], context=[1])
    assert_near(found, plain[0] - plain[1])


@pytest.mark.parametrize("tokens_at_once", [1, 7, 64, 100_000])
def test_neither_batch_nor_order_nor_padding_matters(teachers, tokens_at_once):
    scorer = scorer_of(teachers, tokens_at_once=tokens_at_once)
    alone = [log_likelihoods(scorer, [sentence])[0] for sentence in SENTENCES]
    order = random.Random(tokens_at_once).sample(range(len(SENTENCES)), len(SENTENCES))
    shuffled = log_likelihoods(scorer, [SENTENCES[at] for at in order])
    assert_near(shuffled, np.array(alone)[order])


def test_a_sliding_window_is_kept(tokenizer, tmp_path):
    folder = random_model("mistral", variant(tokenizer), tmp_path, sliding_window=4)
    scorer = scorer_of([folder])
    expected = plain_causal([folder], scorer.tokenizer, SENTENCES, context=[1])
    assert_near(log_likelihoods(scorer, SENTENCES), expected)


def test_ordinary_decoders_are_read_as_trees(teachers):
    # A broken tree is detected and not used, so the log-likelihoods alone would not show it.
    assert [scorer_of([folder]).model.width for folder in teachers] == [64, 64]
    assert scorer_of(teachers).model.width == 64


@pytest.mark.parametrize("width", [1, 12, 64])
def test_every_text_is_a_complete_path_of_its_row(teachers, width):
    scorer = scorer_of(teachers)
    encoded = {each.key: each for each in scorer.encode([Text(text) for text in SENTENCES])}
    ordered = [encoded[key] for key in sorted(encoded)]
    rows = list(pack(ordered, width=width))
    seen = {}
    for row in rows:
        labels = {number: pair for pair, number in row.edges.items()}
        for number, edges in row.texts:
            node, _ = labels[edges[-1]]
            path = [j for j in range(node + 1) if j <= node < row.ends[j]]
            assert [row.depths[at] for at in path] == list(range(len(path)))
            seen[number] = [row.tokens[at] for at in path]
            assert [labels[edge][1] for edge in edges] == ordered[number].ids.tolist()[1:]
    assert [seen[number] for number in sorted(seen)] == [e.ids.tolist()[:-1] for e in ordered]
    nodes, inputs = sum(len(row.tokens) for row in rows), sum(each.input_length for each in ordered)
    assert nodes == inputs if width == 1 else nodes < inputs
    assert all(len(row.tokens) <= width or len(row.texts) == 1 for row in rows)


def test_top_tokens_are_those_of_the_largest_logits(teachers):
    scorer = scorer_of(teachers[:1])
    model = AutoModelForCausalLM.from_pretrained(teachers[0]).eval()
    texts = [*SENTENCES, "The cat sees"]
    found = likelihoods(scorer, [Text(text) for text in texts])
    expected = []
    for text in texts:
        ids = torch.tensor([[1, *scorer.tokenizer(text, add_special_tokens=False).input_ids]])
        with torch.no_grad():
            expected += (model(ids).logits[0, :-1].argmax(dim=-1) == ids[0, 1:]).tolist()
    assert found.is_top.tolist() == expected
    assert {True, False} == set(expected)
    ends = np.cumsum(found.counts())[:-1]
    assert found.all_top().tolist() == [all(part) for part in np.split(expected, ends)]
