"""Live and stored signals say the same thing about the same windows."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from babyllama.errors import InputError
from babyllama.models import load_model
from babyllama.signals import hidden as hidden_module
from babyllama.signals.hidden import open_hidden, store_hidden
from babyllama.signals.online import open_online
from babyllama.tokens import Windows

CPU = torch.device("cpu")
WHICH = np.array([7, 2, 19])


@pytest.fixture
def batch(tokens):
    return Windows(tokens, "train", 16).read(WHICH)


def mean_logits(teachers, batch):
    """The reference: every teacher's own logits in float64, averaged."""
    with torch.no_grad():
        each = [load_model(t).double()(input_ids=batch.input_ids).logits for t in teachers]
    return (sum(each) / len(each)).flatten(0, 1)


def test_online_logits_are_the_mean_of_the_teachers(teachers, batch):
    logits = open_online(
        teachers, window=16, temperature=2.0, precision="float32", device=CPU
    ).targets(batch)
    exact = mean_logits(teachers, batch)
    for part in (slice(0, 5), slice(5, 48), slice(0, 48)):
        torch.testing.assert_close(logits(part).double(), exact[part], rtol=1e-4, atol=1e-5)


def test_stored_logits_differ_by_bfloat16_rounding_alone(teachers, signal, tokens, batch):
    windows = Windows(tokens, "train", 16)
    stored = open_hidden(signal, windows, device=CPU).targets(batch)(slice(0, 48))
    exact = mean_logits(teachers, batch)
    kl = torch.nn.functional.kl_div(
        torch.log_softmax(stored.double(), -1), torch.log_softmax(exact, -1),
        log_target=True, reduction="batchmean",
    )  # fmt: skip
    assert 0 < float(kl) < 1e-4
    torch.testing.assert_close(stored.double(), exact, rtol=0.05, atol=0.05)


def test_a_stored_signal_serves_any_order_and_any_batch(signal, tokens):
    windows = Windows(tokens, "train", 16)
    source = open_hidden(signal, windows, device=CPU)
    together = source.targets(windows.read(WHICH))(slice(0, 48))
    for row, index in enumerate(WHICH):
        alone = source.targets(windows.read(np.array([index])))(slice(0, 16))
        torch.testing.assert_close(alone, together[16 * row : 16 * (row + 1)])


def test_a_killed_writer_goes_on_with_the_missing_shards(teachers, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(hidden_module, "_SHARD_BYTES", 16 * 40 * 2 * 7)
    (tmp_path / "whole").mkdir()
    store_hidden(teachers, tokens, tmp_path / "whole", window=16)
    shards = sorted(file.name for file in (tmp_path / "whole").glob("states-*"))
    assert len(shards) > 3

    (tmp_path / "cut").mkdir()
    write = hidden_module._write_shard
    written = []

    def dying(path, *rest):
        if len(written) == 2:
            path.with_suffix(".writing").write_bytes(b"half a shard")
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, *rest)

    monkeypatch.setattr(hidden_module, "_write_shard", dying)
    with pytest.raises(KeyboardInterrupt):
        store_hidden(teachers, tokens, tmp_path / "cut", window=16)
    monkeypatch.setattr(
        hidden_module, "_write_shard", lambda p, *r: (written.append(p.name), write(p, *r))
    )
    store_hidden(teachers, tokens, tmp_path / "cut", window=16)
    assert written == shards  # none twice
    assert not list((tmp_path / "cut").glob("*.writing"))
    for name in shards:
        one, other = (load_file(tmp_path / folder / name)["states"] for folder in ("whole", "cut"))
        assert torch.equal(one, other)


def test_it_says_what_a_token_costs(signal):
    header = hidden_module.read_signal(signal)
    assert header["bytes_per_token"] == 2 * (16 + 24)  # both teachers' widths in bfloat16
    size = sum(file.stat().st_size for file in signal.glob("states-*"))
    tokens = header["windows"] * header["window"]
    assert size == pytest.approx(tokens * header["bytes_per_token"], rel=0.02)


def test_another_window_is_refused(signal, tokens):
    with pytest.raises(InputError, match="window is 16, but the student reads windows of 32"):
        open_hidden(signal, Windows(tokens, "train", 32), device=CPU)


def test_teachers_too_short_for_the_window_are_refused(teachers, tokens, tmp_path):
    with pytest.raises(InputError, match="has 64 positions, a window 128 tokens"):
        open_online(teachers, window=128, temperature=1.0, precision="float32", device=CPU)
    with pytest.raises(InputError, match="has 64 positions, a window 65 tokens"):
        store_hidden(teachers, tokens, tmp_path, window=65)


def test_other_tokens_are_refused(signal, tokens):
    with pytest.raises(InputError, match="stored for other tokens"):
        open_hidden(signal, Windows(tokens, "dev", 16), device=CPU)


def test_a_folder_that_is_no_signal_is_refused(tokens, tmp_path):
    with pytest.raises(InputError, match=r"no signal\.json"):
        open_hidden(tmp_path, Windows(tokens, "train", 16), device=CPU)
