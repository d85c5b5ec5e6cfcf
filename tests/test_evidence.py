"""No number of the evidence is typed by hand: pages and tables are those of the committed rows."""

import csv
import importlib.util
import re
from pathlib import Path
from statistics import fmean

import pytest

from babyllama.recipe import load_recipe
from babyllama.studies.cells import trials_of
from babyllama.studies.comparing import pairs_of, unmeasured
from babyllama.studies.study import load_study

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.parent.name for path in (DOCS / "evidence").glob("*/rows.csv"))
MEANS = ("Models", "Cells", "Every cell", "Other models")  # tables of them
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_evidence", DOCS / "write_evidence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def halves(writer, name):
    head, found, body = (DOCS / f"evidence/{name}.md").read_text("utf-8").partition(writer.MARK)
    assert found
    return head, body


def rows(name, file):
    with (DOCS / "evidence" / name / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def tables(body):
    """Every table of a page: its title, or that of its section, and its rows by column."""
    for of_section, own, lines in re.findall(
        r"(?:## ([^\n]+)|\*\*([^*\n]+)\*\*)\n\n((?:\|.*\n)+)", body
    ):
        title = own or of_section
        head, _, *cells = [
            [cell.strip().replace("\\", "") for cell in line.strip("|\n ").split("|")]
            for line in lines.splitlines()
        ]
        yield title, [dict(zip(head, row, strict=True)) for row in cells]


def test_the_tables_of_readme_and_index_are_those_of_the_rows(writer):
    for path, folder in ((writer.README, "docs/evidence/"), (writer.INDEX, "")):
        text = path.read_text("utf-8")
        assert "| [" in text
        assert writer.with_table(text, folder, in_short=path == writer.README) == text


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_the_sentences_is_in_what_the_study_wrote(name, writer):
    head, body = halves(writer, name)
    known = {each.replace(",", "") for each in NUMBER.findall(body)}  # 30,000 is words=30000
    assert [each for each in NUMBER.findall(head) if each.replace(",", "") not in known] == []


@pytest.mark.parametrize("name", PAGES)
def test_means_of_a_page_are_those_of_its_rows(name, writer):
    values = rows(name, "rows.csv")
    measures = {each["measure"] for each in values}
    checked = 0
    for title, found in tables(halves(writer, name)[1]):
        for row in found if title in MEANS else ():
            # A row for several cells shows what they share: that of the first.
            cells = row.get("cell") or row.get("cells") or "every cell"
            first = values[0]["cell"] if cells == "every cell" else cells.split(", ")[0]
            for measure in row.keys() & measures:
                own = [
                    float(each["value"])
                    for each in values
                    if (each["measure"], each["cell"]) == (measure, first)
                    and (each["model"] == row["model"] if "model" in row else is_main(each))
                ]
                mean = row[measure].split(" ")[0]
                digits = len(mean.partition(".")[2])
                assert float(mean) == pytest.approx(fmean(own), abs=0.51 * 10**-digits)
                checked += 1
    assert checked >= 4


def is_main(row):
    return row["model"] == "distilled"


@pytest.mark.parametrize("file", sorted((DOCS / "evidence").glob("*.yaml")), ids=lambda f: f.stem)
def test_the_studies_to_come_can_be_planned(file, tmp_path):
    if file.stem == "essay":
        assert list(load_recipe(str(file)).evaluation.benchmarks) == ["blimp", "blimp_supplement"]
        return
    study = load_study(str(file))
    trials = trials_of(study, tmp_path)
    recipes = {trial.cell: trial.recipe for trial in trials}
    assert len(trials) == study.count_of_cells * len(study.seed_list)
    assert pairs_of(study, recipes)
    assert unmeasured(study, recipes) == []


@pytest.mark.parametrize("name", PAGES)
def test_differences_of_a_page_are_those_of_its_comparisons(name, writer):
    written = [
        row
        for title, found in tables(halves(writer, name)[1])
        if title.startswith("Differences on ")
        for row in found
    ]
    expected = [row for row in rows(name, "comparisons.csv") if row["difference"]]
    assert len(written) == len(expected) > 0
    for row, known in zip(written, expected, strict=True):
        digits = len(row["difference"].partition(".")[2])
        near = pytest.approx(float(known["difference"]), abs=0.51 * 10**-digits)
        assert float(row["difference"]) == near
        assert row["verdict"].startswith(known["verdict"])
        assert int(row["seeds"]) == int(known["seeds"])
