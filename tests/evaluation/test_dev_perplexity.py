"""Dev perplexity against the plain cross-entropy of all windows at once, in float64."""

import json
import math
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from plain_likelihoods import near
from transformers import AutoModelForCausalLM

from babyllama.evaluation.dev_perplexity import dev_perplexity
from babyllama.models.ensemble import load_ensemble

CPU = torch.device("cpu")
WINDOW = 16


@pytest.fixture(scope="module")
def windows(tokens):
    """All dev windows, a row each, and the tokens' header."""
    header = json.loads((tokens / "tokens.json").read_text("utf-8"))
    stream = np.fromfile(tokens / "dev.bin", dtype=header["dtype"]).astype(np.int64)
    return torch.from_numpy(stream[: len(stream) // WINDOW * WINDOW].reshape(-1, WINDOW)), header


def plain_cross_entropy(folders, rows):
    models = [AutoModelForCausalLM.from_pretrained(f, dtype=torch.float64).eval() for f in folders]
    with torch.no_grad():
        logits = sum(model(rows).logits for model in models) / len(models)
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten()
    ).item()


@pytest.mark.parametrize("tokens_at_once", [1, 100, 2048])
def test_it_is_the_plain_cross_entropy_of_the_mean_of_logits(
    teachers, tokens, windows, tokens_at_once
):
    rows, header = windows
    ensemble = load_ensemble(teachers, device=CPU)
    found = dev_perplexity(ensemble, tokens, window=WINDOW, tokens_at_once=tokens_at_once)
    expected = plain_cross_entropy(teachers, rows)
    assert [*found] == ["cross_entropy", "perplexity", "nats_per_word", "tokens"]
    assert found["cross_entropy"] == near(expected, terms=1)
    assert found["perplexity"] == pytest.approx(math.exp(expected), rel=1e-5)
    per_word = expected * header["dev_tokens"] / header["dev_words"]
    assert found["nats_per_word"] == pytest.approx(per_word, rel=1e-5)
    assert found["tokens"] == len(rows) * (WINDOW - 1)


def test_a_few_windows_are_evenly_spaced_over_the_stream(teachers, tokens, windows):
    rows, _ = windows
    chosen = rows[[0, (len(rows) - 1) // 2, len(rows) - 1]]
    found = dev_perplexity(
        load_ensemble(teachers[:1], device=CPU), tokens, window=WINDOW, max_windows=3
    )
    assert found["tokens"] == 3 * (WINDOW - 1)
    expected = plain_cross_entropy(teachers[:1], chosen)
    assert found["cross_entropy"] == near(expected, terms=1)


def test_documents_are_read_separately_if_the_tokens_say_so(teachers, tokens, windows, tmp_path):
    rows, header = windows
    folder = shutil.copytree(tokens, tmp_path / "tokens")
    (folder / "tokens.json").write_text(json.dumps(header | {"documents": "separate"}))
    starts = np.arange(0, rows.numel(), 7)
    np.save(folder / "dev.documents.npy", starts)
    model = AutoModelForCausalLM.from_pretrained(teachers[0], dtype=torch.float64).eval()
    chosen = np.unique(np.linspace(0, len(rows) - 1, 8).astype(np.int64))
    losses = []
    for number in chosen.tolist():
        within = starts - number * WINDOW
        borders = [0, *within[(within > 0) & (within < WINDOW)], WINDOW]
        with torch.no_grad():
            parts = [model(rows[number : number + 1, a:b]).logits[0] for a, b in pairwise(borders)]
        losses.append(torch.nn.functional.cross_entropy(torch.cat(parts)[:-1], rows[number, 1:]))

    ensemble = load_ensemble(teachers[:1], device=CPU)
    found, joined = (
        dev_perplexity(ensemble, each, window=WINDOW, max_windows=8)["cross_entropy"]
        for each in (folder, tokens)
    )

    assert found == near(float(sum(losses)) / len(losses), terms=1)
    assert found != pytest.approx(joined, rel=1e-4)
