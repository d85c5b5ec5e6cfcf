"""The report of a real small study, as the command writes it."""

import csv

import pytest
from commands import babyllama

from babyllama.errors import command
from babyllama.studies.report import write_study_report

pytestmark = pytest.mark.slow


def test_a_report_answers_first_and_shows_every_row_and_what_is_missing(copy, small_study):
    study = small_study(seeds=3)
    sentence = write_study_report(study, copy)
    text = (copy / "report/report.md").read_text("utf-8")
    assert sentence in text
    assert study.question in text
    assert "teachers/llama" in text  # what the third seed lacks
    lines = (copy / "report/rows.csv").read_text("utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    assert {(row["cell"], row["seed"], row["model"]) for row in rows} >= {
        ("temperature=1", "0", "distilled"), ("temperature=2", "1", "twin"),
    }  # fmt: skip
    page = (copy / "report/index.html").read_text("utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_command_ends_with_its_answer_and_what_one_may_do_next(finished):
    printed = babyllama("study", finished)
    assert f"Report: {finished / 'report/index.html'}" in printed
    trial = finished / "trials/temperature=1/seed-0"
    for suggested in (("show", finished), ("show", trial), ("play", trial)):
        assert command(*suggested) in printed
