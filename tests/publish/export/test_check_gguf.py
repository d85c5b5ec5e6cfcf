"""A file that llama.cpp reads as another model is refused; without llama.cpp that is said.

Whether a file is right without llama.cpp: test_gguf_file.py.
"""

import importlib.util

import pytest
import torch

from babyllama.errors import InputError
from babyllama.models.loading import load_model
from babyllama.publish.export import check_gguf as checking
from babyllama.publish.export.about import About
from babyllama.publish.export.check_gguf import check_gguf
from babyllama.publish.export.gguf_file import write_gguf
from babyllama.publish.export.gguf_tokenizer import read_gguf_tokenizer

needs_llama_cpp = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None,
    reason="llama-cpp-python is not installed: pip install llama-cpp-python",
)


def written_and_checked(folder, path, texts, kind="f32", change=None):
    model, tokenizer = load_model(folder), read_gguf_tokenizer(folder, 320)
    write_gguf(path, model, tokenizer, About("tiny", "", None), kind=kind)
    if change:
        change(model)
    return " ".join(check_gguf(path, folder, model, tokenizer, texts, kind=kind))


def test_without_llama_cpp_the_file_is_not_verified(llama, tmp_path, texts, monkeypatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda _: None)
    said = written_and_checked(llama, tmp_path / "a.gguf", texts)
    assert said.startswith("not verified: llama-cpp-python is not installed.")
    assert said.endswith("pip install llama-cpp-python")


@needs_llama_cpp
@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "qwen2", "qwen3"])
def test_llama_cpp_reads_the_same_model(make_model, tmp_path, texts, kind):
    said = written_and_checked(make_model(kind), tmp_path / "a.gguf", texts)
    assert "the same token ids for 4 lines (four lines)" in said
    assert "after NFKC and with a space before each" in said
    assert "which changes 1 of these lines" in said
    assert "logits at" in said


@needs_llama_cpp
@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0"])
def test_other_weights_are_refused(llama, tmp_path, texts, kind):
    def swap(model):
        one, other = model.model.layers
        one.mlp, other.mlp = other.mlp, one.mlp

    with pytest.raises(InputError, match=r"llama\.cpp's logits differ"), torch.no_grad():
        written_and_checked(llama, tmp_path / "a.gguf", texts, kind, swap)
