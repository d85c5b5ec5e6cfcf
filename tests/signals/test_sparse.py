"""What a few stored tokens cost, and which numbers of tokens fit into some bytes."""

import pytest
import torch

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.recipe import TopKSignal
from babyllama.signals import topk
from babyllama.signals.encoding import TeacherShapes
from babyllama.signals.sparse import (
    logits_by_chunk,
    refuse_large_k,
    sparse_bytes,
    sparse_variants,
    token_dtype,
)


def test_tokens_take_the_smallest_integers_that_hold_them():
    assert token_dtype(2**16) == torch.uint16
    assert token_dtype(2**16 + 1) == torch.int32
    assert sparse_bytes(10, 2**16) == 10 * 4
    assert sparse_bytes(10, 2**16 + 1) == 10 * 6


def test_more_tokens_than_the_vocabulary_are_refused():
    refuse_large_k(40, 40)
    with pytest.raises(InputError, match="k is 41, the vocabulary has 40 tokens"):
        refuse_large_k(41, 40)


def test_chunks_of_logits_are_those_of_all_states():
    mixture = Mixture((Head(torch.eye(6)),), (1.0,))
    states = torch.randn(1100, 6, generator=torch.Generator().manual_seed(0))
    chunks = list(logits_by_chunk(mixture, states, 1.0))
    assert len(chunks) == 3
    assert torch.equal(torch.cat(chunks), states)


def variants(vocab_size, mean_of="logits"):
    def recipe(k, temperatures):
        return TopKSignal(kind="topk", k=k, temperatures=temperatures)

    return dict(sparse_variants(recipe, topk.sizes, TeacherShapes(vocab_size), mean_of))


def test_variants_are_the_most_tokens_that_fit_into_their_bytes():
    shapes = TeacherShapes(1000)
    found = [topk.sizes(recipe, shapes).bytes_per_token for recipe in variants(1000).values()]
    assert found == [32, 64, 128, 256, 512]


def test_no_variant_has_more_tokens_than_the_vocabulary():
    assert [recipe.k for recipe in variants(30).values()] == [6, 14, 30]


def test_a_mean_of_probabilities_is_measured_at_one_temperature():
    recipes = variants(100, "probabilities").values()
    assert {recipe.temperatures for recipe in recipes} == {(1.0,)}
