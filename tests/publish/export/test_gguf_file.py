"""A GGUF file, read back by its own conventions, is the model: tokens, logits, bytes."""

import numpy as np
import pytest
import torch
from gguf_reference import ReadBack

from babyllama.data.tokenizer import load_tokenizer
from babyllama.models.loading import load_model
from babyllama.publish.export.about import About
from babyllama.publish.export.gguf_file import write_gguf
from babyllama.publish.export.gguf_tokenizer import read_gguf_tokenizer

ABOUT = About("tiny", "A model.", "mit")
IDS = [5, 17, 300, 42, 42, 9, 111]


def written(folder, out, kind="f32"):
    write_gguf(out, load_model(folder), read_gguf_tokenizer(folder, 320), ABOUT, kind=kind)
    return out


def logits(folder):
    return load_model(folder)(torch.tensor([IDS])).logits[0].detach().numpy()


@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "qwen2", "qwen3"])
def test_the_file_gives_the_models_logits(make_model, tmp_path, kind):
    folder = make_model(kind)
    read = ReadBack(written(folder, tmp_path / "a.gguf"))
    np.testing.assert_allclose(read.logits(IDS), logits(folder), atol=1e-4, rtol=1e-4)


def test_tied_weights_grouped_heads_and_another_theta_are_kept(llama, tmp_path):
    read = ReadBack(written(llama, tmp_path / "a.gguf"))
    assert "output.weight" not in read.tensors
    assert (read.size("attention.head_count_kv"), read.size("rope.freq_base")) == (2, 500.0)
    np.testing.assert_allclose(read.logits(IDS), logits(llama), atol=1e-4, rtol=1e-4)


def test_the_file_gives_the_tokenizers_ids(llama, texts, tmp_path):
    read = ReadBack(written(llama, tmp_path / "a.gguf"))
    library = load_tokenizer(llama)
    for line in texts.lines:
        form = library.backend_tokenizer.normalizer.normalize_str(line)
        spaced = form if form[:1].isspace() else f" {form}"
        assert read.ids(spaced) == library.encode(line, add_special_tokens=False)
    assert {0, 1, 2} <= set(read.control())


def test_fields_say_what_llama_cpp_needs(llama, tmp_path):
    fields = ReadBack(written(llama, tmp_path / "a.gguf")).fields
    expected = {
        "general.architecture": "llama", "general.name": "tiny", "general.license": "mit",
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0, "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": True, "llama.context_length": 256,
    }  # fmt: skip
    assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(("kind", "stored"), [("f16", "F16"), ("q8_0", "Q8_0")])
def test_matrices_are_rounded_and_vectors_are_not(llama, tmp_path, kind, stored):
    read = ReadBack(written(llama, tmp_path / "a.gguf", kind))
    assert read.types["blk.0.attn_q.weight"] == stored
    assert read.types["blk.0.attn_norm.weight"] == "F32"
    exact = ReadBack(written(llama, tmp_path / "b.gguf"))
    for name, tensor in exact.tensors.items():
        step = 2.0**-10 if kind == "f16" else 1 / 127
        assert np.abs(read.tensors[name] - tensor).max() <= step * np.abs(tensor).max()


def test_rows_that_q8_0_cannot_divide_are_f16_and_said(gpt2, tmp_path, capsys):
    read = ReadBack(written(gpt2, tmp_path / "a.gguf", "q8_0"))
    assert read.types["token_embd.weight"] == "F16"
    assert "rows are not multiples of 32" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", ["f32", "q8_0"])
def test_the_same_model_gives_the_same_bytes_without_a_path(llama, tmp_path, kind):
    one = written(llama, tmp_path / "a.gguf", kind).read_bytes()
    assert one == written(llama, tmp_path / "b.gguf", kind).read_bytes()
    assert str(llama.parent).encode() not in one
