"""Files have the umask's mode and are on the disk before anything relies on them."""

import os
import stat
from pathlib import Path

import pytest

from babyllama.recipe import TokenizerRecipe
from babyllama.runs import durable
from babyllama.runs.artefact import Stage, complete
from babyllama.runs.durable import flush_all, follow_umask
from babyllama.runs.unfinished import SCRATCH


@pytest.fixture
def umask():
    """A function that sets the umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def flushed(monkeypatch):
    """The names of what is flushed, in order."""
    names = []
    real = os.fsync

    def fsync(number):
        names.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)
        real(number)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    return names


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_file_gets_the_mode_that_the_umask_asks_for(tmp_path, umask, mask, mode):
    path = tmp_path / "model.safetensors"
    path.touch(0o600)
    umask(mask)
    follow_umask(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [path]


def test_every_file_and_folder_is_flushed_and_a_broken_link_is_not_in_the_way(tmp_path, flushed):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.bin").touch()
    (tmp_path / "link").symlink_to("nowhere")
    flush_all(tmp_path)
    assert sorted(flushed) == sorted([tmp_path.name, "deep", "a.bin"])


def test_a_stage_is_on_the_disk_before_what_it_resumes_from_is_removed(
    tmp_path, flushed, monkeypatch
):
    def build(folder):
        (folder / SCRATCH).mkdir()
        (folder / "weights").touch()
        return {}

    def rmtree(folder, **_options):
        flushed.append(f"remove {Path(folder).name}")

    monkeypatch.setattr("babyllama.runs.artefact.shutil.rmtree", rmtree)
    complete(Stage("s", tmp_path / "out", "kind", 1, TokenizerRecipe(), {}, build))
    assert flushed.index("weights") < flushed.index(f"remove {SCRATCH}")
    manifest = next(at for at, name in enumerate(flushed) if name.startswith(".manifest.json"))
    assert "out.partial" in flushed[manifest : flushed.index(f"remove {SCRATCH}")]
