"""Hidden states come back as precisely as their encoding promises, and cost what it says."""

import pytest
import torch

from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.recipe import HiddenSignal
from babyllama.signals import hidden
from babyllama.signals.encoding import TeacherShapes

VOCAB, WIDTHS = 90, (10, 6)
ENCODINGS = {
    "bfloat16": HiddenSignal(kind="hidden"),
    "int8": HiddenSignal(kind="hidden", precision="int8"),
    "coded": HiddenSignal(kind="hidden", bytes_per_token=12),
}


def make_mixture(mean_of="logits"):
    generator = torch.Generator().manual_seed(0)
    heads = (torch.randn(VOCAB, width, generator=generator) for width in WIDTHS)
    return Mixture(tuple(map(Head, heads)), (0.5, 0.5), mean_of)


@pytest.fixture(scope="module")
def states():
    made = torch.randn(700, sum(WIDTHS), generator=torch.Generator().manual_seed(1))
    made[:, 3] = 5.0  # a constant column
    return made


def read_back(encoding, states, temperature=1.0):
    stored = encoding.encode(states, torch.arange(len(states)))
    return encoding.targets(stored, temperature)(slice(0, len(states)))


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_token_costs_what_the_shapes_say(states, name):
    encoding = hidden.fit(ENCODINGS[name], make_mixture(), states)
    planned = hidden.sizes(ENCODINGS[name], TeacherShapes(VOCAB, WIDTHS))
    stored = encoding.encode(states, torch.arange(len(states)))
    size = sum(tensor.nbytes for tensor in stored.values())
    assert size == len(states) * planned.bytes_per_token
    assert encoding.sizes.bytes_per_token == planned.bytes_per_token
    heads = sum(t.nbytes for name, t in encoding.tables().items() if name.startswith("head."))
    assert heads == planned.table_bytes


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_tables_bring_back_an_encoding_that_reads_the_same(states, name):
    encoding = hidden.fit(ENCODINGS[name], make_mixture(), states)
    again = hidden.load(ENCODINGS[name], make_mixture(), encoding.tables())
    assert torch.equal(read_back(encoding, states), read_back(again, states))


@pytest.mark.parametrize(("name", "at_most"), [("bfloat16", 0.01), ("int8", 0.02), ("coded", 0.6)])
def test_logits_come_back_to_the_encodings_precision(states, name, at_most):
    mixture = make_mixture()
    exact = mixture.logits(states)
    error = (read_back(hidden.fit(ENCODINGS[name], mixture, states), states) - exact).norm()
    assert float(error / exact.norm()) < at_most


def test_a_constant_column_comes_back_exactly_in_eight_bits(states):
    mixture = make_mixture()
    encoding = hidden.fit(ENCODINGS["int8"], mixture, states)
    stored = encoding.encode(states, torch.arange(len(states)))
    assert (stored["states"][:, 3] == 0).all()


def test_standard_deviations_keep_the_name_they_have_on_disk(states):
    tables = hidden.fit(ENCODINGS["int8"], make_mixture(), states).tables()
    assert set(tables) == {"head.0", "head.1", "mean", "spread"}
    torch.testing.assert_close(tables["spread"], states.std(0))


def test_a_code_of_a_linear_mixture_is_read_by_one_narrow_product(states):
    encoding = hidden.fit(ENCODINGS["coded"], make_mixture(), states)
    assert encoding.sizes.products == ((encoding.code.rank, VOCAB),)
    other = hidden.fit(ENCODINGS["coded"], make_mixture("probabilities"), states)
    assert other.sizes.products[1:] == tuple((width, VOCAB) for width in WIDTHS)


def test_a_code_as_large_as_the_states_is_refused(states):
    recipe = HiddenSignal(kind="hidden", bytes_per_token=32)
    with pytest.raises(InputError, match="the states themselves take 32 in bfloat16"):
        hidden.fit(recipe, make_mixture(), states)
