"""The training text in the report: pictures, a table, and lines to read."""

import json
import shutil

import pytest

from babyllama.data.linguistics import linguistic_statistics
from babyllama.report.text_section import (
    spread_of_words,
    telling_lines,
    unknown_words,
    words_table,
)
from babyllama.runs.layout import LINGUISTICS, Layout
from babyllama.runs.run import read_run

LINE = "the dog and the cat saw a man"


@pytest.fixture
def described(make_run, tmp_path):
    """A run whose corpus is described."""
    texts = {"tales": f"{LINE}\n" * 30, "talks": "a fox ran\n" * 30, "news": "rain\n"}
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        for name, text in texts.items():
            (tmp_path / "text" / split / f"{name}.txt").write_text(text)
    folder = make_run(items=20)
    found = linguistic_statistics(tmp_path / "text")
    (Layout(folder).corpus / LINGUISTICS).write_text(json.dumps(found))
    return read_run(folder)


def test_words_and_sentences_are_listed_by_domain(described):
    table = words_table(described.linguistics)
    rows = {row[0]: row for row in table.rows}
    assert rows["tales"][1:7] == ("240", "7", "0", "30", "8.0", "8 to 8")
    assert rows["news"][1:4] == ("1", "1", "1")
    assert rows["total"][1] == "331"
    assert "one line in" not in table.note


def test_the_largest_domains_and_all_together_are_drawn(described):
    drawn = spread_of_words(described)
    for words in ("all domains", "tales", "talks", "news", "types", "rank of the word"):
        assert words in drawn


def test_a_single_domain_is_drawn_once(described, tmp_path):
    folder = described.layout.corpus
    shutil.rmtree(tmp_path / "text" / "train")
    shutil.copytree(tmp_path / "text" / "dev", tmp_path / "text" / "train")
    for name in ("talks", "news"):
        (tmp_path / "text" / "train" / f"{name}.txt").unlink()
    found = linguistic_statistics(tmp_path / "text")
    (folder / LINGUISTICS).write_text(json.dumps(found))
    drawn = spread_of_words(read_run(described.folder))
    assert "tales" in drawn
    assert "all domains" not in drawn
    assert unknown_words(read_run(described.folder)) is None


def test_what_domains_lack_is_drawn_with_its_percentage(described):
    drawn = unknown_words(described)
    assert "words of this domain" not in drawn  # in two lines, or two domains are too low for it
    assert "this domain" in drawn
    assert ">88<" in drawn  # of tales in talks: all words but a
    assert ">67<" in drawn  # of talks in tales: fox and ran


def test_a_line_of_each_domain_is_shown(described):
    assert list(telling_lines(described)) == [f"tales: typical “{LINE}”; untypical “{LINE}”"]


def test_a_corpus_that_was_not_described_shows_nothing(make_run):
    run = read_run(make_run(items=20))
    assert (words_table(run.linguistics), spread_of_words(run), unknown_words(run)) == (
        None,
        None,
        None,
    )
    assert list(telling_lines(run)) == []
