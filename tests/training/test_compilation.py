"""Compiled blocks: they compute the same, and a missing compiler is no error."""

import pytest
import torch
from small_trainings import run, with_training
from torch import nn

from babyllama.training import compilation
from babyllama.training.compilation import can_compile, compile_blocks


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler for torch.compile")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_blocks_agree_with_plain_ones(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    _, plain = run(part, tokens, tokenizer, tmp_path / "plain")
    _, compiled = run(with_training(part, compile=True), tokens, tokenizer, tmp_path / "compiled")
    for key, value in plain.items():
        torch.testing.assert_close(value, compiled[key], rtol=1e-2, atol=2e-4)


def test_without_a_compiler_blocks_stay_as_they_are_and_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr(compilation.shutil, "which", lambda _: None)
    assert not can_compile()
    model = nn.ModuleList([nn.Linear(2, 2)])
    compile_blocks(model)
    assert model[0]._compiled_call_impl is None
    assert "no C++ compiler found" in capsys.readouterr().err
