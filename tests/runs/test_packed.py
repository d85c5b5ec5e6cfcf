import bz2
import gzip
import io
import lzma

import pyarrow
import pytest

from babyllama.errors import InputError
from babyllama.runs import packed
from babyllama.runs.packed import refuse_large, unpack, unpacked_blocks


def zstd(data: bytes) -> bytes:
    """Two frames, as `zstd a b -c` and `cat` write them."""
    half = len(data) // 2
    frames = []
    for part in (data[:half], data[half:]):
        sink = pyarrow.BufferOutputStream()
        with pyarrow.CompressedOutputStream(sink, "zstd") as file:
            file.write(part)
        frames.append(sink.getvalue().to_pybytes())
    return b"".join(frames)


def test_zstd_is_unpacked_frame_by_frame_and_its_damage_is_named():
    data = b"some text\n" * 200_000
    assert unpack("a.txt.zst", zstd(data)) == unpack("a.txt", zstd(data)) == data
    for damaged in (zstd(data)[:-5], b"nothing of the kind"):
        with pytest.raises(InputError, match=r"a\.zst is not a complete zstd file"):
            unpack("a.zst", damaged)


def test_zstd_without_pyarrow_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'babyllama\[tables\]'"):
        unpack("a.zst", b"")


@pytest.mark.parametrize("library", [gzip, bz2, lzma])
def test_data_are_unpacked_whatever_the_name_says(library):
    assert unpack("a.jsonl", library.compress(b"text" * 9)) == b"text" * 9


def test_plain_data_stay_as_they_are():
    assert unpack("a.jsonl", b"BZh is a word\n") == b"BZh is a word\n"


@pytest.mark.parametrize(("suffix", "library"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
def test_damage_is_named(suffix, library):
    data = library.compress(bytes(range(256)) * 40)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF

    for damaged in (data[:-5], bytes(flipped), b"nothing of the kind"):
        with pytest.raises(InputError, match=rf"a\{suffix} is not a complete"):
            unpack(f"a{suffix}", damaged)


def test_what_would_fill_the_memory_is_refused_while_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(packed, "ALLOWANCE", 2**21)
    bomb = gzip.compress(bytes(2**20)) * 9  # members of a gzip file unpack one after another
    read = []

    with pytest.raises(InputError, match=r"a\.gz has .* KiB and unpacks to more than 2\.. MiB"):
        read.extend(map(len, unpacked_blocks("a.gz", io.BytesIO(bomb), len(bomb))))
    assert 2**20 <= sum(read) < 4 * 2**20


def test_the_bound_is_twenty_times_the_packed_size_and_a_constant():
    refuse_large("a", 2**28 + 2000, 100)
    with pytest.raises(InputError, match="a has 100 bytes"):
        refuse_large("a", 2**28 + 2001, 100)
