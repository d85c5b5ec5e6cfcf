"""Writing a signal: killed, shared between processes, damaged, refused."""

import hashlib
import json
import os
import shutil
import signal as signals
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_runs import in_a_process
from small_signals import store_and_die

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.pipeline.stages import signal_stage
from babyllama.recipe import HiddenSignal, SampledSignal
from babyllama.runs import artefact, manifests
from babyllama.runs.files import hash_file
from babyllama.runs.launched import Launched
from babyllama.runs.unfinished import record
from babyllama.signals import store as store_module
from babyllama.signals import writer as writer_module
from babyllama.signals.store import store_signal
from babyllama.signals.stored import open_stored
from babyllama.signals.writer import SignalSource, Writer, identity_of

CPU = torch.device("cpu")
HIDDEN = HiddenSignal(kind="hidden")


def write(teachers, tokens, out, dies_at):
    """Run the writer in a process of its own; its exit code."""
    out.mkdir(exist_ok=True)
    done = in_a_process(store_and_die, tuple(teachers), tokens, out, dies_at)
    return done.returncode, done.stderr


def hashes(folder):
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.glob("*.safetensors"))
    }


def source_of(teachers, tokens, recipe=HIDDEN):
    """Nine windows a shard, so that a tiny signal has several."""
    return SignalSource(tuple(teachers), tokens, recipe, window=16, shard_tokens=16 * 9)


def stage_of(teachers, tokens, recipe, out):
    """The pipeline's stage, with small shards."""
    source = source_of(teachers, tokens, recipe)
    stage = signal_stage(teachers, tokens, recipe, out, window=16)
    return replace(stage, build=lambda folder: store_signal(source, folder))


