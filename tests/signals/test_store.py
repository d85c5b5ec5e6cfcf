"""Writing a signal: killed, shared between processes, damaged, refused."""

import hashlib
import json
import os
import shutil
import signal as signals
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.pipeline.stages import signal_stage
from babyllama.recipe import HiddenSignal, SampledSignal
from babyllama.runs import artefact
from babyllama.runs.launched import Launched
from babyllama.signals import store as store_module
from babyllama.signals.store import SignalSource, shard_plan, store_signal
from babyllama.signals.stored import open_stored

CPU = torch.device("cpu")
HIDDEN = HiddenSignal(kind="hidden")

# Stores a signal in small shards; dies half-way through the bytes of the shard that is named.
WRITER = """
import os, sys
from pathlib import Path
from babyllama.recipe import SampledSignal
from babyllama.signals import store
store._SHARD_TOKENS = 16 * 9
teachers, tokens, out, dies_at = eval(sys.argv[1])
real = store.save_file
def save_file(tensors, path):
    if f"shard-{dies_at:05d}" in str(path):
        real(tensors, path)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        os.kill(os.getpid(), 9)
    real(tensors, path)
store.save_file = save_file
recipe = SampledSignal(kind="sampled", k=5)
source = store.SignalSource(tuple(map(Path, teachers)), Path(tokens), recipe, window=16)
store.store_signal(source, Path(out))
"""


def write(teachers, tokens, out, dies_at):
    """Run the writer in a process of its own; its exit code."""
    out.mkdir(exist_ok=True)
    arguments = repr(([str(each) for each in teachers], str(tokens), str(out), dies_at))
    done = subprocess.run([sys.executable, "-c", WRITER, arguments], capture_output=True)
    return done.returncode, done.stderr.decode()


