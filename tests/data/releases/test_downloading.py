"""A file is complete after any number of bad answers, or the failure is named."""

import errno
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError

from babyllama.data.releases import downloading
from babyllama.data.releases.downloading import CutShortError, download
from babyllama.errors import InputError

DATA = bytes(range(256)) * 40


class Counted:
    """A progress bar without the bar."""

    bytes = expected = 0

    def advance(self, amount):
        self.bytes += amount

    def expect(self, total):
        self.expected = total


@pytest.fixture
def get(server, tmp_path):
    """A function that downloads DATA from a server with these faults; the bytes that it got."""
    part = tmp_path / "part"

    def run(*faults, size=10240, have=b""):
        server.files["/file"], server.faults["/file"] = DATA, list(faults)
        if have:
            part.write_bytes(have)
        counted = Counted()
        url = f"{server.endpoint}/file"
        download(url, part, size=size, headers={}, progress=counted)
        assert counted.expected == (0 if size else len(DATA))
        assert counted.bytes == len(DATA) - len(have)
        return part.read_bytes()

    return run


def test_dropped_connections_are_resumed_where_they_broke(get, server):
    drops = len(downloading.PAUSES) + 2  # not given up, since every answer brings more
    assert get(*["drops"] * drops) == DATA
    assert server.ranges()[:3] == [None, "bytes=5120-", "bytes=7680-"]
    assert len(server.seen) == drops + 1


def test_pauses_grow_until_more_arrives(get, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloading, "PAUSES", (1, 2, 4, 8))
    monkeypatch.setattr(downloading, "time", SimpleNamespace(sleep=pauses.append))
    get(503, 503, 503, "drops", 503)
    assert pauses == [1, 2, 4, 1, 2]


def test_what_an_earlier_process_left_is_kept(get, server):
    assert get(have=DATA[:100]) == DATA
    assert server.ranges() == ["bytes=100-"]


def test_a_network_that_fails_after_an_answer_is_tried_again(get):
    assert get("drops", "http://127.0.0.1:9/nobody") == DATA


@pytest.mark.parametrize("fault", ["half", 503, 429])
def test_a_server_that_ends_early_or_is_busy_is_asked_again(get, fault):
    assert get(fault) == DATA


@pytest.mark.parametrize("fault", ["ignores the range", "another range"])
def test_an_answer_to_another_range_is_not_appended(get, fault):
    assert get(fault, have=DATA[:100]) == DATA


def test_a_file_with_more_bytes_than_the_server_has_is_begun_again(get):
    assert get(have=DATA + b"more") == DATA


@pytest.mark.parametrize("have", [b"", DATA[:100]])
def test_of_an_unknown_size_the_servers_word_counts_and_drops_are_resumed(get, server, have):
    assert get("drops", size=None, have=have) == DATA
    assert server.ranges()[1] == f"bytes={(len(DATA) + len(have)) // 2}-"


def test_a_file_that_an_earlier_process_completed_is_kept(get, server):
    assert get(size=None, have=DATA) == DATA
    assert len(server.seen) == 1


def test_a_server_that_sends_too_much_is_refused_before_the_disk_is_full(get, tmp_path):
    with pytest.raises(InputError, match="sends more than the 10,240 bytes"):
        get("more")
    assert (tmp_path / "part").read_bytes() == b""


def test_a_server_that_never_has_all_is_given_up(server, tmp_path):
    server.files["/file"] = DATA[:5120]
    with pytest.raises(CutShortError, match="it sent 5,120 of 10,240 bytes"):
        download(
            f"{server.endpoint}/file", tmp_path / "part", size=10240, headers={}, progress=Counted()
        )
    assert len(server.seen) == 5


def test_a_full_disk_names_the_file(server, tmp_path):
    server.files["/file"] = DATA
    (tmp_path / "part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="part") as refused:
        download(
            f"{server.endpoint}/file", tmp_path / "part", size=10240, headers={}, progress=Counted()
        )
    assert refused.value.errno == errno.ENOSPC


def test_a_lasting_error_is_raised_after_a_few_attempts(get, server):
    with pytest.raises(HfHubHTTPError):
        get(*[500] * 9)
    assert len(server.seen) == 5
    with pytest.raises(HfHubHTTPError):
        get(404)
    assert len(server.seen) == 6
