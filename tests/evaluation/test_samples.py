"""Models write after the same beginnings with the same random numbers, and once only."""

import json

import numpy as np
import pytest
from random_models import random_model, variant

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.evaluation import samples
from babyllama.evaluation.samples import TEXTS, beginnings, sample_models
from babyllama.runs.layout import samples_file
from babyllama.scores.samples import read_samples

WINDOW = 32


@pytest.fixture(scope="module")
def models(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    library = variant(tokenizer)
    return [random_model(kind, library, folder / kind, seed=3) for kind in ("llama", "gpt2")]


def test_beginnings_are_those_of_dev_documents_and_end_where_a_word_does(tokens):
    found = beginnings(tokens, WINDOW)
    windows = Windows(tokens, "dev", WINDOW)
    stream = windows.stream.astype(np.int64).tolist()
    assert len(found.given) == len(found.rest) == TEXTS
    for given, rest in zip(found.given.tolist(), found.rest, strict=True):
        text = [*given, *rest.tolist()]
        starts = [n for n in range(len(stream)) if stream[n : n + len(text)] == text]
        assert starts
        assert any(windows.word_starts[start + len(given)] for start in starts)
        assert len(text) <= found.longest


def test_all_models_go_on_from_one_beginning_and_are_not_asked_twice(models, tokens, tmp_path):
    chosen = {"llama": models[:1], "same": models[:1], "ensemble": models}
    one, two = tmp_path / "one", tmp_path / "two"
    more = {"tokens": tokens, "window": WINDOW, "seed": 5}
    sample_models(chosen, before=[], out=one, **more)
    read = {name: read_samples(samples_file(one, name)) for name in chosen}
    assert read["llama"] == read["same"]
    assert [each.written for each in read["llama"]] != [each.written for each in read["ensemble"]]
    assert [each.given for each in read["llama"]] == [each.given for each in read["ensemble"]]
    special = load_tokenizer(models[0]).all_special_tokens
    assert not any(token in each.written for each in read["llama"] for token in special)

    record = json.loads(samples_file(one, "llama").read_text())
    sample_models(chosen, before=[tmp_path / "nothing", one], out=two, **more)
    for name in chosen:  # copied, with its record
        assert samples_file(two, name).read_bytes() == samples_file(one, name).read_bytes()
    sample_models({"llama": models[:1]}, before=[one], out=two, **more | {"seed": 6})
    other = json.loads(samples_file(two, "llama").read_text())
    assert other["seed"] == 6 != record["seed"]


def test_a_dev_text_too_short_for_samples_leaves_none(models, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_LEAST", 10**6)
    sample_models({"llama": models[:1]}, tokens=tokens, window=WINDOW, before=[], out=tmp_path)
    assert [*tmp_path.iterdir()] == []
