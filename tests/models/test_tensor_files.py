"""Tensors and models are written complete, readable by others, or not at all."""

import os
import stat

import pytest
import torch
from safetensors import SafetensorError, safe_open

from babyllama.models import tensor_files
from babyllama.models.build import new_model
from babyllama.models.tensor_files import save_model_folder, write_tensors
from babyllama.recipe import LlamaShape


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_tensors_replace_the_old_ones_with_the_umasks_mode(tmp_path):
    path = tmp_path / "a.safetensors"
    for value in (1.0, 2.0):
        write_tensors(
            path, {"w": torch.full((2,), value)}, beside=tmp_path / "x", metadata={"a": "b"}
        )
    with safe_open(path, "pt") as file:
        assert (file.metadata(), file.get_tensor("w").tolist()) == ({"a": "b"}, [2.0, 2.0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"w": torch.ones(2)}, beside=tmp_path / "x")
    before = path.read_bytes()

    def full(_tensors, beside, metadata):
        beside.write_bytes(b"half")
        raise SafetensorError(f"no space left for {metadata}")

    monkeypatch.setattr(tensor_files, "save_file", full)
    with pytest.raises(SafetensorError):
        write_tensors(path, {"w": torch.zeros(2)}, beside=tmp_path / "x")
    assert path.read_bytes() == before


def test_every_file_of_a_model_has_the_umasks_mode(tmp_path):
    shape = LlamaShape(
        model_type="llama", hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1,
    )  # fmt: skip
    model = new_model(shape, 20, seed=0, separators=False)
    save_model_folder(model, tmp_path / "m")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "m").iterdir()} == {0o640}
    halved = {name: value / 2 for name, value in model.state_dict().items()}
    save_model_folder(model, tmp_path / "half", halved)
    with safe_open(tmp_path / "half" / "model.safetensors", "pt") as file:
        name = "model.norm.weight"
        assert torch.equal(file.get_tensor(name), halved[name])
