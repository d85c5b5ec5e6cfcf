"""What a repository holds, what is said of it, and what stops it."""

import getpass
import hashlib
import shutil
from pathlib import Path

import pytest
from small_folders import finished

from babyllama.errors import InputError
from babyllama.publish.hub.contents import Upload, contents_of
from babyllama.recipe import Given, to_yaml
from babyllama.runs.run import read_run


def contents(folder, model="distilled"):
    run = read_run(folder)
    return contents_of(run, run.model(model), "me/tiny")


def test_what_is_left_out_is_said(small):
    shutil.rmtree(small / "report")
    remarks = "\n".join(contents(small).remarks)
    assert "Left out: manifest.json (" in remarks
    assert "Left out: training.jsonl (" in remarks
    assert "the report, which is not written yet. To write it: babyllama run " in remarks
    assert "states no licence" in remarks
    assert "trackers" not in remarks


def test_a_card_that_was_edited_is_published_as_it_is(small):
    card = small / "students" / "distilled" / "README.md"
    card.write_text("mine", encoding="utf-8")
    found = contents(small)
    assert found.branches["main"]["README.md"].source == card
    assert any(f"{card} is not by babyllama" in each for each in found.remarks)


def test_what_is_replaced_is_said(small):
    finished(small / "report", "report", weights="", **{"report.md": f"in {small}/corpus"})
    found = contents(small)
    assert found.branches["main"]["report/report.md"].source == b"in PATH"
    assert found.remarks[-1].endswith("of this machine or its user are replaced in "
                                      "main/report/report.md.")  # fmt: skip


def test_a_path_in_the_recipe_makes_no_name_public(small, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "zaphod")
    recipe = read_run(small).recipe
    evaluation = recipe.evaluation.model_copy(update={"benchmarks": {"mine": Path("/srv/zaphod")}})
    given = {"old": Given(path="/srv/zaphod/old"), "hub": Given(path="o/n", revision="0" * 40)}
    changed = recipe.model_copy(
        update={"teachers": {**recipe.teachers, **given}, "evaluation": evaluation}
    )
    (small / "recipe.yaml").write_text(to_yaml(changed), encoding="utf-8")
    card = contents(small).branches["main"]["README.md"].source
    assert b"path: old\n" in card
    assert b"path: o/n\n" in card
    assert b"mine: USER\n" in card
    assert b"zaphod" not in card


def test_large_files_with_a_path_of_this_machine_are_refused(small):
    home = small / "students" / "distilled"
    finished(home, "distillation", weights=f"x{small}/corpus")
    with pytest.raises(InputError, match=rf"model.safetensors contains {small}"):
        contents(small)


def test_a_report_that_was_changed_is_refused(small):
    (small / "report" / "index.html").write_text("other", encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.html differs from its manifest"):
        contents(small)


def test_a_file_is_known_by_the_checksums_of_the_hub(tmp_path):
    (tmp_path / "file").write_bytes(b"text\n")
    for upload in (Upload(tmp_path / "file"), Upload(b"text\n")):
        assert upload.size == 5
        assert upload.sha256 == hashlib.sha256(b"text\n").hexdigest()
        assert upload.blob == "8e27be7d6154a1f68ea9160ef0e18691d20560dc"  # git hash-object
