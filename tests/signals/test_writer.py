"""A writer checks everything before its first shard, and fills in for processes that died."""

import shutil

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.models.ensemble import load_ensemble
from babyllama.recipe import HiddenSignal, SampledSignal, TopKSignal
from babyllama.runs.launched import Launched
from babyllama.signals import writer as writer_module
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource, Writer, identity_of

HIDDEN = HiddenSignal(kind="hidden")


def source_of(teachers, tokens, recipe=HIDDEN):
    """Nine windows a shard, so that a tiny signal has several."""
    return SignalSource(tuple(teachers), tokens, recipe, window=16, shard_tokens=16 * 9)


def test_the_shards_of_processes_that_died_are_written_by_the_first(teachers, tokens, tmp_path):
    writer = Writer(source_of(teachers, tokens), tmp_path)
    writer.prepare()
    writer.write(Launched(0, 3), [lambda: False, lambda: False])
    assert len(list(tmp_path.glob("shard-*"))) == len(writer.plan) > 3


def test_shares_of_all_processes_are_every_shard_once(teachers, tokens, tmp_path):
    writer = Writer(source_of(teachers, tokens), tmp_path)
    shares = [number for rank in range(3) for number in writer.share(Launched(rank, 3))]
    assert sorted(shares) == list(range(len(writer.plan)))


def test_the_shards_starts_are_those_of_every_pass(teachers, tokens, tmp_path):
    source = SignalSource(tuple(teachers), tokens, HIDDEN, window=16, offsets=(0, 8))
    writer = Writer(source, tmp_path)
    starts = writer.starts(np.arange(sum(writer.counts)))
    assert sorted(set(starts % 16)) == [0, 8]
    assert len(set(starts)) == len(starts)


def test_what_is_measured_besides_does_not_change_the_identity(teachers, tokens):
    measured = HIDDEN.model_copy(update={"frontier": True})
    assert identity_of(source_of(teachers, tokens)) == identity_of(
        source_of(teachers, tokens, measured)
    )
    int8 = HiddenSignal(kind="hidden", precision="int8")
    assert identity_of(source_of(teachers, tokens)) != identity_of(
        source_of(teachers, tokens, int8)
    )


def test_dev_text_too_short_is_refused_before_any_shard(teachers, tokens, tmp_path):
    short = tmp_path / "tokens"
    shutil.copytree(tokens, short)
    (short / "dev.bin").write_bytes((short / "dev.bin").read_bytes()[:20])
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"dev\.bin holds 10 tokens, less than one window of 16"):
        store_signal(source_of(teachers, short), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_teacher_that_gives_nan_is_named_with_the_window(teachers, tokens, tmp_path, monkeypatch):
    def broken(*arguments, **settings):
        ensemble = load_ensemble(*arguments, **settings)
        # Its tenth position is broken, so every window is; the sample is read first.
        ensemble.models[1].transformer.wpe.weight[10] = float("nan")
        return ensemble

    monkeypatch.setattr(writer_module, "load_ensemble", broken)
    with pytest.raises(InputError, match=r"gpt2 gives NaN or infinite states .* token 0 of"):
        store_signal(source_of(teachers, tokens), tmp_path)


def test_a_disk_too_small_is_refused_before_any_shard(teachers, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(
        writer_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1)
    )
    with pytest.raises(InputError, match=r"the signal takes .* has 1 bytes free"):
        store_signal(source_of(teachers, tokens), tmp_path)
    assert not list(tmp_path.glob("shard-*"))


def test_it_says_what_a_token_and_all_of_it_take_before_it_starts(
    teachers, tokens, tmp_path, capsys
):
    store_signal(source_of(teachers, tokens), tmp_path)
    assert "80 bytes per token, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (TopKSignal(kind="topk", k=321), "k is 321, the vocabulary has 320 tokens"),
        (SampledSignal(kind="sampled", k=999), "k is 999, the vocabulary has 320 tokens"),
        (HiddenSignal(kind="hidden", bytes_per_token=80), "the states themselves take 80"),
    ],
)
def test_recipes_that_do_not_fit_the_teachers_are_refused(teachers, tokens, tmp_path, recipe, said):
    with pytest.raises(InputError, match=said):
        store_signal(source_of(teachers, tokens, recipe), tmp_path)
