"""Shards divide the windows, and a file is complete or absent."""

import torch
from safetensors.torch import load_file

from babyllama.runs.unfinished import fault
from babyllama.signals.shards import save_tensors, shard_damage, shard_path, shard_plan


def test_every_window_is_in_one_shard():
    plan = shard_plan([7, 6], per_shard=4)
    assert plan == [(0, 4), (4, 8), (8, 12), (12, 13)]


def test_shards_are_named_in_the_order_of_their_windows(tmp_path):
    names = [shard_path(tmp_path, number).name for number in (0, 9, 10, 123)]
    assert names == sorted(names)
    assert names[0] == "shard-00000.safetensors"


def test_a_saved_file_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = shard_path(tmp_path, 3)
    for value in (1.0, 2.0):
        save_tensors(path, {"states": torch.full((2, 2), value)})
    assert torch.equal(load_file(path)["states"], torch.full((2, 2), 2.0))
    assert [file.name for file in tmp_path.rglob("*.safetensors")] == [path.name]
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == [f"{path.name}.record"]
    assert fault(path, "") == ""


def test_a_file_that_is_cut_or_absent_is_damaged_and_a_complete_one_is_not(tmp_path):
    path = shard_path(tmp_path, 0)
    assert "shard-00000.safetensors is cut short or damaged" in shard_damage(path)
    save_tensors(path, {"states": torch.zeros(8)})
    assert shard_damage(path) == ""
    path.write_bytes(path.read_bytes()[:-1])
    assert "shard-00000.safetensors is cut short or damaged" in shard_damage(path)
