"""Samples are read as they were written; an older run has none."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.scores.samples import Sample, read_samples


def test_samples_come_back(tmp_path):
    text = {"given": "The", "real": " cat", "written": " dog", "is_ended": True}
    file = tmp_path / "twin.json"
    assert read_samples(file) == []
    file.write_text(json.dumps({"samples": {"texts": [text]}, "models": []}))
    assert read_samples(file) == [Sample("The", " cat", " dog", is_ended=True)]


@pytest.mark.parametrize("content", ["{}", '{"samples": {"texts": [{"given": 1}]}}', "[]"])
def test_what_holds_no_samples_is_named(tmp_path, content):
    file = tmp_path / "twin.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"twin\.json does not hold samples"):
        read_samples(file)
