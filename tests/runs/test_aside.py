from small_folders import finished

from babyllama.runs import aside
from babyllama.runs.manifests import read_manifest


def test_the_first_free_name_is_beside_the_folder(tmp_path):
    assert aside.free_name(tmp_path / "a") == tmp_path / "a.aside"
    (tmp_path / "a.aside").mkdir()
    assert aside.free_name(tmp_path / "a") == tmp_path / "a.aside1"


def test_a_kept_folder_is_found_by_what_it_was_made_from_and_taken_back(tmp_path):
    out = tmp_path / "a"
    finished(out, "pretraining")
    key = {name: read_manifest(out)[name] for name in ("stage", "recipe", "inputs")}
    aside.keep(out, "epochs was 1, now 2")
    assert not out.exists()
    assert aside.kept(out, key) == tmp_path / "a.aside"
    assert aside.kept(out, {**key, "stage": "distillation"}) is None
    assert "epochs was 1, now 2" in (tmp_path / "a.aside.txt").read_text("utf-8")
    aside.take_back(tmp_path / "a.aside", out)
    assert read_manifest(out) is not None
    assert aside.kept(out, key) is None
