"""`identify` names the release and every change that a program made to a file."""

import gzip
import zipfile

import pytest
from release_server import hub_release, official

from babyllama.data.releases.identifying import identify
from babyllama.errors import InputError

A, B, C = b"what is that ?\r\nyes\n" * 9, b"once upon a time\n" * 9, "größe\n".encode() * 9
RELEASE = hub_release(
    "small",
    [
        official("a.train", A, "git"),
        official("b.train", B),
        official("c.train", C, "git", size=False),
    ],
)
OTHER = hub_release(
    "other", [official("a.train", A[:-7]), official("b.train", B), official("d.dev", A)]
)


@pytest.fixture
def states(releases, tmp_path):
    """A function from files to {path: (release, official file, state, how)}."""
    releases(RELEASE, OTHER)

    def run(files):
        for name, data in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
        return {
            each.path: (match.release, each.official, each.state, each.how)
            for match in identify(tmp_path).matches
            for each in match.found
        }

    return run


def test_official_files_are_known_by_their_bytes_whatever_their_names(states, tmp_path):
    found = states({"train/x.txt": A, "b.train.gz": gzip.compress(B), "readme.md": b"hi"})
    assert found["train/x.txt"] == ("small", "a.train", "same", "")
    assert found["b.train.gz"] == ("small", "b.train", "same", "")
    match = identify(tmp_path).matches[0]
    assert (match.missing, match.is_complete) == (("c.train",), False)
    assert identify(tmp_path).others == ("readme.md",)


def test_a_folder_with_all_files_is_complete(states, tmp_path):
    states({"a.train": A, "b.train": B, "c.train": C})
    (match,) = identify(tmp_path).matches
    assert match.is_complete
    assert match.also == ()


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (B.replace(b"\n", b"\r\n"), "with Windows line ends"),
        (B.replace(b"\n", b"\r"), "with old Mac line ends"),
        (b"\xef\xbb\xbf" + B, "a byte order mark was added"),
        (B + b"\n", "a last line end was added"),
        (B[:-1], "its last line end is gone"),
    ],
)
def test_changes_of_programs_are_undone_and_named(states, data, how):
    assert states({"b.train": data})["b.train"][2:] == ("changed", f"the same text, but {how}")


def test_line_ends_are_found_across_blocks(releases, tmp_path):
    text = b"x" * (2**20 - 1) + b"\n" + b"y\n"  # with Windows line ends, CR ends a block
    releases(hub_release("long", [official("a.train", text, "git")]))
    (tmp_path / "a.train").write_bytes(text.replace(b"\n", b"\r\n"))
    assert identify(tmp_path / "a.train").matches[0].found[0].state == "changed"


@pytest.mark.parametrize(
    ("name", "data", "how"),
    [
        ("b.train", B[:20], "cut short or other text: 20 of 153 bytes (13.1%), and its last line"),
        ("b.train", b"", "empty"),
        ("b.train", B[:17], "cut short or other text: 17 of 153 bytes (11.1%)"),
        ("train/b.txt", B[:-3] + b"x.\n", "other bytes, though as many: 153"),
        ("b.train.txt", B + B, "longer: 306 bytes, the official file has 153"),
        ("c.train", C + C, "144 other bytes; how many the official file has is not known"),
    ],
)
def test_other_bytes_are_compared_in_size(states, name, data, how):
    found = states({name: data})[name]
    assert found[2] == "differs"
    assert found[3].startswith(how)


def test_a_pointer_of_git_lfs_is_not_the_text(states):
    sha256 = RELEASE.files[1].sha256
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 153\n"
    assert states({"b.train": pointer.encode()})["b.train"][2] == "pointer"


def test_a_pointer_to_any_other_file_is_named_as_one(states, tmp_path):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 153\n"
    found = states({"b.train": pointer.encode(), "x.bin": pointer.encode()})
    assert found["b.train"][2] == "pointer"
    assert "it stands for other bytes" in found["b.train"][3]
    assert "git-lfs pointer" in identify(tmp_path).unreadable["x.bin"]


def test_members_of_a_zip_are_files(states, tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("inner/a.train", A)
    assert states({}) == {"z.zip/inner/a.train": ("small", "a.train", "same", "")}


def test_a_damaged_file_does_not_hide_what_the_others_are(states, tmp_path):
    found = states({"a.train": A, "b.train.gz": gzip.compress(B)[:-9], "c.zip": b"PK"})
    assert found["a.train"][2] == "same"
    unreadable = identify(tmp_path).unreadable
    assert list(unreadable) == ["b.train.gz", "c.zip"]
    assert "not a complete gzip file" in unreadable["b.train.gz"]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no files"):
        identify(tmp_path)


def test_whole_official_files_among_others_are_found(data):
    found = identify(data / "text" / "babylm-2024" / "train").matches[0]
    assert found.release == "babylm-2024-strict-small"
    assert [each.official for each in found.found if each.state == "same"] == ["switchboard.train"]
