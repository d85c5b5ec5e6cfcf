"""A git-lfs pointer is known by its first line."""

import pytest

from babyllama.errors import InputError
from babyllama.runs.git_lfs import is_pointer, refuse_pointer

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 12345678\n"


def test_a_pointer_is_refused_with_the_command_that_downloads_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text(POINTER)
    assert is_pointer(path)
    with pytest.raises(InputError, match=r"model\.safetensors is a git-lfs pointer") as raised:
        refuse_pointer(path)
    assert "git lfs pull" in raised.value.mend


@pytest.mark.parametrize("text", ["", "version 2\n", "A story of " + POINTER])
def test_other_files_are_no_pointers(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert not is_pointer(path)
    assert not is_pointer(tmp_path / "absent.txt")
    refuse_pointer(path)
