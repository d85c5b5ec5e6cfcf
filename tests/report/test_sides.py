"""Where teachers and twin disagree: counted on all items, chosen by the teachers alone."""

import numpy as np
import pytest

from babyllama.report.scored_run import scored_run
from babyllama.report.sides import Sides, from_whom_table, sides_of, sides_section
from babyllama.runs.run import read_run


@pytest.fixture
def known():
    """40 items on which each combination of two teachers occurs ten times."""
    llama, gpt2 = np.repeat([1.0, 1.0, 0.0, 0.0], 10), np.repeat([1.0, 0.0, 1.0, 0.0], 10)
    return Sides(
        benchmark="grammar",
        student=llama.copy(),
        twin=np.zeros(40),
        teachers={"llama": llama, "gpt2": gpt2},
        together=llama.copy(),
        groups=("a",) * 20 + ("b",) * 20,
    )


def test_a_student_that_copies_one_teacher_is_found_out(known):
    rows = {row[0]: row for row in from_whom_table(known).rows}
    assert rows["every teacher decides rightly"][1:4] == ("10", "100.0", "0.0")
    assert rows["only llama decides rightly"][1:4] == ("10", "100.0", "0.0")
    assert rows["only gpt2 decides rightly"][4].startswith("no detectable difference (")
    assert rows["no teacher decides rightly"][1:4] == ("10", "0.0", "0.0")
    assert known.disagree.sum() == 20
    assert known.follows[known.disagree].all()


def test_everyone_has_answered_the_items_in_one_order(make_run):
    scored = scored_run(read_run(make_run()))
    found = sides_of(scored)
    assert [*found.teachers] == ["llama", "gpt2"]
    for name, own in (("distilled", found.student), ("ensemble", found.together)):
        kept = scored.predictions(scored.run.model(name), "grammar")
        assert own.mean() == pytest.approx(kept.correct.mean())
    assert len(found.groups) == len(found.student) == 800
    section = sides_section(scored)
    assert section.text[0].startswith(f"On {found.disagree.sum()} of 800 items the teachers")
    assert section.figures


def test_without_a_twin_or_with_few_items_nothing_is_said(make_run):
    assert sides_section(scored_run(read_run(make_run("few", items=2)))) is None
    folder = make_run("alone")
    (folder / "evaluation/twin.json").unlink()
    assert sides_of(scored_run(read_run(folder))) is None
