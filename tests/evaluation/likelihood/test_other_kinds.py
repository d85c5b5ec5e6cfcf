"""Masked models and encoder-decoders against one plain pass a token, in float64."""

import json

import numpy as np
import pytest
import torch
from random_models import random_model, variant
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from babyllama.errors import InputError
from babyllama.evaluation.evaluate import evaluate
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer, log_likelihoods
from babyllama.evaluation.likelihood.texts import Text
from babyllama.recipe import Mixing

LINES = ["The cat sees a dog.", "The cats see a dog.", "Anna gives Ben two red apples.", "Where?"]
TEXTS = [*(Text(line) for line in LINES), Text(" a dog.", context="The cat sees")]


SHORT = 40  # positions


@pytest.fixture(scope="module")
def folder_of(tokenizer, tmp_path_factory):
    framed = variant(tokenizer, masks=True)
    made = {}

    def folder(kind, seed=0):
        if (kind, seed) not in made:
            short = {} if kind == "t5" else {"max_position_embeddings": SHORT + (kind == "roberta")}
            path = tmp_path_factory.mktemp(kind)
            made[kind, seed] = random_model(kind, framed, path, seed=seed, **short)
        return made[kind, seed]

    return folder


def scorer_of(folders, name="honest", **more):
    return load_scorer(folders, rules_named(name), device=torch.device("cpu"), **more)


def mixed(all_logits, mean_of):
    if mean_of == "logits":
        return torch.log_softmax(sum(all_logits) / len(all_logits), dim=-1)
    probabilities = [torch.softmax(logits, dim=-1) for logits in all_logits]
    return torch.log(sum(probabilities) / len(probabilities))


