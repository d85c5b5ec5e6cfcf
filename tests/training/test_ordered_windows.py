"""Windows in the order of a model's loss: the losses against plain passes, and what is kept."""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from random_models import random_model
from transformers import AutoModelForCausalLM

from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.data.tokens import tokenize
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe, TokensRecipe, TrainingRecipe
from babyllama.runs.unfinished import SCRATCH
from babyllama.training import ordered_windows
from babyllama.training.distillation import distill
from babyllama.training.ordered_windows import token_losses, training_windows
from babyllama.training.pretraining import pretrain

WINDOW = 16


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    return random_model("gpt2", load_tokenizer(tokenizer), tmp_path_factory.mktemp("model"))


@pytest.fixture
def ordered(model):
    """The settings of a training, ordered by the model's loss."""

    def make(**changes):
        order = {"by": "model-loss", "model": str(model)}
        tree = {"epochs": 2, "batch_size": 16, "window": WINDOW, "learning_rate": 1e-3,
                "precision": "float32", "order": order}  # fmt: skip
        return TrainingRecipe.model_validate(tree | changes)

    return make


def plain_losses(model, windows, *, separate=()):
    """The losses of a stream, window by window; with `separate`, document by document of each."""
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float64).eval()
    losses = np.full(windows.stream_tokens, np.nan)
    for at in range(0, len(windows) * WINDOW, WINDOW):
        cuts = [at, *(cut for cut in separate if at < cut < at + WINDOW), at + WINDOW]
        logits = []
        for first, last in pairwise(cuts):
            ids = torch.from_numpy(windows.stream[first:last].astype(np.int64))
            logits.append(network(ids[None]).logits[0])
        logs = torch.cat(logits).log_softmax(-1)
        for place in range(1, WINDOW):
            losses[at + place] = -logs[place - 1, int(windows.stream[at + place])]
    return losses


@pytest.mark.parametrize("documents", ["attend", "separate"])
def test_losses_are_those_of_a_plain_pass(model, corpus, tokenizer, tmp_path, documents):
    tokenize(corpus, tokenizer, TokensRecipe(documents=documents), tmp_path)
    windows = Windows(tmp_path, "train", WINDOW)
    starts = np.load(tmp_path / "train.documents.npy") if documents == "separate" else ()
    with torch.no_grad():
        expected = plain_losses(model, windows, separate=starts)
    found = token_losses(model, tmp_path, tokenizer, WINDOW)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.isnan(found[::WINDOW]).all()
    assert np.isnan(found).sum() == len(windows) + len(found) % WINDOW


@pytest.mark.parametrize("reverse", [False, True])
def test_windows_are_ranked_by_the_mean_of_their_tokens_that_have_a_loss(
    ordered, model, tokens, tokenizer, tmp_path, reverse
):
    order = {"by": "model-loss", "model": str(model), "reverse": reverse}
    recipe = ordered(order=order, windows={"kind": "shifted", "passes": 2})
    windows = training_windows(recipe, tokens, tokenizer, tmp_path, seed=1)
    losses = token_losses(model, tokens, tokenizer, WINDOW)
    assert windows.offsets == (0, WINDOW // 2)
    for offset, ranked in zip(windows.offsets, windows.order.ranked, strict=True):
        means = [np.nanmean(losses[at : at + WINDOW]) for at in ranked * WINDOW + offset]
        assert (np.diff(means) * (-1 if reverse else 1)).min() > -1e-5
    assert "nats per token" in windows.order.remark


def test_losses_are_measured_once_and_again_if_their_file_is_damaged(
    ordered, tokens, tokenizer, tmp_path, monkeypatch
):
    measured = []

    def counted(*args):
        measured.append(args)
        return token_losses(*args)

    monkeypatch.setattr(ordered_windows, "token_losses", counted)
    args = (ordered(), tokens, tokenizer, tmp_path)
    first, second = (training_windows(*args, seed=1) for _ in range(2))
    assert len(measured) == 1
    (tmp_path / SCRATCH / "token_losses.npy").write_bytes(b"cut")
    third = training_windows(*args, seed=1)
    assert len(measured) == 2
    for other in (second, third):
        assert (first.order.ranked == other.order.ranked).all()


def test_another_process_reads_what_the_first_has_measured(
    ordered, tokens, tokenizer, tmp_path, monkeypatch
):
    args = (ordered(), tokens, tokenizer, tmp_path)
    first = training_windows(*args, seed=1)
    told = []
    other = SimpleNamespace(is_first=False, broadcast=told.append)
    monkeypatch.setattr(ordered_windows, "Processes", lambda: other)
    monkeypatch.setattr(ordered_windows, "kept", lambda *_, **__: pytest.fail("measured again"))
    assert (training_windows(*args, seed=1).order.ranked == first.order.ranked).all()
    assert len(told) == 1  # it has waited for the first one


def test_a_teacher_and_a_student_are_trained_in_that_order(
    tiny_recipe, ordered, tokens, tokenizer, tmp_path
):
    teacher = tiny_recipe.pretraining("llama").model_copy(update={"training": ordered()})
    facts = pretrain(teacher, tokens, tokenizer, tmp_path / "teacher", seed=1)
    assert facts["times_read"]["max"] > 2
    student = tiny_recipe.students["distilled"].model_copy(update={"training": ordered()})
    folder = tmp_path / "student"
    facts = distill(student, tokens, tokenizer, folder, teachers=[tmp_path / "teacher"], seed=1)
    assert facts["times_read"]["max"] > 2
    first = json.loads((folder / "training.jsonl").read_text("utf-8").splitlines()[0])
    assert first["eligible"] < 0.3


def test_a_model_of_another_vocabulary_is_refused(model, corpus, tokens, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=310), other)
    with pytest.raises(InputError, match="have different vocabularies"):
        token_losses(model, tokens, other, WINDOW)
