"""A zip that is not safe is refused before anything in it is read; damage is named."""

import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from babyllama.errors import InputError
from babyllama.runs import packed
from babyllama.runs.zips import blocks_of, files_in, open_zip


@pytest.fixture
def packed_as(tmp_path):
    """A function that makes a zip of these files, or of files of these names."""

    def pack(*members: str | tuple[str | zipfile.ZipInfo, bytes]) -> Path:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in members:
                archive.writestr(*((member, b"text") if isinstance(member, str) else member))
        return path

    return pack


def contents(path, **how):
    with open_zip(path, **how) as archive:
        return {each.filename: b"".join(blocks_of(archive, each)) for each in files_in(archive)}


def test_files_are_listed_in_order_without_folders_and_what_macos_adds(packed_as):
    path = packed_as(("b..c/d.txt", b"d"), "x/", "__MACOSX/x/._a", "x/.DS_Store", ("a", b"a"))
    assert list(contents(path).items()) == [("a", b"a"), ("b..c/d.txt", b"d")]


@pytest.mark.parametrize(
    "name",
    ["../a", "b/../../a", "..", ".", "/etc/a", "C:/a", r"C:\a", r"..\a", r"\\host\a", "a\x1b"],
)
def test_a_name_that_leads_out_or_cannot_be_shown_is_refused(packed_as, name):
    with pytest.raises(InputError, match="a name that leads out of it or cannot be shown"):
        open_zip(packed_as("fine.txt", name))


@pytest.mark.parametrize("start", ["a.txt", ""])
def test_a_name_that_python_would_cut_at_a_zero_byte_is_refused(packed_as, start):
    path = packed_as(f"{start}/evil")
    path.write_bytes(path.read_bytes().replace(b"/evil", b"\0evil"))
    with pytest.raises(InputError, match=r"\\x00evil', a name that"):
        open_zip(path)


def test_a_link_is_refused(packed_as):
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputError, match=r"holds the link a\.txt"):
        open_zip(packed_as((link, b"/etc/passwd")))


def test_an_encrypted_file_is_refused_without_a_password(packed_as):
    path = packed_as("a.txt")
    flags = {b"PK\x03\x04": 6, b"PK\x01\x02": 8}  # where a file's flags are, in both places
    data = bytearray(path.read_bytes())
    for mark, at in flags.items():
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"holds a\.txt, which is encrypted"):
        open_zip(path)
    with pytest.raises(InputError, match=r"a\.zip/a\.txt cannot be unpacked: Bad password"):
        contents(path, password=b"wrong")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_python_does_not_unpack_in_bounded_steps_is_refused(packed_as, method):
    rare = zipfile.ZipInfo("a.txt")
    rare.compress_type = method
    with pytest.raises(InputError, match=r"holds a\.txt, which is compressed in a rare way"):
        open_zip(packed_as((rare, b"text")))


def test_a_bomb_is_refused_by_its_sizes(packed_as, monkeypatch):
    monkeypatch.setattr(packed, "ALLOWANCE", 2**16)
    path = packed_as(*((f"{n}.txt", bytes(2**16)) for n in range(3)))
    with pytest.raises(InputError, match=r"a\.zip has .* and unpacks to more than"):
        open_zip(path)


def test_a_bomb_that_lies_about_its_size_does_not_fill_the_memory(packed_as):
    path = packed_as(("a.txt", bytes(2**24)))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 2**24), struct.pack("<I", 9)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"a\.zip/a\.txt cannot be unpacked: Bad CRC"):
            contents(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(packed_as):
    with pytest.raises(InputError, match=r"holds a\.txt twice"):
        open_zip(packed_as("a.txt", "a.txt"))


def test_damage_is_named_whether_the_list_or_a_file_has_it(packed_as, tmp_path):
    path = packed_as(("a.txt", bytes(range(256)) * 9))
    whole = path.read_bytes()
    for data in (whole[:-30], b"<html>"):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"a\.zip cannot be unpacked: File is not a zip"):
            open_zip(path)
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    with pytest.raises(InputError, match=r"a\.zip/a\.txt cannot be unpacked"):
        contents(path)
    with pytest.raises(InputError, match=r"no\.zip cannot be unpacked: No such file"):
        open_zip(tmp_path / "no.zip")
