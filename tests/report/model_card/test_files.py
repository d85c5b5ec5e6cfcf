"""The card in a model's folder: the same bytes again, and never in the place of a person's."""

import pytest

from babyllama.report.model_card import files, write_card
from babyllama.runs.manifests import added, digest, read_manifest


@pytest.fixture
def folder(model_run):
    return model_run.student("distilled")


def test_the_card_is_no_part_of_what_the_folder_is(folder):
    before = digest(folder)
    write_card(folder)
    first = (folder / "README.md").read_bytes()
    assert b"| grammar   |  70.0 | 68.0 to 72.0 |" in first
    assert digest(folder) == before
    assert added(folder, read_manifest(folder)) == []
    write_card(folder)
    assert (folder / "README.md").read_bytes() == first


def test_the_card_names_no_path_of_the_machine(folder, tmp_path):
    write_card(folder)
    text = (folder / "README.md").read_text("utf-8")
    assert 'name = "runs/tiny/students/distilled"' in text
    assert str(tmp_path) not in text


def test_an_edited_card_is_kept_and_that_is_said(folder, monkeypatch):
    said = []
    monkeypatch.setattr(files, "print_status", said.append)
    write_card(folder)
    mine = (folder / "README.md").read_text("utf-8").replace("# distilled", "# Mine")
    (folder / "README.md").write_text(mine, encoding="utf-8")
    write_card(folder)
    assert (folder / "README.md").read_text("utf-8") == mine
    assert said == [
        f"  {folder / 'README.md'} was edited: it is kept as it is; "
        "remove it to have it written again"
    ]


def test_scores_for_the_hub_are_written_and_removed_with_the_scores(folder, monkeypatch):
    monkeypatch.setattr(files, "eval_results_yaml", lambda _: "- value: 1\n")
    write_card(folder)
    scores = folder / ".eval_results" / "babyllama.yaml"
    assert scores.read_text("utf-8").startswith("- value: 1\n# written by babyllama")
    assert added(folder, read_manifest(folder)) == []
    monkeypatch.setattr(files, "eval_results_yaml", lambda _: "")
    write_card(folder)
    assert not scores.exists()
