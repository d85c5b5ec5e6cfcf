"""How unlike the teachers of a study's cells are."""

from dataclasses import replace

import pytest

from babyllama.studies.report.diversity import diversity
from babyllama.studies.report.page import page_of

APART = {"both": (41.25, 0.75, 0.05), "alike": (30.0, 0.5, 0.025)}
NAMES = ("disagreement", "pairwise_kl", "ambiguity")


@pytest.fixture
def teachers(study, findings_of):
    """Three choices of teachers, one of them a single one; seeds differ around a cell's means."""
    made = study(
        vary=[{"name": "both"}, {"name": "alike", "set": {"teachers.gpt2.seed": 7}},
              {"name": "one", "set": {"teachers.gpt2": None}}],
        compare=[{"ours": "*", "theirs": "both"}],
    )  # fmt: skip
    found = findings_of(made, lambda _: {"distilled": (0.7, 1.7), "ensemble": (0.7, 1.8)}, [])

    def measured(each):
        if each.model != "ensemble" or each.cell not in APART:
            return each
        own = dict(zip(NAMES, APART[each.cell], strict=True))
        own["pairwise_kl"] += (each.seed - 1) / 8
        return replace(each, values={**each.values, **own})

    return replace(found, outcomes=tuple(measured(each) for each in found.outcomes))


def test_each_cell_with_several_teachers_has_its_means_over_seeds(teachers):
    (table,) = diversity(teachers).tables
    assert table.head == ("cell", *NAMES)
    assert table.rows == (
        ("both", "41.2", "0.750", "0.050"), ("alike", "30.0", "0.500", "0.025"),
    )  # fmt: skip
    titles = [each.title for each in page_of(teachers, ["rows.csv"]).sections]
    assert "How unlike the teachers are" in titles


def test_a_study_whose_cells_have_the_same_teachers_has_no_such_section(teachers, claim):
    assert diversity(claim) is None
    same = {name: APART["both"][place] for place, name in enumerate(NAMES)}
    alike = [
        replace(each, values={**each.values, **same}) if each.model == "ensemble" else each
        for each in teachers.outcomes
    ]
    assert diversity(replace(teachers, outcomes=tuple(alike))) is None