def hashes(folder):
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.glob("*.safetensors"))
    }


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Nine windows a shard, so that a tiny signal has several."""
    monkeypatch.setattr(store_module, "_SHARD_TOKENS", 16 * 9)
    # A share's threads are for a process of its own; here they would be those of all later tests.
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)


@pytest.fixture
def stage(teachers, tokens, tmp_path):
    return signal_stage(teachers, tokens, HIDDEN, tmp_path / "run" / "signal", window=16)


def test_a_writer_killed_twice_leaves_the_bytes_of_one_never_stopped(teachers, tokens, tmp_path):
    code, said = write(teachers, tokens, tmp_path / "whole", dies_at=-1)
    assert code == 0, said
    for dies_at in (2, 5):
        code, _ = write(teachers, tokens, tmp_path / "cut", dies_at)
        assert code == -signals.SIGKILL
        assert len(list((tmp_path / "cut").glob("shard-*.safetensors"))) == dies_at
        assert list((tmp_path / "cut" / "checkpoints").glob("shard-*"))
    kept = (tmp_path / "cut" / "shard-00001.safetensors").stat().st_mtime_ns
    code, said = write(teachers, tokens, tmp_path / "cut", dies_at=-1)
    assert code == 0, said
    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")
    assert (tmp_path / "cut" / "shard-00001.safetensors").stat().st_mtime_ns == kept


def test_two_processes_write_what_one_writes(teachers, tokens, tmp_path, capsys):
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
        recipe = SampledSignal(kind="sampled", k=5)
        source = SignalSource(tuple(teachers), tokens, recipe, window=16)
        store_signal(source, tmp_path / str(processes), processes=processes)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    assert "ended with" not in capsys.readouterr().err  # the second one did its share


def test_a_helper_that_fails_is_named_and_its_share_is_done(
    teachers, tokens, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(store_module, "_help", os.abort)  # wants no arguments: it fails at once
    store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path, processes=2)
    assert "ended with 1; its shards are written" in capsys.readouterr().err
    open_stored(tmp_path, Windows(tokens, "train", 16), temperature=1.0, device=CPU)


def test_the_work_of_a_process_that_died_is_done_by_the_first(teachers, tokens, tmp_path):
    writer = store_module._Writer(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    writer.prepare()
    writer.write(0, 3, [lambda: False, lambda: False])
    assert len(list(tmp_path.glob("shard-*"))) == len(writer.plan) > 3


def test_shares_of_several_processes_are_each_shard_once(teachers, tokens, tmp_path, monkeypatch):
    source = SignalSource(tuple(teachers), tokens, HIDDEN, 16)
    writer = store_module._Writer(source, tmp_path)
    writer.prepare()
    written = []
    monkeypatch.setattr(store_module._Writer, "write_shard", lambda _, n: written.append(n))
    for rank in range(3):
        store_module.write_share(source, tmp_path, Launched(rank, 3))
    assert sorted(written) == list(range(len(writer.plan)))


def test_a_folder_of_other_teachers_is_not_taken_for_the_same_signal(teachers, tokens, tmp_path):
    again = tmp_path / "retrained" / teachers[0].name  # of the same name
    shutil.copytree(teachers[0], again)
    weights = load_file(again / "model.safetensors")
    save_file(
        {name: tensor * 2 for name, tensor in weights.items()}, again / "model.safetensors",
        metadata={"format": "pt"},
    )  # fmt: skip
    source, other = (
        SignalSource((first, teachers[1]), tokens, HIDDEN, 16) for first in (teachers[0], again)
    )
    (tmp_path / "signal").mkdir()
    store_module._Writer(source, tmp_path / "signal").prepare()
    assert store_module._is_prepared(store_module.identity_of(source), tmp_path / "signal")
    assert not store_module._is_prepared(store_module.identity_of(other), tmp_path / "signal")


def test_dev_text_too_short_is_refused_before_any_shard(teachers, tokens, tmp_path):
    short = tmp_path / "tokens"
    shutil.copytree(tokens, short)
    (short / "dev.bin").write_bytes((short / "dev.bin").read_bytes()[:20])
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"dev\.bin holds 10 tokens, less than one window of 16"):
        store_signal(SignalSource(tuple(teachers), short, HIDDEN, 16), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_process_that_comes_when_all_is_done_ends(teachers, tokens, tmp_path):
    source = SignalSource(tuple(teachers), tokens, HIDDEN, 16)
    (tmp_path / "signal").mkdir()
    store_signal(source, tmp_path / "signal")
    before = hashes(tmp_path / "signal")
    store_module.write_share(
        source, tmp_path / "signal.partial", Launched(1, 2), finished=tmp_path / "signal"
    )
    assert hashes(tmp_path / "signal") == before


def test_a_process_whose_folder_was_completed_meanwhile_ends(
    teachers, tokens, tmp_path, monkeypatch
):
    source = SignalSource(tuple(teachers), tokens, HIDDEN, 16)
    (tmp_path / "signal.partial").mkdir()
    store_module._Writer(source, tmp_path / "signal.partial").prepare()
    write = store_module._save

    def renamed_before(path, tensors):
        if (tmp_path / "signal.partial").exists():
            (tmp_path / "signal.partial").rename(tmp_path / "signal")
        write(path, tensors)

    monkeypatch.setattr(store_module, "_save", renamed_before)
    store_module.write_share(source, tmp_path / "signal.partial", Launched(1, 2))
    assert not list((tmp_path / "signal").glob("shard-*"))


def test_a_shard_cut_in_an_unfinished_signal_is_written_again(teachers, tokens, tmp_path, capsys):
    source = SignalSource(tuple(teachers), tokens, HIDDEN, 16)
    store_signal(source, tmp_path)
    before = hashes(tmp_path)
    cut = tmp_path / "shard-00002.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    store_signal(source, tmp_path)
    assert hashes(tmp_path) == before
    assert "shard-00002.safetensors is cut short or damaged" in capsys.readouterr().err


def test_a_flipped_byte_costs_one_shard_and_no_student(stage, tokens):
    artefact.complete(stage)
    before = artefact.digest(stage.out)
    inodes = {file.name: file.stat().st_ino for file in stage.out.glob("shard-*")}
    damaged = stage.out / "shard-00001.safetensors"
    flip(damaged)
    with pytest.raises(InputError, match=r"shard-00001\.safetensors has changed since"):
        open_stored(stage.out, Windows(tokens, "train", 16), temperature=1.0, device=CPU)
    assert artefact.status(stage).state == "damaged"

    artefact.complete(stage)
    assert artefact.digest(stage.out) == before
    assert artefact.status(stage).state == "complete"
    after = {file.name: file.stat().st_ino for file in stage.out.glob("shard-*")}
    assert [name for name in inodes if after[name] != inodes[name]] == [damaged.name]


def test_rot_that_changes_no_date_is_found_when_the_signal_is_opened(stage, tokens):
    artefact.complete(stage)
    damaged = stage.out / "shard-00000.safetensors"
    date = damaged.stat()
    flip(damaged)
    os.utime(damaged, ns=(date.st_atime_ns, date.st_mtime_ns))
    assert artefact.status(stage).state == "complete"  # a look at dates and sizes alone
    with pytest.raises(InputError, match=r"shard-00000\.safetensors has changed since"):
        open_stored(stage.out, Windows(tokens, "train", 16), temperature=1.0, device=CPU)
    assert artefact.status(stage).state == "damaged"  # so the same command mends it


def test_shards_are_never_read_in_a_form_that_they_were_not_written_in(
    teachers, tokens, tmp_path, monkeypatch
):
    from babyllama.signals import hidden

    recipe = HiddenSignal(kind="hidden", bytes_per_token=16)
    stage = signal_stage(teachers, tokens, recipe, tmp_path / "run" / "signal", window=16)
    artefact.complete(stage)
    fit = hidden.fit_code
    monkeypatch.setattr(hidden, "fit_code", lambda *a, **more: fit(*a, **more, seed=5))
    flip(stage.out / "format.safetensors")
    artefact.complete(stage)  # with a code that comes out another, as it may on another machine

    fresh = signal_stage(teachers, tokens, recipe, tmp_path / "other" / "signal", window=16)
    artefact.complete(fresh)
    assert hashes(stage.out) == hashes(fresh.out)


def test_the_frontier_is_no_part_of_what_a_signal_is(teachers, tokens, tmp_path):
    measured = HIDDEN.model_copy(update={"frontier": True})
    one, other = (
        signal_stage(teachers, tokens, recipe, tmp_path / "run" / "signal", window=16)
        for recipe in (HIDDEN, measured)
    )
    artefact.complete(one)
    assert artefact.status(other).state == "complete"


def test_a_half_written_or_cut_signal_is_refused(teachers, tokens, tmp_path):
    windows = Windows(tokens, "train", 16)
    store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    total = len(list(tmp_path.glob("shard-*")))
    last = tmp_path / f"shard-{total - 1:05d}.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{last.name} is cut short or damaged"):
        open_stored(tmp_path, windows, temperature=1.0, device=CPU)
    last.unlink()
    with pytest.raises(InputError, match=f"half written: 1 of {total} shards are missing"):
        open_stored(tmp_path, windows, temperature=1.0, device=CPU)


def test_a_teacher_that_gives_no_numbers_is_named_with_the_window(teachers, tokens, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(teachers[1], broken)
    weights = load_file(broken / "model.safetensors")
    # Its tenth position is broken, so every window is; the sample is read first.
    weights["transformer.wpe.weight"][10] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"broken gives states that are no numbers .* token 0 of"):
        store_signal(SignalSource((teachers[0], broken), tokens, HIDDEN, 16), tmp_path / "out")


def test_a_disk_too_small_is_refused_before_any_shard(teachers, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(
        store_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1)
    )
    with pytest.raises(InputError, match=r"the signal takes .* has 1 bytes free"):
        store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    assert not list(tmp_path.glob("shard-*"))


def test_it_says_what_a_token_and_all_of_it_take_before_it_starts(
    teachers, tokens, tmp_path, capsys
):
    store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    assert "80 bytes a token, " in capsys.readouterr().err


def test_reading_asks_for_the_batchs_windows_alone(teachers, tokens, tmp_path):
    store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    windows = Windows(tokens, "train", 16)
    source = open_stored(tmp_path, windows, temperature=1.0, device=CPU)
    asked = []

    class Recorded:
        def __init__(self, inner):
            self.inner = inner

        def __getitem__(self, rows):
            asked.append(rows.stop - rows.start)
            return self.inner[rows]

    source._slices = [
        {name: Recorded(each) for name, each in shard.items()} for shard in source._slices
    ]
    numbers = np.array([0, 1, 2, 8, 9, 10, 4, 30])  # shards have nine windows
    read = source.read(numbers * 16)["states"]
    assert asked == [3, 1, 2, 1, 1]
    whole = torch.cat(
        [load_file(file)["states"] for file in sorted(tmp_path.glob("shard-*.safetensors"))]
    )
    assert torch.equal(read, whole[torch.from_numpy(numbers)])


def test_every_window_is_in_one_shard():
    plan = shard_plan([7, 6], per_shard=4)
    assert plan == [(0, 4), (4, 8), (8, 12), (12, 13)]


def test_fidelity_lies_beside_the_signal(teachers, tokens, tmp_path):
    facts = store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    written = json.loads((tmp_path / "fidelity.json").read_text())
    assert written == facts["fidelity"]
    assert 0 <= written["temperatures"]["1"]["kl"] < 1e-4
    assert written["temperatures"]["2"]["gradient_angle"] < 1
    assert written["tokens_per_second_written"] > 0
    again = store_signal(SignalSource(tuple(teachers), tokens, HIDDEN, 16), tmp_path)
    assert "tokens_per_second_written" not in again["fidelity"]  # nothing was written


def flip(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)
