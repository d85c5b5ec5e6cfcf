"""Stored signals of every kind give the ensemble's distributions back for their windows."""

import json
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from references import plain_loss
from safetensors import safe_open
from safetensors.torch import load_file

from babyllama.data.order import Order, rank
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.loading import load_model
from babyllama.models.logits import Head
from babyllama.models.loss import SparseTarget, distillation_loss
from babyllama.recipe import (
    HiddenSignal,
    JitteredWindows,
    MeasuredOrder,
    SampledSignal,
    ShiftedWindows,
    TopKSignal,
)
from babyllama.signals import stored as stored_module
from babyllama.signals.online import open_online
from babyllama.signals.store import store_signal
from babyllama.signals.stored import open_stored, read_signal
from babyllama.signals.writer import SignalSource

CPU = torch.device("cpu")
WHICH = np.array([7, 2, 19])
KINDS = {
    "bfloat16": HiddenSignal(kind="hidden"),
    "int8": HiddenSignal(kind="hidden", precision="int8"),
    "coded": HiddenSignal(kind="hidden", bytes_per_token=16),
    "topk": TopKSignal(kind="topk", k=319),
    "sampled": SampledSignal(kind="sampled", k=320),
}


@pytest.fixture
def windows(tokens):
    return Windows(tokens, "train", 16)


@pytest.fixture
def batch(windows):
    return windows.read(WHICH)


@pytest.fixture(scope="module")
def stored(teachers, tokens, tmp_path_factory):
    """A folder of each kind, and one of the mean of probabilities."""
    folders = {}
    kinds = {
        **KINDS,
        "probabilities": KINDS["bfloat16"].model_copy(update={"mean_of": "probabilities"}),
    }
    for name, recipe in kinds.items():
        folders[name] = tmp_path_factory.mktemp(name)
        source = SignalSource(tuple(teachers), tokens, recipe, window=16)
        store_signal(source, folders[name])
    return folders


def each_logits(teachers, batch):
    """The reference: every teacher's own logits in float64."""
    with torch.no_grad():
        return [
            load_model(folder).double()(input_ids=batch.input_ids).logits.flatten(0, 1)
            for folder in teachers
        ]


def mean_logits(teachers, batch):
    return sum(each_logits(teachers, batch)) / len(teachers)


def read_back(targets, positions, vocab, temperature):
    """Probabilities that a signal's targets stand for, all positions at once."""
    target = targets(slice(0, positions))
    if isinstance(target, SparseTarget):
        full = torch.zeros(positions, vocab, dtype=torch.float64)
        return full.scatter_(1, target.tokens, target.weights.double())
    return torch.softmax(target.double() / temperature, -1)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("kind", "at_most"),
    [("bfloat16", 1e-5), ("int8", 1e-4), ("coded", 0.01), ("topk", 1e-4), ("sampled", 1e-5)],
)
def test_every_kind_gives_the_ensembles_distribution_back(
    stored, teachers, windows, batch, kind, at_most, temperature
):
    source = open_stored(stored[kind], windows, temperature=temperature, device=CPU)
    read = read_back(source.targets(batch), 48, 320, temperature)
    exact = torch.log_softmax(mean_logits(teachers, batch) / temperature, -1)
    kl = (exact.exp() * (exact - read.clamp(min=1e-12).log())).sum(-1).mean()
    assert abs(float(kl)) < at_most


