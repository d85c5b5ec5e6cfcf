"""The file of a release is found in a zip, or the message says what the zip holds."""

import zipfile

import pytest

from babyllama.data.releases.unzipping import extract, member_of
from babyllama.errors import InputError


@pytest.fixture
def unzip(tmp_path):
    """A function that takes `inner/a.train` out of a zip of these members; its bytes."""

    def run(*members, size=None):
        with zipfile.ZipFile(tmp_path / "text.zip", "w") as archive:
            for member, data in members:
                archive.writestr(member, data)
        out, written = tmp_path / "out", []
        with zipfile.ZipFile(tmp_path / "text.zip") as archive:
            member = member_of(archive, "inner/a.train", size)
            extract(archive, member, out, advance=written.append)
        assert sum(written) == member.file_size
        return out.read_bytes()

    return run


GOOD = ("text/inner/a.train", b"a line\n")


def test_a_file_is_found_below_any_folder(unzip):
    assert unzip(GOOD, ("__MACOSX/text/inner/a.train", b"\0attributes")) == b"a line\n"


def test_another_size_than_the_official_one_is_refused(unzip):
    with pytest.raises(InputError, match="has 7 bytes, the official file 8"):
        unzip(GOOD, size=8)


def test_a_zip_without_the_file_or_with_two_says_what_it_holds(unzip):
    with pytest.raises(InputError, match=r"does not hold inner/a\.train\n.*holds other/a\.train"):
        unzip(("other/a.train", b"x"))
    with pytest.raises(InputError, match="twice"):
        unzip(GOOD, ("inner/a.train", b"x"))
