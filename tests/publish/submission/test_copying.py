"""A submission's folder is whole or absent, agrees with the manifest, and shares no file."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.publish.choosing import published_files
from babyllama.publish.submission.copying import copy_revisions, unfinished
from babyllama.runs.files import hash_file


@pytest.fixture
def model(tmp_path):
    """A model's folder with one checkpoint, and its manifest."""
    home = tmp_path / "distilled"
    for name in ("model.safetensors", "config.json", "training.jsonl", "chck_1M/model.safetensors"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"contents of {name}")
    files = {
        path.relative_to(home).as_posix(): {
            "sha256": hash_file(path), "size": path.stat().st_size
        }
        for path in home.rglob("*") if path.is_file()
    }  # fmt: skip
    (home / "manifest.json").write_text(json.dumps({"files": files}))
    (home / ".model.safetensors.123").write_text("what a kill left")
    return home, {"files": files}


def copied(model, out):
    home, manifest = model
    wanted = {
        "main": published_files(manifest), "chck_1M": published_files(manifest, "chck_1M")
    }  # fmt: skip
    with unfinished(out) as place:
        copy_revisions(home, place, wanted, mend="Make it again.")
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def test_what_the_manifest_lists_is_copied_and_nothing_else(model, tmp_path):
    assert copied(model, tmp_path / "out") == [
        "chck_1M/model.safetensors", "main/config.json", "main/model.safetensors"
    ]  # fmt: skip


def test_an_edit_of_the_submission_leaves_the_run_as_it_is(model, tmp_path):
    copied(model, tmp_path / "out")
    with (tmp_path / "out" / "main" / "model.safetensors").open("a") as file:
        file.write("edited")
    assert (model[0] / "model.safetensors").read_text() == "contents of model.safetensors"


@pytest.mark.parametrize("name", ["model.safetensors", "chck_1M/model.safetensors"])
def test_a_file_that_contradicts_its_manifest_is_refused(model, tmp_path, name):
    file = model[0] / name
    file.write_text(file.read_text().replace("contents", "contentz"))
    with pytest.raises(InputError, match=rf"{name} differs from its manifest") as refused:
        copied(model, tmp_path / "out")
    assert "Make it again." in str(refused.value)
    assert not (tmp_path / "out").exists()

    file.unlink()
    with pytest.raises(InputError, match=rf"{name} is missing"):
        copied(model, tmp_path / "out")


def test_the_same_command_goes_on_after_a_kill(model, tmp_path):
    place = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        _begun(place)
    assert not place.exists()
    kept = (tmp_path / "out.partial" / "main" / "config.json").stat().st_ino

    files = copied(model, place)
    assert files == ["chck_1M/model.safetensors", "main/config.json", "main/model.safetensors"]
    assert (place / "main" / "config.json").stat().st_ino == kept
    assert (place / "main" / "model.safetensors").read_text() == "contents of model.safetensors"
    assert {each.name for each in place.iterdir()} == {"main", "chck_1M"}


def _begun(place):
    with unfinished(place) as partial:
        (partial / "main").mkdir()
        (partial / "main" / "config.json").write_text("contents of config.json")
        (partial / "main" / "model.safetensors").write_text("cut")
        (partial / "main" / ".README.md.17").write_text("cut off")
        (partial / "chck_2M").mkdir()
        (partial / "chck_2M" / "old").write_text("of other options")
        raise KeyboardInterrupt


def test_a_folder_of_somebody_else_is_neither_used_nor_emptied(model, tmp_path):
    other = tmp_path / "out.partial"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(
        InputError, match=r"out\.partial exists and is not an unfinished submission"
    ):
        copied(model, tmp_path / "out")
    assert (other / "thesis.tex").read_text() == "years of work"

    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="taken already exists"):
        copied(model, tmp_path / "taken")
