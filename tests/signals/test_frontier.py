"""The frontier: every kind at several sizes, and more bytes come closer."""

import json
import sys

import pytest
import torch

from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.recipe import HiddenSignal
from babyllama.signals import hidden
from babyllama.signals.fidelity import measure_fidelity
from babyllama.signals.frontier import measure_frontier
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource

VOCAB, WIDTHS = 150, (12, 12)


def make_mixture(mean_of="logits"):
    generator = torch.Generator().manual_seed(0)
    heads = tuple(0.8 * torch.randn(VOCAB, width, generator=generator) for width in WIDTHS)
    return Mixture(tuple(map(Head, heads)), (0.5, 0.5), mean_of)


@pytest.fixture(scope="module")
def states():
    """Held-out ones and a sample, some directions wider than others."""
    made = torch.randn(3000, sum(WIDTHS), generator=torch.Generator().manual_seed(1))
    made *= torch.linspace(2, 0.2, sum(WIDTHS))
    return made[:1000], made[1000:]


@pytest.fixture(scope="module")
def frontier(states):
    held_out, sample = states
    return measure_frontier(make_mixture(), sample, held_out)


def test_every_kind_is_measured_at_the_sizes_that_fit(frontier):
    names = [row["name"] for row in frontier]
    assert names[:4] == ["hidden bfloat16", "hidden int8", "hidden 8 B", "hidden 16 B"]
    assert names[4:] == [
        *(f"topk {k}" for k in (6, 14, 30, 62, 126)),
        *(f"sampled {k}" for k in (4, 12, 28, 60, 124)),
    ]
    assert [row["kind"] for row in frontier] == ["hidden"] * 4 + ["topk"] * 5 + ["sampled"] * 5
    sizes = [row["bytes_per_token"] for row in frontier]
    assert sizes == [48, 28, 8, 16] + 2 * [32, 64, 128, 256, 512]
    assert all(set(row["temperatures"]) == {"1", "2"} for row in frontier)


@pytest.mark.parametrize("temperature", ["1", "2"])
def test_more_bytes_come_closer(frontier, temperature):
    for names, number in (
        (["hidden 8 B", "hidden 16 B", "hidden int8", "hidden bfloat16"], "kl"),
        ([f"topk {k}" for k in (6, 14, 30, 62, 126)], "kl"),
        ([f"sampled {k}" for k in (4, 28, 124)], "gradient_angle"),
    ):
        rows = {row["name"]: row["temperatures"][temperature][number] for row in frontier}
        found = [rows[name] for name in names]
        assert found == sorted(found, reverse=True)


def test_a_row_is_what_fidelity_measures_of_that_form_alone(states, frontier):
    held_out, sample = states
    mixture = make_mixture()
    form = hidden.fit(HiddenSignal(kind="hidden", bytes_per_token=16), mixture, sample)
    alone = measure_fidelity(form, mixture, held_out)
    [row] = [row for row in frontier if row["name"] == "hidden 16 B"]
    for temperature, measures in row["temperatures"].items():
        assert measures == pytest.approx(alone["temperatures"][temperature], rel=1e-4)


def test_the_mean_of_probabilities_is_kept_at_one_temperature(states):
    held_out, sample = states
    rows = measure_frontier(make_mixture("probabilities"), sample, held_out[:200])
    by_kind = {row["kind"]: list(row["temperatures"]) for row in rows}
    assert by_kind == {"hidden": ["1", "2"], "topk": ["1"], "sampled": ["1"]}


def test_tokens_beyond_the_vocabulary_are_not_asked_for():
    heads = (torch.randn(40, 8, generator=torch.Generator().manual_seed(2)),)
    states = torch.randn(300, 8, generator=torch.Generator().manual_seed(3))
    rows = measure_frontier(Mixture(tuple(map(Head, heads)), (1.0,)), states, states)
    names = [row["name"] for row in rows]
    assert names == [
        "hidden bfloat16", "hidden int8", "topk 6", "topk 14", "topk 30",
        "sampled 4", "sampled 12", "sampled 28",
    ]  # fmt: skip


def test_a_signal_stores_its_frontier_when_asked(teachers, few_tokens, signal, tmp_path):
    recipe = HiddenSignal(kind="hidden", frontier=True)
    store_signal(SignalSource(tuple(teachers), few_tokens, recipe, window=16), tmp_path)
    rows = json.loads((tmp_path / "frontier.json").read_text("utf-8"))
    assert rows[0]["name"] == "hidden bfloat16"
    assert rows[0]["temperatures"]["2"]["kl"] == pytest.approx(0, abs=1e-4)
    assert not (signal / "frontier.json").exists()


def test_the_benchmark_sets_every_kind_beside_its_peers(teachers, tokens, tmp_path, monkeypatch):
    """Smallest settings: what is checked is that better forms of a kind come out better."""
    from benchmarks import signal_frontier

    out = tmp_path / "out.json"
    given = ["--teacher", teachers[0], "--teacher", teachers[1], "--tokens", tokens, "--out", out]
    more = ["--student", teachers[0], "--fresh", "--sample", 512, "--held-out", 256]
    monkeypatch.setattr(signal_frontier, "WINDOW", 16)
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, [*given, *more])])
    signal_frontier.main()
    found = json.loads(out.read_text("utf-8"))
    rows = {row["name"]: row for row in found["rows"]}
    for worse, better in (
        ("PCA 8, 8 bits", "PCA 32, 8 bits"),
        ("top-k 12, even rest", "top-k 127, even rest"),
        ("DistillKit 50, bucket", "DistillKit 128, bucket"),
        ("topk 14", "topk 126"),
    ):
        for number in ("kl", "gradient_angle"):
            of = {name: rows[name]["temperatures"]["1"][number] for name in (worse, better)}
            assert of[better] < of[worse], (better, number)
    assert rows["drawn 50 at T=1"]["temperatures"]["1"]["kl"] is None
    assert 3 < rows["drawn 50 at T=1"]["bytes_per_token"] <= 150
    assert all(row["ratio"] > 0 for row in found["variances"])
