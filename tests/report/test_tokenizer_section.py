"""The tokenizer in the report: counts of the stream's tokens, and lines cut into them."""

import json
import shutil

import numpy as np
import pytest

from babyllama.report.tokenizer_section import tokenizer_section
from babyllama.runs.layout import TOKENS_HEADER, Layout, stream_file
from babyllama.runs.run import read_run


@pytest.fixture
def layout(make_run):
    return Layout(make_run(items=20))


def test_tokens_are_counted_and_dev_lines_are_cut_where_tokens_end(layout, tokenizer, tokens):
    for name, source in (("tokens", tokens), ("tokenizer", tokenizer)):
        shutil.rmtree(layout.folder / name, ignore_errors=True)
        shutil.copytree(source, layout.folder / name)
    line = "the cat and the dog saw <script> a man in the garden"
    (layout.corpus / "dev").mkdir(parents=True, exist_ok=True)
    (layout.corpus / "dev" / "tales.txt").write_text(f"short\n{line}\n")
    header = json.loads((tokens / TOKENS_HEADER).read_text())
    counts = np.bincount(np.fromfile(stream_file(tokens, "train"), header["dtype"]), minlength=320)

    section = tokenizer_section(read_run(layout.folder))

    assert f"takes {header['train_tokens'] / header['train_words']:.2f} tokens" in section.text[0]
    assert f"Of {len(counts)} tokens {int((counts == 0).sum())} do not occur" in section.text[0]
    assert len(section.figures) == 1
    (cut,) = section.points
    name, _, parts = cut.partition(": ")
    assert name == "tales"
    assert parts.count("|") >= len(line.split()) - 1
    assert parts.replace("|", "").strip() == line


def test_without_token_streams_there_is_no_section(layout):
    assert tokenizer_section(read_run(layout.folder)) is None
