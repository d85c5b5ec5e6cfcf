"""Log-likelihoods against one forward pass a sentence in float64, and what must not change them."""

import json
import random
import re
import shutil

import numpy as np
import pytest
import torch
from random_models import random_model, variant
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.decoders import pack
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer, log_likelihoods
from babyllama.evaluation.likelihood.texts import Text

SENTENCES = [
    "The cat sees a dog.", "The cat sees a dog.", "A dog sees the cats.", "Where?",
    "Anna gives Ben two red apples that the children have never seen behind the old house.",
    "Wo ist der Bär?\nHier, \u2028 sagt er.", "x", "Snow, snow and no end of snow.",
]  # fmt: skip


def scorer_of(folders, name="honest", **more):
    return load_scorer(folders, rules_named(name), device=torch.device("cpu"), **more)


def plain(folders, tokenizer, sentences, *, context):
    """Mean of the models' logits, whole softmax, a sentence at a time, all in float64."""
    models = [AutoModelForCausalLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    sums = []
    for sentence in sentences:
        ids = [*context, *tokenizer(sentence, add_special_tokens=False).input_ids]
        with torch.no_grad():
            logits = sum(model(torch.tensor([ids])).logits[0] for model in models) / len(models)
        log_p = torch.log_softmax(logits, dim=-1)
        sums.append(sum(float(log_p[at - 1, ids[at]]) for at in range(1, len(ids))))
    return np.array(sums)


@pytest.mark.parametrize("chosen", [[0], [1], [0, 1]], ids=["llama", "gpt2", "ensemble"])
@pytest.mark.parametrize(("name", "context"), [("honest", [1]), ("2025", [])])
def test_sums_are_those_of_one_plain_pass_a_sentence(teachers, chosen, name, context):
    folders = [teachers[which] for which in chosen]
    scorer = scorer_of(folders, name)
    expected = plain(folders, scorer.tokenizer, SENTENCES, context=context)
    np.testing.assert_allclose(log_likelihoods(scorer, SENTENCES), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tokens_at_once", [1, 7, 64, 100_000])
def test_neither_batch_nor_order_nor_padding_counts(teachers, tokens_at_once):
    scorer = scorer_of(teachers, tokens_at_once=tokens_at_once)
    alone = [log_likelihoods(scorer, [sentence])[0] for sentence in SENTENCES]
    order = random.Random(tokens_at_once).sample(range(len(SENTENCES)), len(SENTENCES))
    shuffled = log_likelihoods(scorer, [SENTENCES[at] for at in order])
    np.testing.assert_allclose(shuffled, np.array(alone)[order], atol=1e-4, rtol=0)


def test_order_changes_no_bit(teachers):
    scorer = scorer_of(teachers)
    forwards = log_likelihoods(scorer, SENTENCES)
    backwards = log_likelihoods(scorer, SENTENCES[::-1])
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_neither_padding_side_nor_threads_count(teachers):
    threads = torch.get_num_threads()
    scorer = scorer_of(teachers)
    expected = log_likelihoods(scorer, SENTENCES)
    scorer.tokenizer.padding_side = "left"
    try:
        torch.set_num_threads(3 - min(threads, 2))
        found = log_likelihoods(scorer, SENTENCES)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def test_sentences_of_the_same_tokens_tie_exactly(teachers):
    one, other = log_likelihoods(scorer_of(teachers), ["ﬁne snow", "fine snow"])  # NFKC
    assert one == other


def test_a_token_alone_without_context_has_nothing_to_score(teachers):
    scorer = scorer_of(teachers, "2025")
    (token,) = scorer.tokenizer("the", add_special_tokens=False).input_ids
    assert token
    assert log_likelihoods(scorer, ["the"])[0] == 0.0
    both = log_likelihoods(scorer, ["the", "the cat"])
    assert both[0] == 0.0 > both[1]


def test_no_sentences_have_no_log_likelihoods(teachers):
    assert log_likelihoods(scorer_of(teachers), []).shape == (0,)


def test_many_sentences_are_encoded_in_parts(teachers, monkeypatch):
    scorer = scorer_of(teachers[:1])
    whole = log_likelihoods(scorer, SENTENCES)
    monkeypatch.setattr("babyllama.evaluation.likelihood.encoding._TEXTS_AT_ONCE", 3)
    np.testing.assert_array_equal(log_likelihoods(scorer, SENTENCES), whole)


def test_a_sentence_longer_than_the_positions_is_refused_by_name(teachers):
    scorer = scorer_of(teachers)
    assert scorer.positions == 64
    fits, too_long = ["the"] * 64, ["the"] * 65
    assert log_likelihoods(scorer, [" ".join(fits)])[0] < 0
    with pytest.raises(InputError, match=r"needs 65 positions, the model has 64: 'the the"):
        log_likelihoods(scorer, ["the cat", " ".join(too_long)])


def test_a_model_that_answers_nan_is_refused_with_the_sentence(teachers, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    scorer = scorer_of(teachers)
    spoilt = scorer.tokenizer("!", add_special_tokens=False).input_ids[-1]
    weights["model.embed_tokens.weight"][spoilt] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="no finite log-likelihood to 'the cat! the dog'"):
        log_likelihoods(scorer_of([folder]), ["the cat", "a dog sees", "the cat! the dog", "the"])


@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_a_text_that_the_tokenizer_cannot_encode_is_refused_by_name(teachers, tmp_path, unknown):
    folder = shutil.copytree(teachers[0], tmp_path / "words")
    words = Tokenizer(WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2, "cat": 3}, unk_token=unknown))
    words.pre_tokenizer = Whitespace()
    words.save(str(folder / "tokenizer.json"))
    scorer = scorer_of([folder])
    assert log_likelihoods(scorer, ["cat cat"])[0] < 0
    for odd in ["dog", "\u200b \n"]:
        with pytest.raises(InputError, match=rf"cannot encode {re.escape(repr(odd))}"):
            log_likelihoods(scorer, ["cat", odd])


