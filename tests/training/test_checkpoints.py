"""Checkpoints: which one is resumed from, which are kept, and which are refused."""

import pytest
from safetensors.torch import load_file
from small_trainings import Cut, cut_at, run, same, with_training

from babyllama.console import Interrupted
from babyllama.errors import InputError


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    tiny_recipe, tokens, tokenizer, tmp_path, capsys
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, checkpoint_every=3)
    _, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(8))
    kept = sorted((tmp_path / "cut" / "checkpoints").iterdir())
    assert len(kept) == 2
    kept[-1].write_bytes(kept[-1].read_bytes()[:-10])
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert kept[-1].name in capsys.readouterr().err.replace("\n", "")
    assert same(uninterrupted, resumed)


def test_a_single_flipped_bit_is_noticed(tiny_recipe, tokens, tokenizer, tmp_path, capsys):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    _, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(27))
    newest = max((tmp_path / "cut" / "checkpoints").glob("step-*"))
    content = bytearray(newest.read_bytes())
    content[-5000] ^= 64
    newest.write_bytes(content)
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    message = capsys.readouterr().err.replace("\n", "")
    assert newest.name in message
    assert "checksum mismatch" in message
    assert same(uninterrupted, resumed)


def test_two_damaged_checkpoints_cost_two_epochs_and_no_bit(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(
        tiny_recipe.pretraining("llama"), batch_size=64, epochs=5, checkpoint_every=1_000,
        keep=3, average={"kind": "last", "epochs": 2},
    )  # fmt: skip
    _, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(30))  # in the fifth epoch
    kept = sorted((tmp_path / "cut" / "checkpoints").glob("step-*"))
    for path in kept[1:]:
        path.write_bytes(path.read_bytes()[:-10])
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(uninterrupted, resumed)
    one, other = (load_file(tmp_path / f / "model.safetensors") for f in ("uninterrupted", "cut"))
    assert same(one, other)


def test_damaged_checkpoints_do_not_count_among_those_that_are_kept(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    checkpoints = tmp_path / "cut" / "checkpoints"
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(27))
    for path in checkpoints.glob("step-*"):
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(18))
    kept = sorted(path.name for path in checkpoints.glob("step-*.safetensors"))
    assert kept == ["step-00000010.safetensors", "step-00000015.safetensors"]
    assert len(list(checkpoints.glob("*.damaged"))) == 2


def test_no_more_checkpoints_are_kept_than_asked_for(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, keep=4)
    run(part, tokens, tokenizer, tmp_path / "m")
    assert len(list((tmp_path / "m" / "checkpoints").glob("step-*"))) == 4


def test_a_checkpoint_of_another_training_is_refused(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32)
    run(part, tokens, tokenizer, tmp_path / "m")
    for changed, named in [
        (with_training(part, learning_rate=0.01), "recipe.learning_rate was 0.003, now 0.01"),
        (with_training(part, optimizer={"kind": "sam"}), "recipe.optimizer.kind was adamw"),
        (
            part.model_copy(
                update={"model": part.model.model_copy(update={"num_hidden_layers": 1})}
            ),
            "model.shapes",
        ),
    ]:
        with pytest.raises(InputError, match=named) as raised:
            run(changed, tokens, tokenizer, tmp_path / "m")
        assert f"rm -r {tmp_path / 'm' / 'checkpoints'}" in str(raised.value)
    with pytest.raises(InputError, match="seed was 1, now 2"):
        run(part, tokens, tokenizer, tmp_path / "m", seed=2)
    run(with_training(part, log_every=7, keep=1), tokens, tokenizer, tmp_path / "m")  # may change


def test_a_checkpoint_is_not_damaged_by_a_request_to_stop(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "m", cut_at(27))

    def stop(_tree):
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr("babyllama.training.checkpoints._progress", stop)
        with pytest.raises(Interrupted):
            run(part, tokens, tokenizer, tmp_path / "m")
    assert not list((tmp_path / "m" / "checkpoints").glob("*.damaged"))
