"""Two models with random weights for the shared token streams."""

import pytest
from random_models import random_model, variant

from babyllama.evaluation.measures.dev_text import DevText

WINDOW = 16


@pytest.fixture(scope="session")
def two_models(tokenizer, tmp_path_factory):
    """The folders of a LLaMA and a GPT-2."""
    folder = tmp_path_factory.mktemp("two")
    library = variant(tokenizer)
    return [random_model(kind, library, folder / kind, seed=3) for kind in ("llama", "gpt2")]


@pytest.fixture
def text(tokens, corpus):
    """All of the dev text, in windows of 16 tokens."""
    return DevText(tokens, WINDOW, corpus)
