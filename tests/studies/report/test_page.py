"""The page of a study: its answer, its rule, its sections, and what is missing."""

import re
from dataclasses import replace

import pytest

from babyllama.report import write_page
from babyllama.studies.report.page import page_of
from babyllama.studies.study import ABOVE_ENTROPY


def titles(page):
    return [section.title for section in page.sections]


def section(page, title):
    return next(each for each in page.sections if each.title == title)


@pytest.fixture(scope="module")
def page_of_grid(grid):
    return page_of(grid, ["rows.csv"])


def test_the_rule_follows_the_answer(claim):
    page = page_of(claim, ["rows.csv"])
    first, second, _ = re.split(r"(?<=\D)\. ?", page.sentence)
    unseen = r"unseen text \(1\.[67]\d\d against 1\.[78]\d\d nats per token\)"
    assert re.match(rf"Over 3 seeds, distilled is better than twin on {unseen}", first)
    assert re.search(r"grammar \(7\d\.\d against 7\d\.\d percent\)", first)
    assert second.startswith("It is better than llama on unseen text (-0.0")
    assert page.missing == ""
    assert titles(page)[:3] == ["What was decided beforehand", "Comparisons", "Every model"]
    rule = section(page, "What was decided beforehand")
    assert rule.text == ()
    assert "Claim: distilled is better than twin" in rule.points
    assert "Smallest differences that count: grammar 1, dev_cross_entropy 0.02" in rule.points
    assert titles(page)[-3:] == ["Cost", "What this does not show", "Reproduce"]
    assert section(page, "Reproduce").code.startswith("babyllama study ")


def test_a_grid_shows_its_cells_first(page_of_grid):
    assert titles(page_of_grid)[1:4] == ["The best setting", "Every cell", "Comparisons"]
    assert page_of_grid.sentence.startswith(
        "Over 3 seeds, on unseen text, none of 14 is better than"
    )


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
    write_page(page_of_grid, tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#)', html)
    assert html.count("<svg") == 1
    assert page_of_grid.sentence in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_study_without_a_finished_trial_has_no_answer_yet(study, findings_of):
    names = [("base", seed) for seed in range(3)]
    page = page_of(findings_of(study(), lambda _: {}, [], missing=names), ["rows.csv"])
    assert page.sentence == "There is no answer yet: no trial is finished."
    assert page.missing.startswith("3 of 3 trials are missing")


@pytest.fixture
def above_entropy(claim):
    """The claim, of a text whose entropy is known."""
    above = {"distilled": 0.8, "twin": 0.95}
    outcomes = tuple(
        replace(o, values={**o.values, ABOVE_ENTROPY: above.get(o.model, 1.0)})
        for o in claim.outcomes
    )
    return replace(claim, outcomes=outcomes)


def test_where_the_entropy_of_the_text_is_known_the_answer_says_how_far_above_it_models_are(
    above_entropy,
):
    alone = replace(above_entropy, pairs=above_entropy.pairs[:1])
    found = "(0.800 against 0.950 nats per word above the corpus's entropy)"
    assert f"is better than twin on unseen text {found}" in page_of(alone, ["rows.csv"]).sentence


def test_an_answer_has_one_unit_for_unseen_text(above_entropy):
    sentence = page_of(above_entropy, ["rows.csv"]).sentence
    assert "above the corpus's entropy" not in sentence
    assert sentence.count("nats per token") == 2


def test_a_claim_about_every_other_cell_says_so(page_of_grid):
    claim = "Claim: every other cell differs from temperature=2,alpha=0.5"
    assert claim in section(page_of_grid, "What was decided beforehand").points
