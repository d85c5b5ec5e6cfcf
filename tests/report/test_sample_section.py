"""What the models write stands beside the real text, for the same beginnings."""

import json

import pytest

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
    assert second.rows[1][1] == "distilled wrote 1 …"  # it was cut
    assert "models of at most 1.2M parameters, trained on 2,000 words, expect" in section.text[0]


def test_a_run_from_before_there_were_samples_has_no_such_section(make_run):
    assert samples_section(scored_run(read_run(make_run(items=10)))) is None
