"""What the models write stands beside the real text, for the same beginnings."""

import json
import re

import pytest

from babyllama.report import write_report
from babyllama.report.sample_section import samples_section
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run


@pytest.fixture
def run(make_run):
    folder = make_run(items=10)
    for name in ("llama", "distilled", "twin"):
        file = folder / f"evaluation/samples/{name}.json"
        file.parent.mkdir(exist_ok=True)
        texts = [
            {"given": f"Once {n}", "real": " upon a time.", "written": f" {name} wrote {n}",
             "is_ended": n == 0}
            for n in range(2)
        ]  # fmt: skip
        file.write_text(json.dumps({"samples": {"texts": texts}}))
    return folder


def test_each_beginning_has_the_real_text_and_every_models(run):
    section = samples_section(scored_run(read_run(run)))
    first, second = section.tables
    assert first.title == "“Once 0 …”"
    assert first.rows == (
        ("the real text", "upon a time."),
        ("distilled (student)", "distilled wrote 0"),
        ("twin", "twin wrote 0"),
        ("llama (teacher)", "llama wrote 0"),
    )
    assert second.rows[1][1] == "distilled wrote …"  # it was cut, perhaps in a word
    assert "models of at most 1.2M parameters, trained on 2,000 words, expect" in section.text[1]


def change(run, version, **of_text):
    for file in (run / "evaluation/samples").glob("*.json"):
        found = json.loads(file.read_text())
        found["samples"]["texts"][0] |= of_text
        file.write_text(json.dumps(found | {"samples_version": version}))
    return samples_section(scored_run(read_run(run)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a girl. She saw the puzz", "a girl. She saw the …"),
        ("a girl. She saw it.", "a girl. She saw it. …"),
        ("a girl.\nShe", "a girl. …"),
        ("puzz", "puzz …"),  # nothing would be left
        ("子供たち", "子供たち …"),
    ],
)
def test_a_text_is_cut_after_a_word_and_says_so(run, text, shown):
    section = change(run, 2, real=text, real_is_ended=False, written=text, is_ended=False)
    assert [row[1] for row in section.tables[0].rows] == [shown] * 4
    whole = change(run, 2, real=text, real_is_ended=True, written=text, is_ended=True)
    assert [row[1] for row in whole.tables[0].rows] == [text] * 4


def test_a_real_text_of_an_earlier_version_is_cut_unless_it_ends_like_a_sentence(run):
    assert change(run, 1, real="the daughter fi").tables[0].rows[0][1] == "the daughter …"
    assert change(run, 1, real="it is cheap.").tables[0].rows[0][1] == "it is cheap."


def test_the_section_says_how_the_texts_were_drawn(run):
    assert "A model may begin a new line" in change(run, 2).text[0]
    assert "no model could begin a new line" in change(run, 1).text[0]
    tokens = json.loads((run / "tokens/tokens.json").read_text())
    (run / "tokens/tokens.json").write_text(json.dumps(tokens | {"layout": "stream"}))
    assert "new line" not in change(run, 1).text[0]


def test_lines_of_a_text_are_lines_on_the_page_and_marked_in_markdown(run, tmp_path):
    change(run, 2, written="One line.\nTwo lines.", is_ended=True)
    write_report([run], tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text("utf-8")
    assert re.search(r'<td class="words lines" data-head="goes on">One line\.\nTwo lines\.<', page)
    assert "| One line. ⏎ Two lines. |" in (tmp_path / "report/report.md").read_text("utf-8")


def test_a_run_from_before_there_were_samples_has_no_such_section(make_run):
    assert samples_section(scored_run(read_run(make_run(items=10)))) is None
