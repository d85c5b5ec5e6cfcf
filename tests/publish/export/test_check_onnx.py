"""A graph is compared with the models, alone and in padded batches."""

import shutil

import pytest
import torch
from random_models import variant

from babyllama.errors import InputError
from babyllama.models.ensemble import load_ensemble
from babyllama.publish.export import check_onnx as checking
from babyllama.publish.export.check_onnx import check_onnx


def test_the_ensembles_graph_gives_its_logits(graph, llama, ensemble, texts, tmp_path):
    shutil.copy(llama / "tokenizer.json", tmp_path)
    said = check_onnx(graph, llama, ensemble, texts, tokenizer=tmp_path / "tokenizer.json")
    assert said[0] == "the same token ids for 4 lines (four lines) in tokenizer.json"
    assert said[1].startswith("logits at ")
    assert said[1].endswith("alone and in a padded batch")


def test_a_graph_of_other_models_is_refused(graph, llama, gpt2, texts):
    other = load_ensemble([gpt2, gpt2], device=torch.device("cpu"))
    with pytest.raises(InputError, match="onnxruntime's logits differ from the model's by"):
        check_onnx(graph, llama, other, texts, tokenizer=None)


def test_another_tokenizer_is_refused(graph, llama, ensemble, texts, tokenizer, tmp_path):
    variant(tokenizer, adds_space=False).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"tokenizer\.json gives other token ids for 'Anna"):
        check_onnx(graph, llama, ensemble, texts, tokenizer=tmp_path / "tokenizer.json")


def test_without_onnxruntime_the_graph_is_not_verified(graph, llama, ensemble, texts, monkeypatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda _: None)
    (said,) = check_onnx(graph, llama, ensemble, texts, tokenizer=None)
    assert said.startswith("not verified: onnxruntime is not installed.")
