"""Several runs give one page of differences, of which the first run is the baseline."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.errors import InputError
from babyllama.report import write_report
from babyllama.report.between_runs import page_between
from babyllama.report.labelled import labelled
from babyllama.report.scored_run import scored_run
from babyllama.report.wording import judged
from babyllama.runs.run import read_run
from babyllama.scores.compare import compare


def read(folders):
    return labelled(folders, [scored_run(read_run(folder)) for folder in folders])


def table(page, title):
    return next(t for section in page.sections for t in section.tables if t.title == title)


@pytest.fixture
def two(make_run):
    """Two runs: in the second one the student answers like the first one's twin, at T = 1."""
    one, other = make_run("one", items=60), make_run("other", items=60)
    recipe = yaml.safe_load((other / "recipe.yaml").read_text())
    recipe["students"]["distilled"]["temperature"] = 1.0
    (other / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    for name in ("twin.json", "measures/twin.json", "measures/twin.jsonl"):
        file = other / "evaluation" / name.replace("twin", "distilled")
        shutil.copy(one / "evaluation" / name, file)
    file = other / "evaluation/distilled.json"
    file.write_text(file.read_text().replace('"model": "twin"', '"model": "distilled"'))
    return [one, other]


def test_the_page_begins_with_the_difference_and_the_settings_that_differ(two):
    page = page_between(read(two), two)
    assert page.sections[0].title == "What differs in the recipes"
    assert table(page, "Settings that differ").rows == (
        ("students.distilled.temperature", "2.0", "1.0"),
    )
    assert re.match(
        r"On grammar the student of other is worse than that of one: \d+\.\d% against \d+\.\d% "
        r"\(difference -\d+\.\d, 95% -.*? to -.*?\)\. On unseen text the student of other is worse "
        r"than that of one: 3\.300 against 3\.000 nats per token \(difference 0\.300, 95% .*?\)\. "
        r"The recipes differ in students\.distilled\.temperature 2\.0 → 1\.0\.",
        page.sentence,
    )


def test_differences_are_those_of_compare(two):
    page = page_between(read(two), two)
    rows = {row[0]: row for row in table(page, "Models by role").rows}
    files = [folder / "evaluation/distilled.json" for folder in two]
    (found,) = compare(files, correction="holm")
    assert rows["student, other"][2] == judged(found.tested.difference)
    assert rows["student, one"][2] == "–"
    assert rows["twin, other"][2].startswith("not detectably different, 0.0 (")


def test_one_page_with_its_figures_replaces_the_pages_of_the_runs(two, tmp_path):
    facts = write_report(two, tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text("utf-8")
    assert page.count("<h1>") == 1
    assert "one and other: a babyllama report</title>" in page
    assert facts["first_sentence"] in page
    assert page.count("<svg") == 3
    found = {path.name for path in (tmp_path / "report/figures").iterdir()}
    assert found == {"runs.svg", "dev.svg", "forest.svg"}
    assert f"babyllama report {two[1]} --out report-2" in page


def test_a_model_of_both_runs_shows_both_marks(two, tmp_path):
    write_report(two, tmp_path / "report")
    drawn = (tmp_path / "report/figures/runs.svg").read_text("utf-8")
    marks = re.findall(r'<use \S+ (x="\S+" y="\S+") style="(fill[^;]*); stroke: #', drawn)
    twins = [fill for place, fill in marks if sum(each == place for each, _ in marks) == 2]
    assert twins.count("fill-opacity: 0") == len(twins) / 2 > 0


def test_runs_that_cannot_be_paired_say_why(two):
    other = two[1] / "evaluation"
    for path in other.glob("*.json"):
        text = path.read_text().replace('"name": "honest"', '"name": "2023"')
        path.write_text(text)
    page = page_between(read(two), two)
    assert "On a benchmark they cannot be compared: they share none that" in page.sentence
    assert "On grammar" not in page.sentence
    assert [figure.file for s in page.sections for figure in s.figures] == ["dev.svg"]


def test_labels_tell_runs_of_one_name_apart(make_run, tmp_path):
    first = make_run("a/mini", items=10)
    shutil.copytree(first, tmp_path / "b/mini")
    runs = read([first, tmp_path / "b/mini"])
    assert [each.label for each in runs] == ["a/mini", "b/mini"]
    assert "Their recipes are the same." in page_between(runs, [first, first]).sentence


def test_a_page_of_compare_has_the_settings_and_the_models_by_role(two, tmp_path):
    out = tmp_path / "page.md"
    result = CliRunner().invoke(app, ["compare", *map(str, two), "--out", str(out)])
    assert result.exit_code == 0, result.output
    headings = re.findall(r"^## (.*)$", out.read_text(), flags=re.MULTILINE)
    assert headings[:2] == ["Settings that differ", "Models by role"]
    assert len(headings) > 2  # those of the comparison
    cells = r"\| students\.distilled\.temperature +\| +2\.0 +\| +1\.0 +\|"
    assert re.search(cells, out.read_text())


def test_a_terminal_has_the_settings_first_then_the_answer_then_the_models(two):
    printed = CliRunner().invoke(app, ["compare", *map(str, two)]).output
    assert printed.startswith("Settings that differ\n")
    places = [printed.index(each) for each in ("On grammar ", "Models by role")]
    assert places == sorted(places)


def test_what_cannot_be_compared_is_neither_drawn_nor_joined_by_arrows(two, tmp_path):
    write_report(two, tmp_path / "report")
    for path in (two[1] / "evaluation").glob("*.json"):
        found = json.loads(path.read_text())
        if "benchmarks" in found:
            found["benchmarks"]["grammar"]["items"] = "others"
            path.write_text(json.dumps(found))
    shutil.rmtree(two[1] / "evaluation/measures")
    tokens = json.loads((two[1] / "tokens/tokens.json").read_text())
    (two[1] / "tokens/tokens.json").write_text(json.dumps(tokens | {"dev_tokens": 1}))

    page = page_between(read(two), two)
    assert page.sentence.startswith(
        "one and other cannot be compared on grammar: their items differ. Nor can they be compared "
        "on unseen text: their tokens differ. The recipes differ in "
    )
    assert not [figure for section in page.sections for figure in section.figures]
    texts = " ".join(line for section in page.sections for line in section.text)
    assert (
        "No picture has the models of one and other on the same axes: on grammar their items "
        "differ and on unseen text their tokens differ."
    ) in texts
    assert "The curves of other are not drawn beside those of one: the tokens" in texts
    found = table(page, "Models by role")
    assert found.head == ("model", "grammar", "unseen text, nats per token")
    assert found.note == "Not comparable: their items differ and their tokens differ."
    assert found.words == (0,)

    shutil.copy(two[0] / "tokens/tokens.json", two[1] / "tokens/tokens.json")
    shutil.copytree(two[0] / "evaluation/measures", two[1] / "evaluation/measures")
    found = table(page_between(read(two), two), "Models by role")
    assert found.head[2:] == ("unseen text, nats per token", "difference")  # the other has none
    assert found.note.startswith("Not comparable: their items differ. Differences from one, ")
    shutil.rmtree(two[1] / "evaluation/measures")
    (two[1] / "tokens/tokens.json").write_text(json.dumps(tokens | {"dev_tokens": 1}))

    write_report(two, tmp_path / "report")  # of the figures that were there none is left
    assert [*(tmp_path / "report/figures").iterdir()] == []


def test_a_run_is_not_compared_with_itself(two, tmp_path, monkeypatch):
    monkeypatch.chdir(two[0].parent)
    with pytest.raises(InputError, match="one is named twice"):
        write_report([two[0], two[1], Path("one")], tmp_path / "report")
    assert not (tmp_path / "report").exists()
