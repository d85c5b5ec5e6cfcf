"""Masked models against one plain pass a masked token, in float64."""

import numpy as np
import pytest
from plain_likelihoods import TEXTS, assert_agree, assert_near, plain_masked, scorer_of
from random_models import random_model, variant

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.scorer import log_likelihoods
from babyllama.recipe import Mixing


@pytest.mark.parametrize("masking", ["original", "within_word"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_every_position_is_scored_where_it_is_masked(folder_of, kind, masking):
    scorer = scorer_of([folder_of(kind)], masking=masking, tokens_at_once=50)
    within = masking == "within_word"
    assert_agree(
        scorer,
        [plain_masked([folder_of(kind)], scorer.tokenizer, t, within_word=within) for t in TEXTS],
    )


def test_words_of_several_tokens_tell_the_variants_apart(folder_of):
    original, within = (
        log_likelihoods(scorer_of([folder_of("bert")], masking=masking), ["zebras", "a bookshop"])
        for masking in ("original", "within_word")
    )
    assert (np.abs(original - within) > 1e-3).all()


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_ensembles_are_averaged_at_every_position(folder_of, mean_of):
    folders = [folder_of("bert"), folder_of("bert", 1)]
    scorer = scorer_of(folders, mixing=Mixing(mean_of=mean_of))
    assert_agree(
        scorer, [plain_masked(folders, scorer.tokenizer, t, mean_of=mean_of) for t in TEXTS]
    )


def test_copies_that_two_texts_share_are_computed_once(folder_of):
    scorer = scorer_of([folder_of("bert")])
    pair = ["Where is the cat?", "Where is the cat."]
    model, computed = scorer.model.group.models[0], []
    hook = model.register_forward_pre_hook(
        lambda _module, _args, inputs: computed.append(len(inputs["input_ids"])), with_kwargs=True
    )
    lengths = [len(scorer.tokenizer(text, add_special_tokens=False).input_ids) for text in pair]
    together = log_likelihoods(scorer, pair)
    hook.remove()
    assert lengths[0] == lengths[1]
    assert sum(computed) == sum(lengths) - 1  # both are equal where their only difference is masked
    alone = [log_likelihoods(scorer, [text])[0] for text in pair]
    assert_near(together, alone)


def test_a_masked_model_without_a_mask_token_is_refused(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no mask token"):
        scorer_of([random_model("bert", variant(tokenizer), tmp_path)])
