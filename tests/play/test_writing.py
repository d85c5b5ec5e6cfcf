"""Text that all models write from the same random numbers."""

import pytest
import torch

from babyllama.errors import InputError
from babyllama.models.sampling import Drawing, continued
from babyllama.play.reading import read
from babyllama.play.writing import Wish, chances, written

TEXT = "The cat sees"


def test_every_model_writes_what_the_package_samples_with_the_same_numbers(group):
    wish = Wish(seed=5, temperature=0.8, tokens=6)
    events = list(written(group, TEXT, wish))
    ids = torch.tensor([read(group, TEXT).ids])
    for model in group.models:
        own = [event for event in events if event.model == model.name]
        drawing = Drawing(wish.temperature, None)
        expected = continued(model.ensemble, ids, chances(wish), drawing, ends=2)[0].tolist()
        expected = expected[: expected.index(2)] if 2 in expected else expected
        assert [event.token.id for event in own if event.token] == expected
        assert own[-1].end == ("length" if len(expected) == 6 else "eos")
    steps = [event.step for event in events if event.token]
    assert steps == sorted(steps)  # all models take a step before any takes the next


def test_the_seed_decides(group):
    def ids(seed):
        wish = Wish(seed=seed, temperature=1.0, tokens=5)
        return [event.token and event.token.id for event in written(group, TEXT, wish)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_writing_ends_with_the_positions(group):
    cut = len(group.tokenizer("cat " * 250, add_special_tokens=False)["input_ids"])
    assert cut < 256, "the text must fit"
    events = list(written(group, "cat " * 250, Wish(0, 1.0, 200)))
    assert max(event.step for event in events if event.token) <= 256 - cut
    assert {event.end for event in events if not event.token} <= {"positions", "eos"}
    with pytest.raises(InputError, match="fills all 256 positions"):
        next(written(group, "cat " * 400, Wish(0, 1.0, 1)))
