"""A finished fine-tuning is found by what decides its predictions, and by nothing else."""

from dataclasses import replace

import pytest

from babyllama.evaluation.finetuning import find_files, read_tasks
from babyllama.evaluation.finetuning.key import key_of


def cola(glue, *changes):
    (task,) = read_tasks(
        find_files("cola", str(glue)), settings="2024", changes=changes, selection="held-out"
    )
    return task


def key(data, model="digest", max_length=64, seed=1):
    return key_of(model, data, max_length=max_length, seed=seed)


def test_what_is_reported_and_the_seed_in_the_settings_do_not_decide(glue):
    # The key names the seed of the part itself.
    assert key(cola(glue)) == key(cola(glue, "score=f1", "seed=9"))


@pytest.mark.parametrize("changed", [{"model": "other"}, {"max_length": 63}, {"seed": 2}])
def test_model_length_and_seed_decide(glue, changed):
    assert key(cola(glue)) != key(cola(glue), **changed)


def test_settings_and_rows_decide(glue):
    data = cola(glue)
    others = [
        cola(glue, "epochs=1"),
        replace(data, train=data.train[1:]),
        replace(data, validation=data.validation[::-1]),
        replace(data, selected=replace(data.selected, choosing=data.selected.choosing[1:])),
    ]
    assert all(key(other) != key(data) for other in others)
