"""Every kind of signal is known, and reads back teachers of any architecture.

The teachers have biases, scales, softcaps, tied heads and padded vocabularies.
"""

from typing import get_args

import numpy as np
import pytest
import torch
from references import plain_loss

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.models.build import new_model
from babyllama.models.loading import load_model
from babyllama.models.logits import Head
from babyllama.models.loss import SparseTarget, distillation_loss
from babyllama.recipe import (
    AnyStoredSignal,
    DistilledStudent,
    HiddenSignal,
    Mixing,
    OnlineSignal,
    OtherShape,
    SampledSignal,
    TopKSignal,
)
from babyllama.signals.encoding import TeacherShapes
from babyllama.signals.kinds import STORED_KINDS, sizes_of
from babyllama.signals.online import open_online
from babyllama.signals.store import store_signal
from babyllama.signals.stored import open_stored
from babyllama.signals.writer import SignalSource
from babyllama.training.distillation import distill

CPU = torch.device("cpu")
SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2}  # fmt: skip
SHAPES = {
    "phi": SMALL,  # a bias, an untied head
    "gemma2": {**SMALL, "hidden_size": 24, "head_dim": 8, "final_logit_softcapping": 8.0},
    "cohere": {**SMALL, "logit_scale": 0.5},  # a scale, a tied head
    "llama": {**SMALL, "hidden_size": 32},
}
PADDED = {"llama": 13}  # rows beyond the tokenizer


@pytest.fixture(scope="module")
def crowd(tokenizer, tmp_path_factory):
    """Teachers with confident logits, one an architecture."""
    folder = tmp_path_factory.mktemp("crowd")
    for number, (architecture, settings) in enumerate(SHAPES.items()):
        shape = OtherShape(model_type="other", architecture=architecture, settings=settings)
        size = len(load_tokenizer(tokenizer)) + PADDED.get(architecture, 0)
        model = new_model(shape, size, seed=number, separators=True)
        generator = torch.Generator().manual_seed(number)
        head = model.get_output_embeddings()
        with torch.no_grad():
            head.weight.normal_(std=0.8, generator=generator)
            if head.bias is not None:
                head.bias.normal_(generator=generator)
        model.save_pretrained(folder / architecture)
        load_tokenizer(tokenizer).save_pretrained(folder / architecture)
    return [folder / architecture for architecture in SHAPES]


def exact_probabilities(folders, batch, weights, mean_of, temperature):
    """The reference: every model's own logits, in float64."""
    with torch.no_grad():
        each = [
            load_model(folder)(input_ids=batch.input_ids).logits[..., :320].double().flatten(0, 1)
            for folder in folders
        ]
    if mean_of == "probabilities":
        return sum(
            w * torch.softmax(z / temperature, -1) for w, z in zip(weights, each, strict=True)
        )
    mean = sum(w * z for w, z in zip(weights, each, strict=True))
    return torch.softmax(mean / temperature, -1)


def test_every_recipe_of_a_stored_signal_has_a_kind():
    assert set(STORED_KINDS) == set(get_args(AnyStoredSignal))


def test_a_kind_keeps_heads_where_its_recipe_serves_any_temperature():
    for recipe, kind in STORED_KINDS.items():
        given = {} if recipe is HiddenSignal else {"k": 3}
        name = get_args(recipe.model_fields["kind"].annotation)[0]
        assert kind.keeps_heads == (recipe(kind=name, **given).served_temperatures is None)