def flip(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


@pytest.fixture
def stage(teachers, tokens, tmp_path):
    return stage_of(teachers, tokens, HIDDEN, tmp_path / "run" / "signal")


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
        source = source_of(teachers, tokens, recipe)
        store_signal(source, tmp_path / str(processes), processes=processes)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    assert "ended with" not in capsys.readouterr().err  # the second one did its share


def test_a_helper_that_fails_is_named_and_its_share_is_done(
    teachers, tokens, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(store_module, "_help", os.abort)  # wants no arguments: it fails at once
    store_signal(source_of(teachers, tokens), tmp_path, processes=2)
    assert "ended with 1; the others wrote its shards" in capsys.readouterr().err
    open_stored(tmp_path, Windows(tokens, "train", 16), temperature=1.0, device=CPU)


def test_shares_of_several_processes_are_each_shard_once(teachers, tokens, tmp_path, monkeypatch):
    source = source_of(teachers, tokens)
    writer = Writer(source, tmp_path)
    writer.prepare()
    written = []
    monkeypatch.setattr(Writer, "write_shard", lambda _, n: written.append(n))
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
    source, other = (source_of((first, teachers[1]), tokens) for first in (teachers[0], again))
    (tmp_path / "signal").mkdir()
    Writer(source, tmp_path / "signal").prepare()
    assert store_module.is_prepared(identity_of(source), tmp_path / "signal")
    assert not store_module.is_prepared(identity_of(other), tmp_path / "signal")


def test_a_process_that_comes_when_all_is_done_ends(teachers, tokens, tmp_path):
    source = source_of(teachers, tokens)
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
    source = source_of(teachers, tokens)
    (tmp_path / "signal.partial").mkdir()
    Writer(source, tmp_path / "signal.partial").prepare()
    write = writer_module.save_tensors

    def renamed_before(path, tensors, **more):
        if (tmp_path / "signal.partial").exists():
            (tmp_path / "signal.partial").rename(tmp_path / "signal")
        write(path, tensors, **more)

    monkeypatch.setattr(writer_module, "save_tensors", renamed_before)
    store_module.write_share(source, tmp_path / "signal.partial", Launched(1, 2))
    assert not list((tmp_path / "signal").glob("shard-*"))


def test_a_shard_cut_in_an_unfinished_signal_is_written_again(teachers, tokens, tmp_path, capsys):
    source = source_of(teachers, tokens)
    store_signal(source, tmp_path)
    before = hashes(tmp_path)
    cut = tmp_path / "shard-00002.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    store_signal(source, tmp_path)
    assert hashes(tmp_path) == before
    assert "shard-00002.safetensors is cut short or damaged" in capsys.readouterr().err


def test_a_damaged_table_costs_no_shard_that_can_be_read_without_it(stage):
    artefact.complete(stage)
    inodes = {file.name: file.stat().st_ino for file in stage.out.glob("shard-*")}
    before = hashes(stage.out)
    (stage.out / "format.safetensors").write_bytes(b"damaged")
    artefact.complete(stage)
    assert hashes(stage.out) == before
    assert {file.name: file.stat().st_ino for file in stage.out.glob("shard-*")} == inodes


def test_a_flipped_byte_costs_one_shard_and_no_student(stage, tokens):
    artefact.complete(stage)
    before = manifests.digest(stage.out)
    inodes = {file.name: file.stat().st_ino for file in stage.out.glob("shard-*")}
    damaged = stage.out / "shard-00001.safetensors"
    flip(damaged)
    with pytest.raises(InputError, match=r"shard-00001\.safetensors has changed since"):
        open_stored(stage.out, Windows(tokens, "train", 16), temperature=1.0, device=CPU)
    assert artefact.status(stage).state == "damaged"

    artefact.complete(stage)
    assert manifests.digest(stage.out) == before
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


def test_shards_are_never_read_with_tables_that_they_were_not_written_with(
    teachers, few_tokens, tmp_path, monkeypatch
):
    from babyllama.signals import hidden

    recipe = HiddenSignal(kind="hidden", bytes_per_token=16)
    stage = stage_of(teachers, few_tokens, recipe, tmp_path / "run" / "signal")
    artefact.complete(stage)
    fit = hidden.fit_code
    monkeypatch.setattr(hidden, "fit_code", lambda *a, **more: fit(*a, **more, seed=5))
    flip(stage.out / "format.safetensors")
    artefact.complete(stage)  # with a code that differs, as it may on another machine

    fresh = stage_of(teachers, few_tokens, recipe, tmp_path / "other" / "signal")
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


def test_fidelity_lies_beside_the_signal(teachers, tokens, tmp_path):
    facts = store_signal(source_of(teachers, tokens), tmp_path)
    written = json.loads((tmp_path / "fidelity.json").read_text())
    assert written == facts["fidelity"]
    assert 0 <= written["temperatures"]["1"]["kl"] < 1e-4
    assert written["temperatures"]["2"]["gradient_angle"] < 1
    assert written["tokens_per_second_written"] > 0
    again = store_signal(source_of(teachers, tokens), tmp_path)
    assert "tokens_per_second_written" not in again["fidelity"]  # nothing was written


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "has changed since it was written"),
        (lambda shard: (record_of(shard)).unlink(), "has no record of its checksum"),
        (lambda shard: record(shard, hash_file(shard), "other teachers"),
         "was written for other inputs"),
    ],
)  # fmt: skip
def test_a_shard_of_an_unfinished_signal_is_used_only_as_it_was_written(
    damage, said, teachers, tokens, tmp_path, capsys
):
    source = source_of(teachers, tokens)
    store_signal(source, tmp_path)
    before = hashes(tmp_path)
    damage(tmp_path / "shard-00001.safetensors")
    store_signal(source, tmp_path)
    assert hashes(tmp_path) == before
    assert f"shard-00001.safetensors {said}: writing it again" in capsys.readouterr().err


def record_of(shard):
    return shard.parent / "checkpoints" / f"{shard.name}.record"


PARENT = """
import multiprocessing, sys, time

def help():
    from babyllama.signals.store import end_with_parent
    end_with_parent()
    print("helping", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=help, daemon=True).start()
    time.sleep(600)
"""


def test_a_helper_ends_with_the_process_that_started_it(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "helping\n"
        process.kill()
        # The helper has the same standard output, which ends when both have ended.
        assert process.communicate(timeout=120)[0] == ""
