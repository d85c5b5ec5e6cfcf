"""What is unsafe in a zip is refused, and nothing is written."""

import io
import stat
import zipfile

import pytest

from babyllama.data.releases import unzipping
from babyllama.errors import InputError


@pytest.fixture
def unzip(tmp_path):
    """A function that takes `inner/a.train` out of a zip of these members; its bytes."""

    def run(*members, size=None, damage=lambda data: data):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members:
                archive.writestr(member, data)
        path, out = tmp_path / "text.zip", tmp_path / "out"
        path.write_bytes(damage(packed.getvalue()))
        with unzipping.opened(path) as archive:
            member = unzipping.member(archive, "inner/a.train", size)
            unzipping.extract(archive, member, out, advance=lambda _: None)
        return out.read_bytes()

    return run


GOOD = ("text/inner/a.train", b"a line\n")


def test_a_file_is_found_below_any_folder(unzip):
    assert unzip(GOOD, ("__MACOSX/text/inner/a.train", b"\0attributes")) == b"a line\n"


def link():
    made = zipfile.ZipInfo("inner/link")
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


@pytest.mark.parametrize(
    "member", ["../a", "x/../../a", "/etc/a", "C:/a", "..\\a", "\\\\host\\a", link()]
)
def test_names_that_lead_out_and_links_are_refused(unzip, tmp_path, member):
    with pytest.raises(InputError, match="not safe to unpack"):
        unzip(GOOD, (member, b"evil"))
    assert [each.name for each in tmp_path.iterdir()] == ["text.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(unzip, monkeypatch):
    monkeypatch.setattr("babyllama.runs.packed.ALLOWANCE", 2**16)
    bomb = (GOOD[0], b"\0" * 2**20)
    with pytest.raises(InputError, match=r"unpacks to more than .*\n.*does not shrink"):
        unzip(bomb)
    with pytest.raises(InputError, match="unpacks to more than"):  # also one beside the text
        unzip(GOOD, ("other", bomb[1]))


def test_another_size_than_the_official_one_is_refused(unzip):
    with pytest.raises(InputError, match="has 7 bytes, the official file 8"):
        unzip(GOOD, size=8)


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-9], lambda d: d.replace(b"a line", b"a lime"), lambda _: b"<html>"]
)
def test_damage_is_named(unzip, damage):
    stored = zipfile.ZipInfo("inner/a.train")  # not compressed
    with pytest.raises(InputError, match=r"text\.zip cannot be unpacked"):
        unzip((stored, b"a line\n"), damage=damage)


def test_a_zip_without_the_file_or_with_two_says_what_it_holds(unzip):
    with pytest.raises(InputError, match=r"inner/a\.train nowhere\n.*holds other/a\.train"):
        unzip(("other/a.train", b"x"))
    with pytest.raises(InputError, match="twice"):
        unzip(GOOD, ("inner/a.train", b"x"))
