"""Tiny models to export, and one ONNX graph: torch's exporter takes seconds."""

import pytest
import torch
from random_models import random_model, variant

from babyllama.models.ensemble import load_ensemble
from babyllama.publish.export.about import About
from babyllama.publish.export.onnx_graph import write_onnx
from babyllama.publish.export.texts import Texts

LINES = [
    "Anna gives Ben two red apples.",
    " A cat's 12 dogs?",
    "Caf\u00e9 \u4e2d!\tThe end",
    "\ufb01t",
]


@pytest.fixture(scope="session")
def texts():
    """Lines with contractions, digits, other scripts, tabs, and one that NFKC changes."""
    return Texts(LINES, "four lines")


@pytest.fixture(scope="session")
def make_model(tokenizer, tmp_path_factory):
    """Make a random model of a kind with the shared tokenizer."""
    library = variant(tokenizer)

    def make(kind, **settings):
        return random_model(kind, library, tmp_path_factory.mktemp("model") / kind, **settings)

    return make


@pytest.fixture(scope="session")
def llama(make_model):
    return make_model("llama", num_key_value_heads=2, rope_parameters={"rope_theta": 500.0,
                      "rope_type": "default"}, tie_word_embeddings=True)  # fmt: skip


@pytest.fixture(scope="session")
def gpt2(make_model):
    return make_model("gpt2", n_layer=1)


@pytest.fixture(scope="session")
def ensemble(llama, gpt2):
    return load_ensemble([llama, gpt2], device=torch.device("cpu"))


@pytest.fixture(scope="session")
def graph(ensemble, tmp_path_factory):
    """The ensemble as a graph."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    write_onnx(path, ensemble, About("two models", "A mean.", "mit"))
    return path
