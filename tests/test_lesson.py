"""The lesson's papers agree with each other, with the evidence, and with an hour's length."""

import csv
import json
import math
import re
from pathlib import Path
from statistics import fmean

import pytest

from babyllama import lesson
from babyllama.errors import InputError
from babyllama.recipe import load_recipe

DOCS = Path(__file__).parents[1] / "docs"
PARTS = lesson.parts_of(lesson.paper(lesson.WORKSHEET))
NUMBER = re.compile(r"-?\d+\.\d+")


def rows_of(text, first):
    """The cells of a table's rows whose first cell matches."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if re.fullmatch(first, row[0])]


def test_the_parts_are_numbered_and_make_an_hour():
    assert [each.number for each in PARTS] == list(range(1, 8))
    assert sum(each.minutes for each in PARTS) == 60
    assert PARTS[1].text.startswith("## 2. Soften by hand")
    assert "## " not in PARTS[1].text[3:]


@pytest.mark.parametrize("name", [lesson.ANSWERS, lesson.TEACHER])
def test_answers_and_notes_have_the_parts_of_the_worksheet(name):
    other = lesson.parts_of(lesson.paper(name))
    of = [(each.number, each.title, each.minutes) for each in PARTS]
    assert [(each.number, each.title, each.minutes) for each in other] == of


def test_the_page_for_teachers_shows_the_same_hour():
    rows = rows_of((DOCS / "class.md").read_text("utf-8"), r"\d\. .*")
    shown = [(f"{each.number}. {each.title}", str(each.minutes)) for each in PARTS]
    assert [(row[0], row[1]) for row in rows] == shown


def softmax(scores):
    powers = [math.exp(each) for each in scores]
    return [each / sum(powers) for each in powers]


def test_the_four_targets_are_what_the_answers_say():
    text = PARTS[3].text
    found = {row[0]: [float(each) for each in row[1:]] for row in rows_of(text, "[ABCD]")}
    assert all(sum(row) == pytest.approx(1) for row in found.values())
    assert found["C"] == [1, 0, 0]
    assert found["A"][1] == found["A"][2] > 0
    other = [0.70, 0.27, 0.03]
    assert "0.70, 0.27 and 0.03" in text
    scores = [(math.log(p) + math.log(q)) / 2 for p, q in zip(found["D"], other, strict=True)]
    assert found["B"] == [round(p, 2) for p in softmax(scores)]


def demo(model, measure):
    with (DOCS / "evidence/demo/rows.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == measure]
    return [float(row["value"]) for row in rows if row["model"] == model]


COLUMNS = [("distilled", "dev_cross_entropy", 3), ("twin", "dev_cross_entropy", 3),
           ("distilled", "grammar", 1), ("twin", "grammar", 1)]  # fmt: skip


def test_the_numbers_to_expect_are_those_of_the_demo():
    _, _, section = lesson.paper(lesson.TEACHER).partition("## The numbers to expect\n")
    section = section.partition("\n## ")[0]
    seeds = [list(map(float, row)) for row in rows_of(section, r"\d")]
    (means,) = (list(map(float, row[1:])) for row in rows_of(section, "mean"))
    for (model, measure, digits), at in zip(COLUMNS, (1, 2, 4, 5), strict=True):
        values = demo(model, measure)
        assert [row[at] for row in seeds] == [round(each, digits) for each in values]
        assert means[at - 1] == round(fmean(values), digits)
    for row in seeds:  # what a pupil computes from the two numbers before
        assert row[3] == pytest.approx(row[1] - row[2])
        assert row[6] == pytest.approx(row[4] - row[5])
    known = NUMBER.findall((DOCS / "evidence/demo.md").read_text("utf-8"))
    tables = [row for row in section.splitlines() if not re.match(r"\| \d", row)]
    assert [each for each in NUMBER.findall("\n".join(tables)) if each not in known] == []
    page = (DOCS / "evidence/demo.md").read_text("utf-8")
    assert "about 7 seeds" in " ".join(section.split())
    assert "about 7 would do" in page
    notes = " ".join(lesson.paper(lesson.TEACHER).split())
    assert "four such runs took 2 min 08 s" in notes
    assert "All stages together took 2 min 08 s" in page


def test_the_claims_of_the_answers_are_those_of_the_demo():
    claims = lesson.parts_of(lesson.paper(lesson.ANSWERS))[-1].text
    known = NUMBER.findall((DOCS / "evidence/demo.md").read_text("utf-8"))
    found = NUMBER.findall(claims)
    assert len(found) >= 6
    assert [each for each in found if each not in known] == []


def test_the_notebook_is_clean_and_its_plan_b_is_the_demo():
    cells = json.loads(lesson.paper(lesson.NOTEBOOK))["cells"]
    code = [each for each in cells if each["cell_type"] == "code"]
    assert all(not each["outputs"] and each["execution_count"] is None for each in code)
    assert "".join(code[0]["source"]).startswith('RUN = "runs/mini"')
    sources = ["".join(each["source"]) for each in code]
    (pool,) = (each for each in sources if "\nDEMO = [" in each)
    plan_b = eval(re.search(r"\nDEMO = (\[.*?\n\])", pool, re.S)[1])
    columns = [[round(v, digits) for v in demo(m, measure)] for m, measure, digits in COLUMNS]
    assert plan_b == list(zip(range(4), *columns, strict=True))


def test_a_pupils_run_trains_student_and_twin_on_the_teachers_text(tmp_path):
    lesson.write_papers(tmp_path)
    mini, pupil = load_recipe("mini"), load_recipe(str(tmp_path / lesson.RECIPE), ("seed=7",))
    assert pupil.seed == 7
    assert list(pupil.given) == list(mini.teachers)
    assert not pupil.trained_teachers
    assert pupil.students == mini.students
    assert pupil.corpus.source.seed == mini.seed
    assert pupil.corpus.model_copy(update={"source": mini.corpus.source}) == mini.corpus


def test_papers_are_written_once_and_never_over_other_files(tmp_path):
    folder = tmp_path / "a" / "class"
    made = lesson.write_papers(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(lesson.PAPERS)
    assert lesson.write_papers(folder) == made
    (folder / lesson.ANSWERS).write_text("mine", encoding="utf-8")
    (folder / lesson.WORKSHEET).unlink()
    with pytest.raises(InputError, match=lesson.ANSWERS) as refused:
        lesson.write_papers(folder)
    assert lesson.RECIPE not in str(refused.value)
    assert (folder / lesson.ANSWERS).read_text("utf-8") == "mine"
    assert not (folder / lesson.WORKSHEET).exists()