def plain_masked(folders, tokenizer, text, *, within_word=False, mean_of="logits"):
    """log p of each token of the target, masked one by one."""
    models = [AutoModelForMaskedLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    found = tokenizer(text.context + text.target, return_offsets_mapping=True)
    ids, words = found["input_ids"], found.word_ids(0)
    values = []
    for at, (_, end) in enumerate(found["offset_mapping"]):
        if words[at] is None or end <= len(text.context):
            continue
        masked = list(ids)
        for other in range(at, len(ids)):
            if other == at or (within_word and words[other] == words[at]):
                masked[other] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = [model(torch.tensor([masked])).logits[0, at] for model in models]
        values.append(float(mixed(logits, mean_of)[ids[at]]))
    return values


def plain_decoder(folders, tokenizer, text, *, before="", end=False, mean_of="logits"):
    models = [AutoModelForSeq2SeqLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    source = torch.tensor([tokenizer(text.context or before).input_ids])
    target = tokenizer(text.target, add_special_tokens=end).input_ids
    start = models[0].config.decoder_start_token_id
    read = torch.tensor([[start, *target[:-1]]])
    with torch.no_grad():
        logits = [model(input_ids=source, decoder_input_ids=read).logits[0] for model in models]
    log_p = mixed(logits, mean_of)
    return [float(log_p[at, token]) for at, token in enumerate(target)]


def agree(scorer, expected):
    found = likelihoods(scorer, TEXTS)
    np.testing.assert_allclose(found.values, np.concatenate(expected), atol=1e-4, rtol=0)
    np.testing.assert_array_equal(found.counts(), [len(values) for values in expected])
    alone = [likelihoods(scorer, [text]).sums()[0] for text in TEXTS]
    np.testing.assert_allclose(found.sums(), alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("masking", ["original", "within_word"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_masked_models_are_scored_one_mask_a_position(folder_of, kind, masking):
    scorer = scorer_of([folder_of(kind)], masking=masking, tokens_at_once=50)
    within = masking == "within_word"
    agree(scorer, [plain_masked([folder_of(kind)], scorer.tokenizer, text, within_word=within)
                   for text in TEXTS])  # fmt: skip


def test_words_of_several_tokens_tell_the_variants_apart(folder_of):
    original, within = (
        log_likelihoods(scorer_of([folder_of("bert")], masking=masking), ["zebras", "a bookshop"])
        for masking in ("original", "within_word")
    )
    assert (np.abs(original - within) > 1e-3).all()


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_ensembles_of_masked_models(folder_of, mean_of):
    folders = [folder_of("bert"), folder_of("bert", 1)]
    scorer = scorer_of(folders, mixing=Mixing(mean_of=mean_of))
    agree(scorer, [plain_masked(folders, scorer.tokenizer, t, mean_of=mean_of) for t in TEXTS])


@pytest.mark.parametrize("name", ["honest", "2023"])
@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_encoder_decoders_read_the_context_and_are_scored_on_the_target(folder_of, kind, name):
    scorer = scorer_of([folder_of(kind)], name, tokens_at_once=30)
    more = {"before": "</s>", "end": True} if name == "2023" else {}
    agree(scorer, [plain_decoder([folder_of(kind)], scorer.tokenizer, t, **more) for t in TEXTS])


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_ensembles_of_encoder_decoders(folder_of, mean_of):
    folders = [folder_of("t5"), folder_of("t5", 1)]
    scorer = scorer_of(folders, mixing=Mixing(mean_of=mean_of))
    agree(scorer, [plain_decoder(folders, scorer.tokenizer, t, mean_of=mean_of) for t in TEXTS])


def test_kinds_of_models_are_not_mixed(folder_of):
    with pytest.raises(InputError, match=r"bert.* is masked, .*t5.* encoder-decoder"):
        scorer_of([folder_of("bert"), folder_of("t5")])


@pytest.mark.parametrize("kind", ["bert", "roberta", "bart"])
def test_a_text_too_long_is_refused_or_loses_its_beginning(folder_of, kind):
    scorer = scorer_of([folder_of(kind)])
    assert scorer.positions == SHORT
    long = Text(" a dog", context="cat " * 60)
    with pytest.raises(InputError, match=rf"(?s)the model has {SHORT}: 'cat cat .*--truncate"):
        likelihoods(scorer, [long])
    cut = likelihoods(scorer_of([folder_of(kind)], truncate=True), [long])
    assert np.isfinite(cut.sums()).all()
    assert cut.counts()[0] > 0


def test_a_masked_model_without_a_mask_token_is_refused(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no mask token"):
        scorer_of([random_model("bert", variant(tokenizer), tmp_path)])


def test_a_word_tokenised_apart_is_not_glued_to_its_context(folder_of):
    scorer = scorer_of([folder_of("bert")], "2025")
    (found,) = scorer.encode([Text("a", context="The cat sees with", is_separate=True)])
    tokenizer = scorer.tokenizer
    context = tokenizer("The cat sees with", add_special_tokens=False).input_ids
    word = tokenizer("a", add_special_tokens=False).input_ids
    assert found.ids.tolist() == [1, *context, *word, 2]
    assert (found.first, found.stop) == (1 + len(context), 1 + len(context) + len(word))
    assert found.words[found.first] == found.words[found.first - 1] + 1


@pytest.mark.parametrize(
    ("kind", "name", "context", "space", "likelihood"),
    [
        ("bert", "2024", "</s>", True, "pseudo-log-likelihood (one mask a position), averaged"),
        ("bert", "honest", None, False, "pseudo-log-likelihood (one mask a position), summed"),
        ("t5", "2023", "</s>", False, "log-likelihood of the decoder, summed over tokens, EOS too"),
        ("t5", "2024", None, False, "log-likelihood of the decoder, summed over tokens"),
    ],
)
def test_results_say_how_each_kind_is_read(
    folder_of, tmp_path, kind, name, context, space, likelihood
):
    line = {"sentence_good": "The cat sees a dog.", "sentence_bad": "The cat see a dog."}
    (tmp_path / "own.jsonl").write_text(json.dumps(line))
    found = evaluate([folder_of(kind)], {"own": tmp_path / "own.jsonl"}, name="m", rules=name)
    said = found["rules"]
    assert (said["context"], said["leading_space"]) == (context, space)
    assert said["likelihood"].startswith(likelihood)
