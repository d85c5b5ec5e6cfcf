"""Models write after the same beginnings with the same random numbers, and once only."""

import json
import shutil

import numpy as np
import pytest
import torch
from random_models import random_model, variant

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.evaluation import samples
from babyllama.evaluation.samples import TEXTS, beginnings, sample_models
from babyllama.runs.layout import samples_file
from babyllama.scores.samples import are_of_one_line, read_samples

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


@pytest.mark.parametrize(("layout", "begins_lines"), [("lines", True), ("stream", False)])
def test_a_model_may_begin_a_line_where_its_training_text_has_marks_of_lines(
    models, tokens, tmp_path, monkeypatch, layout, begins_lines
):
    """A model that would draw the mark of a line at every second place, if it may."""
    library = load_tokenizer(models[0])
    copy = tmp_path / "tokens"
    shutil.copytree(tokens, copy)
    header = copy / "tokens.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"layout": layout}))
    asked = []

    def continued(_ensemble, contexts, _chances, drawing, *, ends):
        asked.append(drawing.forbidden)
        word = library.encode(" the", add_special_tokens=False)[0]
        row = [library.bos_token_id, word] * 3 + [ends]
        return torch.tensor([row] * len(contexts))

    monkeypatch.setattr(samples, "continued", continued)
    sample_models({"llama": models[:1]}, tokens=copy, window=WINDOW, before=[], out=tmp_path)
    assert (library.bos_token_id not in asked[0]) == begins_lines
    assert library.eos_token_id not in asked[0]
    found = read_samples(samples_file(tmp_path, "llama"))
    first = found[0]
    assert first.is_ended
    assert not are_of_one_line(samples_file(tmp_path, "llama"))
    if begins_lines:
        assert [line.strip() for line in first.written.split("\n")] == ["", *["the"] * 3]
        assert not first.given.startswith("\n")
        ends = [library.eos_token_id in rest for rest in beginnings(copy, WINDOW).rest]
        assert [each.real_is_ended for each in found] == ends


def test_a_dev_text_too_short_for_samples_leaves_none(models, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_LEAST", 10**6)
    sample_models({"llama": models[:1]}, tokens=tokens, window=WINDOW, before=[], out=tmp_path)
    assert [*tmp_path.iterdir()] == []
