"""Every place that a command will write is checked before any work."""

import os
from pathlib import Path

import pytest
from commands import refused

from babyllama.cli import outputs
from babyllama.cli.outputs import (
    refuse_inputs,
    refuse_one_place,
    refuse_result_file,
    refuse_unwritable_file,
    refuse_unwritable_folder,
)
from babyllama.errors import InputError


@pytest.fixture
def full(tmp_path):
    """A folder with an entry of every kind."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("{}")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder, not a file"),
        ("pipe", "is a device or a pipe"),
        ("/dev/null", "is a device or a pipe"),
        ("/dev/shm/x", "is a device or a pipe"),
        ("file/x.json", "file is not a folder"),
        ("x" * 240, "its name is too long"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused(full, name, message):
    with pytest.raises(InputError, match=message):
        refuse_unwritable_file(full / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file", "is a file, not a folder"),
        ("pipe", "is a file, not a folder"),
        ("broken", "is a link to a folder that does not exist"),
        ("file/x/y", "file is not a folder"),
        ("/proc/x/y", "cannot be written"),
        ("ü" * 120, "its name is too long"),
    ],
)
def test_a_place_where_no_folder_can_be_is_refused(full, name, message):
    with pytest.raises(InputError, match=message):
        refuse_unwritable_folder(full / name)


def test_a_place_that_can_be_written_is_left_untouched(full):
    before = [(path, path.lstat().st_mtime_ns) for path in sorted([full, *full.iterdir()])]
    for name in ("file", "new", "folder/new/new"):
        refuse_unwritable_file(full / name)
    for name in ("folder", "new", "folder/new/new"):
        refuse_unwritable_folder(full / name)
    assert before == [(path, path.lstat().st_mtime_ns) for path in sorted([full, *full.iterdir()])]


def test_a_folder_without_permission_or_space_is_named(full, monkeypatch):
    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", denied)
    for check in (refuse_unwritable_file, refuse_unwritable_folder):
        with pytest.raises(
            InputError, match="new/x cannot be written: Permission denied"
        ) as raised:
            check(full / "folder" / "new" / "x")
        assert raised.value.why == f"No file can be created in {full / 'folder'}."


def test_results_replace_results_alone(full):
    refuse_result_file(full / "file", [])
    refuse_result_file(full / "new", [])
    (full / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.tex exists and is not a result file"):
        refuse_result_file(full / "thesis.tex", [])
    with pytest.raises(InputError, match="file is read by this command"):
        refuse_result_file(full / "file", [full / "folder" / ".." / "file"])


def test_one_place_cannot_be_two_things():
    refuse_inputs([Path("a")], [Path("a/b")])
    refuse_one_place(Path("a/b"), Path("a"))
    for folder in ("a", "a/b"):
        with pytest.raises(InputError, match="cannot be a file and hold the folder"):
            refuse_one_place(Path("a"), Path(folder))


@pytest.mark.parametrize(
    "command",
    [
        "evaluate in/model --benchmark p=in/pairs --out folder",
        "evaluate in/model --benchmark p=in/pairs --out new --predictions file",
        "evaluate in/model --benchmark p=in/pairs --predictions file/x",
        "evaluate in/model --benchmark p=in/pairs --predictions in/pairs",
        "evaluate in/model --benchmark p=in/pairs --predictions taken",
        "evaluate in/model --benchmark p=in/pairs --out busy",
        "evaluate in/model --benchmark p=in/pairs --out x --predictions x",
        "finetune in/model --task rte=in/pairs --out folder",
        "finetune in/model --task rte=in/pairs --out new --predictions file",
        "compare file file --out folder",
        "compare file file --out file",
        "report in --out file",
        "report in --out in",
        "submission in --out file",
        "corpus clean in/pairs file",
        "corpus synthesize file/x --words 3000",
        "tokenizer train in/pairs file",
        "tokenize in/pairs in/pairs file/x",
        "signal in/model --tokens in --out file",
        "run mini --run-dir file",
        "run mini --run-dir file/x",
    ],
)
def test_every_command_checks_its_places_first(full, command, monkeypatch):
    monkeypatch.chdir(full)
    Path("in/model").mkdir(parents=True)
    Path("in/pairs").mkdir()
    Path("taken/p.jsonl").mkdir(parents=True)
    Path("busy.parts").write_text("")
    printed = refused(*command.split())
    says = ("is a folder, not", "is a file, not", "not a folder", "read by this", "and hold the")
    assert any(each in printed for each in says), printed
