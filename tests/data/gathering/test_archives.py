"""A zip that is not safe is refused before anything in it is read."""

import stat
import zipfile
from pathlib import Path

import pytest

from babyllama.data.gathering.archives import open_archive, opened_member
from babyllama.errors import InputError
from babyllama.runs import packed


def packed_as(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["../a.txt", "b/../../a.txt", "/etc/a.txt", "C:\\a.txt", "..\\a"])
def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path, name):
    path = packed_as(tmp_path / "a.zip", ("fine.txt", b"fine"), (name, b"text"))
    with pytest.raises(InputError, match="a name that leads out of it"):
        open_archive(path)


def test_a_link_in_an_archive_is_refused(tmp_path):
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputError, match=r"holds the link a\.txt"):
        open_archive(packed_as(tmp_path / "a.zip", (link, b"/etc/passwd")))


def test_a_bomb_is_refused_by_its_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "ALLOWANCE", 2**16)
    path = packed_as(tmp_path / "a.zip", *((f"{n}.txt", bytes(2**16)) for n in range(3)))
    with pytest.raises(InputError, match=r"a\.zip has .* and unpacks to more than"):
        open_archive(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    path = packed_as(tmp_path / "a.zip", ("a.txt", b"one"), ("a.txt", b"two"))
    with pytest.raises(InputError, match=r"holds a\.txt twice"):
        open_archive(path)


def test_damage_is_named_whether_the_list_or_a_member_has_it(tmp_path):
    path = packed_as(tmp_path / "a.zip", ("a.txt", bytes(range(256)) * 9))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"a\.zip is not a complete zip archive"):
        open_archive(path)
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    archive, members = open_archive(path)
    damaged = pytest.raises(InputError, match=r"a\.zip/a\.txt is not a complete zip")
    with archive, damaged, opened_member(path, archive, members[0]) as file:
        file.read()
