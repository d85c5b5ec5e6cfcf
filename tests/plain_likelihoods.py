"""Scores in float64 by plain passes of transformers: what every kind of model must agree with."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer
from babyllama.evaluation.likelihood.texts import Text

SENTENCES = [
    "The cat sees a dog.", "The cat sees a dog.", "A dog sees the cats.", "Where?",
    "Anna gives Ben two red apples that the children have never seen behind the old house.",
    "Wo ist der Bär?\nHier, \u2028 sagt er.", "x", "Snow, snow and no end of snow.",
]  # fmt: skip
_LINES = ["The cat sees a dog.", "The cats see a dog.", "Anna gives Ben two red apples.", "Where?"]
TEXTS = [*(Text(line) for line in _LINES), Text(" a dog.", context="The cat sees")]
SHORT = 40  # positions of the models of `folder_of`


_UNIT = float(np.finfo(np.float32).eps)
_TERMS = 32  # of the longest sums, about


def near(expected, *, terms=_TERMS):
    """What a sum of log-probabilities may be in float32.

    Each term is off by some units in the last place of a logit, whichever kernels computed it, and
    their sum by as many of its own.
    """
    return pytest.approx(expected, rel=64 * _UNIT, abs=64 * _UNIT * terms)


def assert_near(found, expected, *, terms=_TERMS):
    """Arrays of such sums agree."""
    np.testing.assert_allclose(found, expected, rtol=64 * _UNIT, atol=64 * _UNIT * terms)


def scorer_of(folders, name="honest", **more):
    return load_scorer(folders, rules_named(name), device=torch.device("cpu"), **more)


def assert_agree(scorer, expected):
    """TEXTS have these log-likelihoods, a list for each, together and alone."""
    found = likelihoods(scorer, TEXTS)
    assert_near(found.values, np.concatenate(expected))
    np.testing.assert_array_equal(found.counts(), [len(values) for values in expected])
    alone = [likelihoods(scorer, [text]).sums()[0] for text in TEXTS]
    assert_near(found.sums(), alone)


def plain_causal(folders, tokenizer, sentences, *, context):
    """Sums of the mean of the models' logits, one sentence at a time."""
    models = [AutoModelForCausalLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    sums = []
    for sentence in sentences:
        ids = [*context, *tokenizer(sentence, add_special_tokens=False).input_ids]
        with torch.no_grad():
            logits = sum(model(torch.tensor([ids])).logits[0] for model in models) / len(models)
        log_p = torch.log_softmax(logits, dim=-1)
        sums.append(sum(float(log_p[at - 1, ids[at]]) for at in range(1, len(ids))))
    return np.array(sums)


def plain_sum(folder, ids):
    """log p of all tokens but the first."""
    return plain_values(folder, ids).sum()


def plain_values(folder, ids):
    """log p of each token but the first."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
    return np.array([float(log_p[at - 1, ids[at]]) for at in range(1, len(ids))])


def plain_token_bits(folder, tokenizer, text, *, context=1):
    """Surprisal of each of a text's tokens after a context token."""
    ids = [context, *tokenizer(text, add_special_tokens=False).input_ids]
    return -plain_values(folder, ids) / np.log(2)


def plain_masked(folders, tokenizer, text, *, within_word=False, mean_of="logits"):
    """log p of each token of the target, masked one by one: all after the context's own tokens."""
    models = [AutoModelForMaskedLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    found = tokenizer(text.context + text.target)
    ids, words = found["input_ids"], found.word_ids(0)
    before = tokenizer(text.context).input_ids[:-1] if text.context else ids[:1]
    assert ids[: len(before)] == before
    values = []
    for at in range(len(before), len(ids) - 1):  # special tokens are the first and the last
        masked = list(ids)
        for other in range(at, len(ids)):
            if other == at or (within_word and words[other] == words[at]):
                masked[other] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = [model(torch.tensor([masked])).logits[0, at] for model in models]
        values.append(float(_mixed(logits, mean_of)[ids[at]]))
    return values


def plain_decoder(folders, tokenizer, text, *, before="", end=False, mean_of="logits"):
    """log p of each token of the target, of which the encoder-decoder's encoder has the context."""
    models = [AutoModelForSeq2SeqLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    # `before` is a control token; one that is spelt out in a context is text.
    read_as_text = bool(text.context)
    source = tokenizer(text.context or before, split_special_tokens=read_as_text).input_ids
    source = torch.tensor([source])
    target = tokenizer(text.target, add_special_tokens=end).input_ids
    start = models[0].config.decoder_start_token_id
    read = torch.tensor([[start, *target[:-1]]])
    with torch.no_grad():
        logits = [model(input_ids=source, decoder_input_ids=read).logits[0] for model in models]
    log_p = _mixed(logits, mean_of)
    return [float(log_p[at, token]) for at, token in enumerate(target)]


def _mixed(all_logits, mean_of):
    if mean_of == "logits":
        return torch.log_softmax(sum(all_logits) / len(all_logits), dim=-1)
    probabilities = [torch.softmax(logits, dim=-1) for logits in all_logits]
    return torch.log(sum(probabilities) / len(probabilities))