def test_a_token_beyond_the_model_is_refused(teachers, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "gap")
    scorer = scorer_of([folder])
    # A tokenizer whose numbers have a gap: its size fits, its largest number does not.
    file = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = file["model"]["vocab"]
    word = max((each for each in vocabulary if each[0] == "Ġ"), key=vocabulary.__getitem__)
    known = scorer.model.vocab_size
    vocabulary[word] = known + 5
    (folder / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    with pytest.raises(InputError, match=rf"token {known + 5}.* 0 to {known - 1}"):
        log_likelihoods(scorer_of([folder]), [word[1:]])


def test_a_model_with_a_window_of_attention_keeps_it(tokenizer, tmp_path):
    folder = random_model("mistral", variant(tokenizer), tmp_path, sliding_window=4)
    scorer = scorer_of([folder])
    expected = plain([folder], scorer.tokenizer, SENTENCES, context=[1])
    np.testing.assert_allclose(log_likelihoods(scorer, SENTENCES), expected, atol=1e-4, rtol=0)


def test_masking_is_refused_where_nothing_is_masked(teachers):
    with pytest.raises(InputError, match=r"is causal, and masking is within_word"):
        scorer_of(teachers[:1], masking="within_word")


def test_ordinary_decoders_are_read_as_trees(teachers):
    # A broken tree is noticed and not used, so that likelihoods alone would not tell.
    assert [scorer_of([folder]).model.width for folder in teachers] == [64, 64]
    assert scorer_of(teachers).model.width == 64


@pytest.mark.parametrize("width", [1, 12, 64])
def test_every_text_stands_whole_on_a_path_of_its_row(teachers, width):
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


def test_the_likeliest_tokens_are_those_of_the_largest_logits(teachers):
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