@pytest.mark.parametrize("reduction", ["window_sum", "token_mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_feeds_the_same_loss(stored, teachers, windows, batch, kind, reduction):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 16, 12, generator=generator, dtype=torch.float64)
    head = torch.randn(320, 12, generator=generator, dtype=torch.float64)
    chosen = {"alpha": 0.3, "temperature": 2.0, "reduction": reduction}
    source = open_stored(stored[kind], windows, temperature=2.0, device=CPU)
    z_bar = mean_logits(teachers, batch).reshape(3, 16, 320)

    def gradients(loss):
        h, w = hidden.clone().requires_grad_(), head.clone().requires_grad_()
        return torch.autograd.grad(loss(h, w), (h, w))

    ours = gradients(
        lambda h, w: (
            distillation_loss(
                h, Head(w), batch.labels, source.targets(batch), chunk=11, **chosen
            ).total
        )
    )
    exact = gradients(lambda h, w: plain_loss(h, w, batch.labels, z_bar, **chosen)[0])
    for one, other in zip(ours, exact, strict=True):
        assert float((one - other).norm() / other.norm()) < (0.1 if kind == "coded" else 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_signal_serves_any_order_and_any_batch(stored, windows, kind):
    source = open_stored(stored[kind], windows, temperature=1.0, device=CPU)
    together = read_back(source.targets(windows.read(WHICH)), 48, 320, 1.0)
    for row, index in enumerate(WHICH):
        alone = read_back(source.targets(windows.read(np.array([index]))), 16, 320, 1.0)
        torch.testing.assert_close(alone, together[16 * row : 16 * (row + 1)])


@pytest.mark.parametrize("kind", ["bfloat16", "int8"])
def test_hidden_kinds_serve_any_teacher_weights(stored, teachers, windows, batch, kind):
    source = open_stored(stored[kind], windows, temperature=1.0, device=CPU, weights=(0.9, 0.1))
    one, other = each_logits(teachers, batch)
    exact = torch.softmax(0.9 * one + 0.1 * other, -1)
    read = read_back(source.targets(batch), 48, 320, 1.0)
    torch.testing.assert_close(read, exact, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_mean_of_probabilities_comes_out_of_stored_states(
    stored, teachers, windows, batch, temperature
):
    source = open_stored(stored["probabilities"], windows, temperature=temperature, device=CPU)
    one, other = (torch.softmax(z / temperature, -1) for z in each_logits(teachers, batch))
    read = read_back(source.targets(batch), 48, 320, temperature)
    torch.testing.assert_close(read, (one + other) / 2, rtol=0.05, atol=1e-3)
    logits = torch.softmax(mean_logits(teachers, batch) / temperature, -1)
    assert (read - (one + other) / 2).abs().sum() < (read - logits).abs().sum()


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_kept_on_the_device_is_the_same(stored, windows, kind, monkeypatch):
    mapped = open_stored(stored[kind], windows, temperature=1.0, device=CPU)
    monkeypatch.setattr(stored_module, "fits_on_gpu", lambda *_: True)
    resident = open_stored(stored[kind], windows, temperature=1.0, device=CPU)
    one, other = mapped.read(WHICH * 16), resident.read(WHICH * 16)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_processor_keeps_nothing_but_its_page_cache(signal):
    assert not stored_module.fits_on_gpu(read_signal(signal), CPU)


def test_a_signal_says_what_a_token_costs(stored):
    for name, folder in stored.items():
        header = read_signal(folder)
        size = sum(file.stat().st_size for file in folder.glob("shard-*"))
        tokens = sum(header["windows"]) * header["window"]
        assert size == pytest.approx(tokens * header["bytes_per_token"], rel=0.05), name
    assert read_signal(stored["bfloat16"])["bytes_per_token"] == 2 * (16 + 24)


def test_shifted_windows_find_their_own_pass_in_any_order(teachers, tokens, tmp_path):
    windows = Windows(tokens, "train", 16, ShiftedWindows(kind="shifted", passes=4))
    source = SignalSource(tuple(teachers), tokens, KINDS["bfloat16"], 16, windows.offsets)
    store_signal(source, tmp_path)
    signal = open_stored(tmp_path, windows, temperature=1.0, device=CPU)
    ranked = rank(np.random.default_rng(0).random((4, len(windows))), reverse=False, seed=1)
    for order in (None, Order(MeasuredOrder(by="length"), ranked, epochs=8)):
        windows.order, offsets = order, set()
        for step in range(0, 8 * windows.steps_per_epoch(4), 6):
            batch = windows.at(step, batch_size=4, seed=1)
            offsets.update(batch.starts % 16)
            exact = mean_logits(teachers, batch)
            read = signal.targets(batch)(slice(0, 64)).double()
            torch.testing.assert_close(read, exact, rtol=0.05, atol=0.05)
        assert offsets == {0, 4, 8, 12}
    fixed = Windows(tokens, "train", 16)  # pass 0 serves a student of fixed windows too
    last = fixed.read(np.array([len(fixed) - 1]))
    read = open_stored(tmp_path, fixed, temperature=1.0, device=CPU).targets(last)(slice(0, 16))
    torch.testing.assert_close(read.double(), mean_logits(teachers, last), rtol=0.05, atol=0.05)


# --- errors ---------------------------------------------------------------------------------


def test_another_window_is_refused(signal, tokens):
    with pytest.raises(InputError, match="window is 16, but the student reads windows of 32"):
        open_stored(signal, Windows(tokens, "train", 32), temperature=1.0, device=CPU)


@pytest.mark.parametrize(
    ("placing", "wanted", "mend"),
    [(ShiftedWindows(kind="shifted", passes=2), "at offsets 0, 8", "Store it with --passes 2"),
     (JitteredWindows(kind="jittered"), "at random offsets", "Distil with --teacher")],
)  # fmt: skip
def test_windows_that_were_not_stored_are_refused(signal, tokens, placing, wanted, mend):
    with pytest.raises(InputError, match=f"at offsets 0, the student reads them {wanted}") as error:
        open_stored(signal, Windows(tokens, "train", 16, placing), temperature=1.0, device=CPU)
    assert error.value.mend.startswith(mend)


def test_other_tokens_are_refused(signal, tokens):
    with pytest.raises(InputError, match="stored for other tokens"):
        open_stored(signal, Windows(tokens, "dev", 16), temperature=1.0, device=CPU)


@pytest.fixture
def separate(tokens, tmp_path):
    """The same tokens, to be read with separate documents."""
    folder = shutil.copytree(tokens, tmp_path / "separate")
    header = json.loads((folder / "tokens.json").read_text())
    (folder / "tokens.json").write_text(json.dumps(header | {"documents": "separate"}))
    return folder


def test_of_separate_documents_running_and_stored_teachers_say_the_same(
    teachers, signal, tokens, separate, tmp_path
):
    recipe, windows = HiddenSignal(kind="hidden"), Windows(separate, "train", 16)
    (tmp_path / "signal").mkdir()
    store_signal(SignalSource(tuple(teachers), separate, recipe, window=16), tmp_path / "signal")
    batch = windows.read(np.arange(12))
    assert (batch.position_ids[:, 1:] == 0).any()  # a document begins within a window
    running = open_online(
        teachers, window=16, temperature=2.0, precision="float32", device=CPU, separate=True
    )
    kept = open_stored(tmp_path / "signal", windows, temperature=2.0, device=CPU)

    found = [read_back(each.targets(batch), 12 * 16, 320, 2.0) for each in (running, kept)]

    attending = running.targets(Windows(tokens, "train", 16).read(np.arange(12)))
    other = read_back(attending, 12 * 16, 320, 2.0)
    assert (found[0] - found[1]).abs().max() < 0.05 * (found[0] - other).abs().max()
    with pytest.raises(InputError, match=r"tokens\.documents: attend, .* has separate"):
        open_stored(signal, windows, temperature=2.0, device=CPU)
    with pytest.raises(InputError, match=r"tokens\.documents: separate, .* has attend"):
        open_stored(tmp_path / "signal", Windows(tokens, "train", 16), temperature=2.0, device=CPU)


def test_a_folder_without_a_signal_is_refused(windows, tmp_path):
    with pytest.raises(InputError, match=r"has no signal\.json"):
        open_stored(tmp_path, windows, temperature=1.0, device=CPU)


@pytest.mark.parametrize("kind", ["topk", "sampled"])
def test_sparse_kinds_refuse_another_temperature_and_other_weights(stored, windows, kind):
    with pytest.raises(InputError, match=r"temperature is 3, .* was stored for 1, 2"):
        open_stored(stored[kind], windows, temperature=3.0, device=CPU)
    with pytest.raises(InputError, match=f"a {kind} signal has its teachers' weights built in"):
        open_stored(stored[kind], windows, temperature=2.0, device=CPU, weights=(0.4, 0.6))


def test_weights_that_do_not_fit_the_teachers_are_refused(signal, windows):
    with pytest.raises(InputError, match="1 given for 2 models"):
        open_stored(signal, windows, temperature=1.0, device=CPU, weights=(1.0,))


def test_an_incomplete_or_cut_signal_is_refused(teachers, tokens, tmp_path):
    windows = Windows(tokens, "train", 16)
    store_signal(small_shards(teachers, tokens), tmp_path)
    total = len(list(tmp_path.glob("shard-*")))
    last = tmp_path / f"shard-{total - 1:05d}.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{last.name} is cut short or damaged"):
        open_stored(tmp_path, windows, temperature=1.0, device=CPU)
    last.unlink()
    with pytest.raises(InputError, match=f"incomplete: 1 of {total} shards are missing"):
        open_stored(tmp_path, windows, temperature=1.0, device=CPU)


def small_shards(teachers, tokens):
    """Nine windows a shard."""
    return SignalSource(tuple(teachers), tokens, KINDS["bfloat16"], 16, shard_tokens=16 * 9)


def test_reading_copies_only_the_batchs_windows_and_neighbours_together(
    teachers, tokens, tmp_path, monkeypatch
):
    asked = []

    class Recorded:
        def __init__(self, inner):
            self.inner = inner

        def __getitem__(self, rows):
            asked.append(rows.stop - rows.start)
            return self.inner[rows]

    @contextmanager
    def recording(path, framework):
        with safe_open(path, framework) as file:
            names = list(file.keys())
            yield SimpleNamespace(
                keys=lambda: names, get_slice=lambda name: Recorded(file.get_slice(name))
            )

    store_signal(small_shards(teachers, tokens), tmp_path)
    windows = Windows(tokens, "train", 16)
    monkeypatch.setattr(stored_module, "safe_open", recording)
    source = open_stored(tmp_path, windows, temperature=1.0, device=CPU)
    asked.clear()
    numbers = np.array([0, 1, 2, 8, 9, 10, 4, 30])  # shards have nine windows
    read = source.read(numbers * 16)["states"]
    assert asked == [3, 1, 2, 1, 1]
    every = torch.cat(
        [load_file(file)["states"] for file in sorted(tmp_path.glob("shard-*.safetensors"))]
    )
    assert torch.equal(read, every[torch.from_numpy(numbers)])
