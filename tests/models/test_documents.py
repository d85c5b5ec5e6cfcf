"""Windows whose documents are read separately, against each document in a pass of its own."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from token_streams import put_stream
from transformers import AutoConfig, AutoModelForCausalLM

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.documents import (
    refuse_inseparable,
    refuse_joined_documents,
    separate_documents,
)
from babyllama.models.ensemble import combine
from babyllama.models.logits import hidden_states

VOCABULARY, WINDOW = 64, 12
SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}  # fmt: skip
STATE_SPACE = {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}


def made(kind, **settings):
    torch.manual_seed(0)
    given = SMALL | settings if kind != "mamba" else STATE_SPACE
    config = AutoConfig.for_model(
        kind, vocab_size=VOCABULARY, initializer_range=0.3, pad_token_id=0, **given
    )
    return AutoModelForCausalLM.from_config(config).double().eval()


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """Documents that begin inside windows, at their first token and at their last one."""
    folder = put_stream(tmp_path_factory.mktemp("stream"), 5 * WINDOW, documents="separate")
    np.save(folder / "train.documents.npy", np.array([0, 5, 7, 24, 35, 36]))
    return Windows(folder, "train", WINDOW)


def alone(model, batch):
    """The states of a batch from a pass over each document's part of each window."""
    rows = []
    for ids, positions in zip(batch.input_ids, batch.position_ids, strict=True):
        begins = [*torch.nonzero(positions == 0).flatten().tolist(), len(ids)]
        parts = [ids[None, at:to] for at, to in pairwise(begins)]
        rows.append(torch.cat([hidden_states(model, part)[0] for part in parts]))
    return torch.stack(rows)


def test_positions_begin_anew_with_every_document_and_every_window(windows):
    batch = windows.read(np.array([0, 3, 2]))

    assert batch.position_ids[0].tolist() == [0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4]
    assert batch.position_ids[1].tolist() == [*range(12)]
    assert batch.position_ids[2].tolist() == [*range(11), 0]
    assert batch.rows(1, 2).position_ids.tolist() == [[*range(12)]]


@torch.no_grad()
@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "qwen3", "mistral"])
def test_states_are_those_of_a_pass_over_each_document(windows, kind):
    model = made(kind)
    batch = windows.read(np.arange(5))

    context = separate_documents(batch.position_ids, torch.float64)
    found = hidden_states(model, batch.input_ids, **context)

    torch.testing.assert_close(found, alone(model, batch), rtol=1e-9, atol=1e-9)
    joined = hidden_states(model, batch.input_ids)
    assert (joined - found).abs().max() > 1e-3


def test_an_ensemble_reads_the_documents_of_a_batch_separately(windows):
    models, batch = [made("llama").float(), made("gpt2").float()], windows.read(np.arange(5))

    found = combine(models, VOCABULARY).states_of(batch)

    with torch.no_grad():
        each = torch.cat([alone(model, batch) for model in models], dim=-1)
    torch.testing.assert_close(found, each, rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_a_pass_over_each_document(windows):
    model, batch = made("llama"), windows.read(np.arange(5))
    pull = torch.randn(5, WINDOW, 16, dtype=torch.float64)

    def gradients(states):
        model.zero_grad()
        (states * pull).sum().backward()
        return [each.grad.clone() for each in model.parameters() if each.grad is not None]

    context = separate_documents(batch.position_ids, torch.float64)
    found = gradients(hidden_states(model, batch.input_ids, **context))
    for one, other in zip(found, gradients(alone(model, batch)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "settings"), [("mamba", STATE_SPACE), ("mistral", SMALL | {"sliding_window": 4})]
)
def test_a_model_that_cannot_read_documents_separately_is_refused(kind, settings):
    with pytest.raises(InputError, match=f"{kind} cannot read the documents"):
        refuse_joined_documents(made(kind, **settings), WINDOW)
    with torch.device("meta"), pytest.raises(InputError, match=f"mine: {kind} cannot read the doc"):
        refuse_inseparable(made(kind, **settings), WINDOW, "mine")


def test_windows_within_a_models_own_are_read_as_alone():
    model = made("mistral", sliding_window=WINDOW)
    refuse_joined_documents(model, WINDOW)
    refuse_inseparable(model, WINDOW, "mine")
