"""A file that llama.cpp reads as another model is refused; without llama.cpp that is said."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest
import torch
from gguf_reference import ReadBack

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


def written_and_checked(folder, path, texts, kind="f32", change=None, *, allowed=False):
    model, tokenizer = load_model(folder), read_gguf_tokenizer(folder, 320)
    write_gguf(path, model, tokenizer, About("tiny", "", None), kind=kind)
    if change:
        change(model)
    found = check_gguf(
        path, folder, model, tokenizer, texts, kind=kind, allow_different_text=allowed
    )
    return " ".join(found)


def swap_layers(model):
    one, other = model.model.layers
    one.mlp, other.mlp = other.mlp, one.mlp


def test_without_llama_cpp_the_file_is_not_verified(llama, tmp_path, texts, monkeypatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda _: None)
    said = written_and_checked(llama, tmp_path / "a.gguf", texts)
    assert said.startswith("not verified: llama-cpp-python is not installed.")
    assert said.endswith("pip install llama-cpp-python")


class StandIn:
    """As much of llama_cpp.Llama as the check uses, computed by the reference."""

    def __init__(self, path, **_):
        self.read = ReadBack(path)

    def tokenize(self, text, **_):
        return self.read.ids(text.decode())

    def eval(self, ids):
        self.scores = self.read.logits(ids)

    def reset(self):
        pass

    def close(self):
        pass


@pytest.fixture
def stand_in(monkeypatch):
    """The check without llama.cpp, which few installations have."""
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(checking, "metadata", SimpleNamespace(version=lambda _: "0"))
    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=StandIn))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0"])
def test_what_was_compared_is_said(llama, tmp_path, texts, kind):
    said = written_and_checked(llama, tmp_path / "a.gguf", texts, kind)
    assert "the same token ids for 4 lines (four lines) in llama-cpp-python 0, after NFKC" in said
    assert "which changes 1 of these lines; as they stand, 1 of them get other tokens" in said
    assert ("mean KL" in said) == (kind != "f32")


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0"])
def test_a_file_with_other_logits_is_refused(llama, tmp_path, texts, kind):
    with pytest.raises(InputError, match=r"llama\.cpp's logits differ"), torch.no_grad():
        written_and_checked(llama, tmp_path / "a.gguf", texts, kind, swap_layers)


@pytest.mark.usefixtures("stand_in")
def test_other_token_ids_are_refused_unless_they_are_allowed(llama, tmp_path, texts, monkeypatch):
    monkeypatch.setattr(StandIn, "tokenize", lambda *_, **__: [3])
    with pytest.raises(InputError, match="other token ids for 4 of 4 lines, such as 'Anna"):
        written_and_checked(llama, tmp_path / "a.gguf", texts)
    said = written_and_checked(llama, tmp_path / "b.gguf", texts, allowed=True)
    assert "the same token ids for 0 of 4 lines" in said


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
    with pytest.raises(InputError, match=r"llama\.cpp's logits differ"), torch.no_grad():
        written_and_checked(llama, tmp_path / "a.gguf", texts, kind, swap_layers)
