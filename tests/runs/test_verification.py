"""A full check finds what `status` does not look at, and is not confused by a run beside it."""

import pytest

from babyllama.recipe import to_yaml
from babyllama.runs import verification
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest
from babyllama.runs.verification import verify

MADE = {"stage": "k", "version": 1, "recipe": {}, "inputs": {}, "seed": 3}


@pytest.fixture
def run(tiny_recipe, tmp_path):
    """A run with two finished stages."""
    layout = Layout(tmp_path / "run")
    for folder in (layout.corpus, layout.teacher("llama")):
        folder.mkdir(parents=True)
        (folder / "a").write_text("a")
        write_manifest(folder, MADE, leave_out=())
    layout.recipe.write_text(to_yaml(tiny_recipe))
    return layout


def test_a_run_without_damage_has_no_lines(run):
    assert verify(run.folder) == {run.corpus: [], run.teacher("llama"): []}


def test_a_stage_whose_manifest_was_deleted_is_named(run):
    (run.corpus / "manifest.json").unlink()
    assert verify(run.folder)[run.corpus] == [f"{run.corpus} has no manifest.json"]


def test_a_recipe_that_cannot_be_read_is_named(run):
    run.recipe.write_text("name: [")
    assert "recipe.yaml cannot be read" in verify(run.folder)[run.folder][0]


def test_a_linked_stage_is_checked_once(run, tmp_path):
    run.corpus.rename(tmp_path / "elsewhere")
    run.corpus.symlink_to(tmp_path / "elsewhere")
    (run.folder / "loop").symlink_to(run.folder)
    (tmp_path / "elsewhere" / "a").write_text("b")
    assert sum(len(lines) for lines in verify(run.folder).values()) == 1


def test_a_folder_that_is_replaced_meanwhile_is_no_damage(run, monkeypatch):
    """Between the reading of its manifest and of its files a run puts another one in its place."""
    read = verification.read_manifest
    replaced = []

    def read_and_replace(folder):
        manifest = read(folder)
        if folder == run.corpus and not replaced:
            replaced.append(folder)
            (folder / "a").write_text("another")
            write_manifest(folder, MADE, leave_out=())
        return manifest

    monkeypatch.setattr(verification, "read_manifest", read_and_replace)
    assert verify(run.folder)[run.corpus] == []


def test_folders_that_are_being_made_are_not_checked(run):
    run.corpus.rename(run.folder / "corpus.replaced")
    (run.folder / "corpus.replaced" / "a").unlink()
    assert verify(run.folder) == {run.teacher("llama"): []}
