"""Checkpoints: which one is resumed from, which are kept, and which are refused."""

import json
import shutil

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_trainings import Cut, cut_at, lines, run, same, text_loss, with_training

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


@pytest.fixture(scope="module")
def cut(tiny_recipe, tokens, tokenizer, tmp_path_factory):
    """A training as it is without a cut, and its folder cut in its last epoch; its weights."""
    place = tmp_path_factory.mktemp("cut")
    part = with_training(
        tiny_recipe.pretraining("llama"), batch_size=64, epochs=3, checkpoint_every=1_000, keep=3,
        average={"kind": "last", "epochs": 2}, word_checkpoints=(1_000,),
    )  # fmt: skip
    facts, _ = run(part, tokens, tokenizer, place / "uninterrupted")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, place / "cut", cut_at(facts["steps"] - 1))
    return part, place


def flip(path, at=-50):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "the best model": lambda m: flip(newest(m / "checkpoints", "best-*") / "model.safetensors"),
    "an empty best model": lambda m: (
        newest(m / "checkpoints", "best-*") / "model.safetensors"
    ).write_bytes(b""),
    "the configuration": lambda m: (newest(m / "checkpoints", "best-*") / "config.json").unlink(),
    "a past epoch": lambda m: flip(newest(m / "checkpoints", "epoch-*")),
    "a model along the way": lambda m: flip(m / "chck_1K" / "model.safetensors"),
    "the log": lambda m: flip(m / "training.jsonl", at=20),
}


def newest(folder, pattern):
    return max(folder.glob(pattern))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_that_a_checkpoint_needs_is_named_and_made_again(
    damage, cut, tokens, tokenizer, tmp_path, capsys
):
    part, place = cut
    shutil.copytree(place / "cut", tmp_path / "m")
    DAMAGES[damage](tmp_path / "m")
    run(part, tokens, tokenizer, tmp_path / "m")
    said = capsys.readouterr().err
    assert "has changed since it was written; " in said or "is missing; " in said
    for file in ("model.safetensors", "chck_1K/model.safetensors", "config.json"):
        one, other = ((folder / file).read_bytes() for folder in (place / "uninterrupted",
                                                                  tmp_path / "m"))  # fmt: skip
        assert one == other
    one, other = (
        [(line["step"], line.get("loss"), line.get("dev_cross_entropy")) for line in lines(folder)]
        for folder in (place / "uninterrupted", tmp_path / "m")
    )
    assert one == other


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"step\\": ', '"step\\":1'),
        ('"best_cross_entropy\\": ', '"best_cross_entropy\\":1'),
        ('"words_seen\\": ', '"words_seen\\":1'),
        ('"seed\\": ', '"seed\\":1'),
        ('"float32', '"float16'),
        ("__metadata__", "__metadatb__"),
    ],
)
def test_a_change_in_what_a_checkpoint_says_is_noticed(
    was, now, cut, tokens, tokenizer, tmp_path, capsys
):
    part, place = cut
    shutil.copytree(place / "cut", tmp_path / "m")
    path = newest(tmp_path / "m" / "checkpoints", "step-*")
    content = path.read_bytes()
    assert content.count(was.encode()) >= 1
    path.write_bytes(content.replace(was.encode(), now.encode(), 1))
    run(part, tokens, tokenizer, tmp_path / "m")
    assert f"{path} is damaged" in capsys.readouterr().err
    one, other = ((folder / "model.safetensors").read_bytes()
                  for folder in (place / "uninterrupted", tmp_path / "m"))  # fmt: skip
    assert one == other


def test_checkpoints_of_an_earlier_version_are_named_and_the_training_starts_over(
    cut, tokens, tokenizer, tmp_path, capsys
):
    part, place = cut
    shutil.copytree(place / "cut", tmp_path / "m")
    for path in (tmp_path / "m" / "checkpoints").glob("step-*"):
        with safe_open(path, "pt") as file:
            about = file.metadata()
        tensors = load_file(path)
        progress = json.loads(about["progress"])
        del progress["written"]
        old = {"progress": json.dumps(progress), "origin": about["origin"], "checksum": "5"}
        save_file(tensors, path, metadata=old)
    run(part, tokens, tokenizer, tmp_path / "m")
    said = capsys.readouterr().err
    assert "an earlier version of babyllama wrote it" in said
    assert "; starting over" in said
    one, other = ((folder / "model.safetensors").read_bytes()
                  for folder in (place / "uninterrupted", tmp_path / "m"))  # fmt: skip
    assert one == other


def test_a_training_whose_folder_is_gone_ends_at_the_next_checkpoint(
    cut, tokens, tokenizer, tmp_path
):
    part, _ = cut
    out = tmp_path / "m"

    def taking_away(hidden, head, batch):
        if out.exists():
            shutil.rmtree(out)
        return text_loss(hidden, head, batch)

    with pytest.raises(FileNotFoundError, match=str(out)):
        run(part, tokens, tokenizer, out, taking_away)
    assert not out.exists()


def test_best_models_that_no_checkpoint_needs_are_deleted(cut):
    _, place = cut
    assert len(list((place / "uninterrupted" / "checkpoints").glob("step-*"))) == 3
    assert 1 <= len(list((place / "uninterrupted" / "checkpoints").glob("best-*"))) <= 3