def test_sizes_are_asked_of_the_kind():
    shapes = TeacherShapes(320, (16, 24), ((5, 7),))
    assert sizes_of(OnlineSignal(kind="online"), shapes).products == ((5, 7),)
    assert sizes_of(HiddenSignal(kind="hidden"), shapes).bytes_per_token == 80
    assert sizes_of(TopKSignal(kind="topk", k=3), shapes).bytes_per_token == 3 * 4 + 2 * 4
    assert sizes_of(SampledSignal(kind="sampled", k=3), shapes).bytes_per_token == 3 * 4 + 16


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
@pytest.mark.parametrize(
    ("kind", "at_most"),
    [("online", 1e-7), ("bfloat16", 1e-4), ("int8", 3e-3), ("coded", 0.05), ("topk", 1e-4),
     ("sampled", 1e-4)],
)  # fmt: skip
def test_a_mixed_crowd_of_teachers_is_read_back_by_every_kind(
    crowd, few_tokens, tmp_path, kind, at_most, mean_of
):
    windows = Windows(few_tokens, "train", 16)
    batch = windows.read(np.array([3, 11, 30]))
    weights, temperature = (0.4, 0.3, 0.2, 0.1), 2.0
    mixing = {"weights": weights, "mean_of": mean_of}
    recipes = {
        "bfloat16": HiddenSignal(kind="hidden", **mixing),
        "int8": HiddenSignal(kind="hidden", precision="int8", **mixing),
        "coded": HiddenSignal(kind="hidden", bytes_per_token=80, **mixing),
        "topk": TopKSignal(kind="topk", k=320, temperatures=(2.0,), **mixing),
        "sampled": SampledSignal(kind="sampled", k=320, temperatures=(2.0,), **mixing),
    }
    if kind == "online":
        source = open_online(
            crowd,
            window=16,
            temperature=temperature,
            precision="float32",
            device=CPU,
            mixing=Mixing(**mixing),
        )
    else:
        store_signal(SignalSource(tuple(crowd), few_tokens, recipes[kind], 16), tmp_path)
        source = open_stored(tmp_path, windows, temperature=temperature, device=CPU)

    exact = exact_probabilities(crowd, batch, weights, mean_of, temperature)
    target = source.targets(batch)(slice(0, 48))
    if isinstance(target, SparseTarget):
        read = torch.zeros(48, 320, dtype=torch.float64)
        read.scatter_(1, target.tokens, target.weights.double())
    else:
        read = torch.softmax(target.double() / temperature, -1)
    kl = (exact * (exact.log() - read.clamp(min=1e-12).log())).sum(-1).mean()
    assert abs(float(kl)) < at_most

    hidden = torch.randn(3, 16, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    head = torch.randn(320, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    chosen = {"alpha": 0.5, "temperature": temperature, "reduction": "token_mean"}
    ours = distillation_loss(
        hidden, Head(head), batch.labels, source.targets(batch), **chosen
    ).total
    z_bar = (temperature * exact.log()).reshape(3, 16, 320)
    theirs = plain_loss(hidden, head, batch.labels, z_bar, **chosen)[0]
    assert float(ours) == pytest.approx(float(theirs), rel=0.1 if kind == "coded" else 0.01)


def test_eight_teachers_are_one_ensemble(crowd, tokens):
    batch = Windows(tokens, "train", 16).read(np.array([5]))
    eight = [*crowd, *crowd]
    source = open_online(eight, window=16, temperature=1.0, precision="float32", device=CPU)
    read = torch.softmax(source.targets(batch)(slice(0, 16)).double(), -1)
    exact = exact_probabilities(eight, batch, [1 / 8] * 8, "logits", 1.0)
    torch.testing.assert_close(read, exact, rtol=1e-4, atol=1e-7)


def test_rows_beyond_the_tokenizer_are_left_out_and_that_is_said(crowd, capsys):
    open_online(crowd, window=16, temperature=1.0, precision="float32", device=CPU)
    assert "13 rows beyond the tokenizer's 320 tokens are dropped" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["phi", "gemma2", "cohere"])
def test_a_student_of_such_an_architecture_learns(
    crowd, tiny_recipe, tokens, tokenizer, tmp_path, architecture
):
    shape = OtherShape(model_type="other", architecture=architecture, settings=SHAPES[architecture])
    training = tiny_recipe.students["distilled"].training.model_copy(update={"epochs": 1})
    student = DistilledStudent(
        kind="distilled", model=shape, training=training, alpha=0.9, reduction="token_mean"
    )
    facts = distill(student, tokens, tokenizer, tmp_path, teachers=crowd, seed=1)
    assert facts["dev_cross_entropy"] < np.log(320) - 0.5
    assert load_model(tmp_path).config.model_type == architecture
