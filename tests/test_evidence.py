"""No number of the evidence is typed by hand: pages and tables are those of the committed rows."""

import csv
import importlib.util
import re
from pathlib import Path
from statistics import fmean

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.parent.name for path in (DOCS / "evidence").glob("*/rows.csv"))
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
    """Every table of a page: its title, and its rows by column."""
    for title, lines in re.findall(r"\*\*([^*\n]+)\*\*\n\n((?:\|.*\n)+)", body):
        head, _, *cells = [
            [cell.strip().replace("\\", "") for cell in line.strip("|\n ").split("|")]
            for line in lines.splitlines()
        ]
        yield title, [dict(zip(head, row, strict=True)) for row in cells]


def test_the_tables_of_readme_and_index_are_those_of_the_rows(writer):
    for path, folder in ((writer.README, "docs/evidence/"), (writer.INDEX, "")):
        text = path.read_text("utf-8")
        assert "| [" in text
        assert writer.with_table(text, folder) == text


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_the_sentences_is_in_what_the_study_wrote(name, writer):
    head, body = halves(writer, name)
    known = {each.lstrip("-+") for each in NUMBER.findall(body)}
    assert [each for each in NUMBER.findall(head) if each not in known] == []


@pytest.mark.parametrize("name", PAGES)
def test_means_of_a_page_are_those_of_its_rows(name, writer):
    values = rows(name, "rows.csv")
    checked = 0
    for title, found in tables(halves(writer, name)[1]):
        if title not in ("Models", "Cells"):
            continue
        for row in found:
            cell = row.get("cell") or row.get("cells", "")
            for measure in row.keys() & {each["measure"] for each in values}:
                own = [
                    float(each["value"])
                    for each in values
                    if each["measure"] == measure
                    and each["model"] == row.get("model", each["model"])
                    and (row.get("model") or each["role"] == "student")
                    and ("cell" not in row or each["cell"] == cell)
                ]
                digits = len(row[measure].split(" ")[0].partition(".")[2])
                if title == "Models" and cell not in ("", "every cell"):
                    continue  # of some cells: checked by the comparisons
                seeds = int(row["seeds"].split(" ")[0])
                assert float(row[measure].split(" ")[0]) == pytest.approx(
                    fmean(own[:seeds]), abs=0.51 * 10**-digits
                )
                checked += 1
    assert checked >= 4


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
