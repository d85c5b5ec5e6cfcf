"""`babyllama compare` and `report`: sentences first, then tables; the same as a page or as JSON."""

import json

import pytest
from commands import babyllama, invoke, refused
from result_files import benchmark, result

from babyllama.cli import comparing


@pytest.fixture
def files(written):
    return [
        written(f"{model}.json", result(model, {"blimp": benchmark({"a": right, "b": "1111"})}))
        for model, right in (("twin", "1010"), ("distilled", "1111"))
    ]


def test_a_comparison_is_printed_as_sentences_tables_and_cautions(files):
    printed = babyllama("compare", *files)
    assert "twin" in printed
    assert "Intervals (95%)" in printed


def test_a_comparison_is_written_as_json_and_as_a_page(files, tmp_path):
    out = tmp_path / "new" / "page.md"
    found = json.loads(invoke("compare", *files, "--json", "--out", out).stdout)
    assert found
    assert "twin" in out.read_text()


def test_a_report_of_something_else_than_a_run_is_refused(tmp_path):
    assert "nowhere" in refused("report", tmp_path / "nowhere", "--out", tmp_path / "report")


def test_a_report_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused("report", tmp_path, "--out", tmp_path / "file" / "report")


def test_a_report_is_written_beside_its_run(tmp_path, monkeypatch):
    written = []

    def write(runs, out):
        written.append((runs, out))
        return {"first_sentence": "The student wins."}

    monkeypatch.setattr("babyllama.report.write_report", write)
    assert "The student wins." in babyllama("report", tmp_path / "mini")
    monkeypatch.chdir(tmp_path)
    babyllama("report", ".")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    babyllama("report", "..")
    assert [out for _, out in written] == [
        tmp_path / "mini-report", *[tmp_path.with_name(f"{tmp_path.name}-report")] * 2
    ]  # fmt: skip


def test_runs_under_names_of_ones_own_are_compared_as_runs(tmp_path, monkeypatch):
    """The recipes' differences and the roles come first, under the user's names."""
    from babyllama.report.between_runs import BetweenRuns
    from babyllama.scores.entrants import NamedSource

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").write_text("name: mini\n")
    asked = []

    def compared(folders, *, names):
        asked.append((folders, names))
        return BetweenRuns(None, (), None)

    monkeypatch.setattr("babyllama.report.between_runs.compared", compared)
    a, b = tmp_path / "one", tmp_path / "two"
    assert comparing._between_runs([NamedSource("mine", a), b]) is not None
    assert asked == [([a, b], ["mine", ""])]
    assert comparing._between_runs([a, tmp_path / "model.json"]) is None


def test_a_report_on_several_runs_is_named_after_all_of_them(tmp_path, monkeypatch):
    written = []

    def write(_runs, out):
        written.append(out.relative_to(tmp_path).as_posix())
        return {"first_sentence": "They differ."}

    monkeypatch.setattr("babyllama.report.write_report", write)
    babyllama("report", tmp_path / "mini", tmp_path / "t1")
    babyllama("report", tmp_path / "a/mini", tmp_path / "b/mini")
    many = [tmp_path / f"{'long' * 10}-{n}" for n in range(9)]
    babyllama("report", *many)
    babyllama("report", *many[:-1], tmp_path / "other")
    assert written[:2] == ["mini-and-t1-report", "a/a-mini-and-b-mini-report"]
    assert written[2].startswith(f"{'long' * 10}-0-and-8-more-")
    assert len({*written}) == 4
