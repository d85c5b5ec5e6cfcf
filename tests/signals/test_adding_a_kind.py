"""Adding a kind of signal takes a recipe class, a module and a test: here in one file, as a toy.

The toy stores every logit in 16 bits: exact, and far too large. A real kind's recipe class joins
the union `AnyStoredSignal` in recipe/teaching.py, and its module's KIND joins `STORED_KINDS` in
signals/kinds.py.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import torch

from babyllama.data.windows import Windows
from babyllama.models.ensemble import Mixture, load_ensemble
from babyllama.recipe import Mixing, StoredSignal, parse
from babyllama.signals import stored
from babyllama.signals.encoding import Kind, Sizes, TeacherShapes
from babyllama.signals.kinds import STORED_KINDS
from babyllama.signals.store import store_signal
from babyllama.signals.stored import open_stored, read_signal
from babyllama.signals.writer import SignalSource

# --- recipe/teaching.py ---------------------------------------------------------------------


class LogitsSignal(StoredSignal):
    """Every logit in 16 bits, for any temperature."""

    kind: Literal["logits"]


# --- signals/logits.py ----------------------------------------------------------------------


def sizes(recipe: LogitsSignal, teachers: TeacherShapes) -> Sizes:
    """Two bytes a logit."""
    del recipe
    return Sizes(bytes_per_token=2 * teachers.vocab_size)


@dataclass(frozen=True)
class Logits:
    """How logits are stored and read."""

    sizes: Sizes
    mixture: Mixture | None = None
    temperatures: None = None
    is_fitted: bool = False

    def encode(self, states, seeds, inputs=None):
        """The mixture's logits."""
        del seeds, inputs
        return {"logits": self.mixture.logits(states).half()}

    def targets(self, stored, temperature):
        """The stored logits."""
        del temperature
        return lambda part: stored["logits"][part].float()

    def tables(self):
        """The number of logits."""
        return {"vocab_size": torch.tensor(self.sizes.bytes_per_token // 2)}


def fit(recipe, mixture, sample, inputs=None):
    """Nothing is learnt from the sample."""
    del sample, inputs
    return Logits(sizes(recipe, TeacherShapes(mixture.vocab_size)), mixture)


def load(recipe, mixture, tables):
    """The encoding whose tables these are."""
    return Logits(sizes(recipe, TeacherShapes(int(tables["vocab_size"]))), mixture)


KIND = Kind(sizes, fit, load)


# --- tests/signals/test_logits.py -----------------------------------------------------------


@pytest.fixture
def folder(teachers, tokens, tmp_path, monkeypatch):
    """A stored signal of the toy kind."""
    monkeypatch.setitem(STORED_KINDS, LogitsSignal, KIND)
    monkeypatch.setattr(
        stored, "parse_stored_signal", lambda tree, where: parse(LogitsSignal, tree, where)
    )
    recipe = LogitsSignal(kind="logits", weights=(0.7, 0.3))
    store_signal(SignalSource(tuple(teachers), tokens, recipe, window=16), tmp_path)
    return tmp_path


def test_the_ensembles_logits_come_back(folder, teachers, tokens):
    windows = Windows(tokens, "train", 16)
    batch = windows.read(np.array([5, 2]))
    signal = open_stored(folder, windows, temperature=1.5, device=torch.device("cpu"))
    ensemble = load_ensemble(
        teachers, device=torch.device("cpu"), mixing=Mixing(weights=(0.7, 0.3))
    )
    exact = ensemble.mixture.logits(ensemble.states(batch.input_ids).flatten(0, 1))
    torch.testing.assert_close(signal.targets(batch)(slice(0, 32)), exact, rtol=1e-3, atol=1e-3)


def test_a_token_costs_what_the_shapes_say(folder):
    header = read_signal(folder)
    assert header["bytes_per_token"] == 2 * 320
    shards = sum(file.stat().st_size for file in folder.glob("shard-*"))
    assert shards == pytest.approx(sum(header["windows"]) * 16 * 2 * 320, rel=0.01)
