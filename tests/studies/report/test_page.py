"""The page of a study: its answer, its rule, its sections, and what is missing."""

import re

import pytest

from babyllama.report import write_pages
from babyllama.studies.report.page import page_of


def titles(page):
    return [section.title for section in page.sections]


def section(page, title):
    return next(each for each in page.sections if each.title == title)


@pytest.fixture(scope="module")
def page_of_grid(grid):
    return page_of(grid, ["rows.csv"])


def test_the_rule_follows_the_answer(claim):
    page = page_of(claim, ["rows.csv"])
    assert page.sentence.startswith("distilled is better than twin on dev_cross_entropy (-0.0")
    assert page.missing == ""
    assert titles(page)[:3] == ["What was decided beforehand", "Comparisons", "Every cell"]
    rule = section(page, "What was decided beforehand")
    assert rule.text == ()
    assert "Claim: distilled is better than twin" in rule.points
    assert "Smallest differences that count: grammar 1, dev_cross_entropy 0.02" in rule.points
    assert titles(page)[-3:] == ["Cost", "What this does not show", "Reproduce"]
    assert section(page, "Reproduce").code.startswith("babyllama study ")


def test_a_grid_shows_its_cells_first(page_of_grid):
    assert titles(page_of_grid)[1:4] == ["The best setting", "Every cell", "Comparisons"]
    assert page_of_grid.sentence.startswith("On dev_cross_entropy, none of 14 is better than")


def test_missing_trials_are_counted_and_named(page_of_grid):
    assert page_of_grid.missing.startswith("1 of 45 trials are missing")
    (table,) = section(page_of_grid, "What is missing").tables
    assert table.rows == (("temperature=1,alpha=0", "2", "not made: students/distilled"),)
    cells = section(page_of_grid, "Every cell").tables[0].rows
    assert [row[1] for row in cells[:2]] == ["2 of 3", "3 of 3"]


def test_a_rule_that_was_changed_after_data_is_told(page_of_grid):
    (line,) = section(page_of_grid, "What was decided beforehand").text
    assert line.startswith("This rule was changed when 4 trials were finished")


def test_the_page_is_one_offline_file_with_markdown_beside_it(page_of_grid, tmp_path):
    write_pages([page_of_grid], tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#)', html)
    assert html.count("<svg") == 1
    assert page_of_grid.sentence in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_study_without_a_finished_trial_has_no_answer_yet(study, findings_of):
    names = [("base", seed) for seed in range(3)]
    page = page_of(findings_of(study(), lambda _: {}, [], missing=names), ["rows.csv"])
    assert page.sentence == "There is no answer yet: no trial is finished."
    assert page.missing.startswith("3 of 3 trials are missing")
