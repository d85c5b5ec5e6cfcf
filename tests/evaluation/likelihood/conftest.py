"""Masked models and encoder-decoders with random weights and few positions."""

import pytest
from plain_likelihoods import SHORT
from random_models import random_model, variant


@pytest.fixture(scope="session")
def folder_of(tokenizer, tmp_path_factory):
    """A model folder of a kind and seed, made when asked for."""
    framed = variant(tokenizer, masks=True)
    made = {}

    def folder(kind, seed=0):
        if (kind, seed) not in made:
            short = {} if kind == "t5" else {"max_position_embeddings": SHORT + (kind == "roberta")}
            path = tmp_path_factory.mktemp(kind)
            made[kind, seed] = random_model(kind, framed, path, seed=seed, **short)
        return made[kind, seed]

    return folder
