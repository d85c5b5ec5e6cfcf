"""Teachers that run beside the student give the mean of their own logits."""

import numpy as np
import pytest
import torch

from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.build import product_shapes
from babyllama.models.loading import load_model
from babyllama.recipe import HiddenSignal, Mixing
from babyllama.signals import online
from babyllama.signals.encoding import TeacherShapes
from babyllama.signals.online import open_online
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource

CPU = torch.device("cpu")


def opened(teachers, **changes):
    settings = {"window": 16, "temperature": 2.0, "precision": "float32", "device": CPU}
    return open_online(teachers, **(settings | changes))


def exact_logits(teachers, batch, weights):
    with torch.no_grad():
        return sum(
            weight * load_model(folder).double()(input_ids=batch.input_ids).logits.flatten(0, 1)
            for weight, folder in zip(weights, teachers, strict=True)
        )


@pytest.fixture
def batch(tokens):
    return Windows(tokens, "train", 16).read(np.array([7, 2, 19]))


def test_online_logits_are_the_mean_of_the_teachers(teachers, batch):
    logits = opened(teachers).targets(batch)
    exact = exact_logits(teachers, batch, (0.5, 0.5))
    for part in (slice(0, 5), slice(5, 48), slice(0, 48)):
        torch.testing.assert_close(logits(part).double(), exact[part], rtol=1e-4, atol=1e-5)


def test_a_mixings_weights_count(teachers, batch):
    logits = opened(teachers, mixing=Mixing(weights=(0.8, 0.2))).targets(batch)
    exact = exact_logits(teachers, batch, (0.8, 0.2))
    torch.testing.assert_close(logits(slice(0, 48)).double(), exact, rtol=1e-4, atol=1e-5)


def test_every_product_of_every_teacher_is_counted(teachers):
    models = [load_model(folder) for folder in teachers]
    counted = [shape for model in models for shape in product_shapes(model)]
    assert opened(teachers).products == tuple(counted)
    sizes = online.sizes(TeacherShapes.of(models, 320))
    assert sizes.products == tuple(counted)
    assert (sizes.bytes_per_token, sizes.table_bytes, sizes.state_width) == (0, 0, 16 + 24)
    assert sizes.runs_teachers


def test_teachers_too_short_for_the_window_are_refused(teachers, tokens, tmp_path):
    with pytest.raises(InputError, match="has 64 positions, a window has 128"):
        opened(teachers, window=128)
    source = SignalSource(tuple(teachers), tokens, HiddenSignal(kind="hidden"), 65)
    with pytest.raises(InputError, match="has 64 positions, a window has 65"):
        store_signal(source, tmp_path)
