"""The server: it answers this machine's page only, and before the models are loaded."""

import builtins
import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from play_server import asked, opened

from babyllama.errors import InputError
from babyllama.play import server
from babyllama.play.endpoints import endpoints
from babyllama.play.opening import Opening

DAMAGED = InputError("model.safetensors is damaged", why="Its hash differs.", mend="Make it again.")


@pytest.fixture
def opening():
    pytest.importorskip("uvicorn", reason="the extra `play` is not installed")
    return Opening()


@pytest.fixture
def address(opening):
    with opened(opening) as found:
        yield found


def stream_of(address):
    return urllib.request.urlopen(f"{address}/api/loading")


def next_event(stream):
    found = json.loads(stream.readline().removeprefix(b"data: "))
    assert stream.readline() == b"\n"
    return found


def test_the_page_says_what_is_loaded_until_it_answers(opening, address, cast):
    opening.doing = "loading 3 of 5: students/twin"
    with stream_of(address) as stream:
        assert next_event(stream) == {"doing": "loading 3 of 5: students/twin"}
        with pytest.raises(urllib.error.HTTPError) as caught:
            asked(address, "text", text="a")
        assert caught.value.code == 503
        found = json.load(caught.value)
        assert found["what"] == "the models are not loaded yet"
        assert "loading 3 of 5: students/twin" in found["why"]
        opening.answers = endpoints(cast, opening)
        assert stream.read() == b"event: end\ndata: {}\n\n"
    assert asked(address, "text", text="a")["first"] == 1


def fail_while_a_page_waits(opening, error, waiting):
    with opened(opening) as address:
        waiting.append(stream_of(address))
        next_event(waiting[0])
        raise error


def test_the_page_says_why_the_models_cannot_be_loaded_and_the_server_ends(opening):
    waiting = []
    with pytest.raises(InputError, match="is damaged"):
        fail_while_a_page_waits(opening, DAMAGED, waiting)
    assert next_event(waiting[0])["fault"]["what"] == "model.safetensors is damaged"
    assert waiting[0].read() == b"event: end\ndata: {}\n\n"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(waiting[0].url)


def test_ctrl_c_ends_the_server_while_a_page_waits(opening):
    waiting = []
    with pytest.raises(KeyboardInterrupt):
        fail_while_a_page_waits(opening, KeyboardInterrupt(), waiting)
    assert waiting[0].read() == b""  # without the event that says that loading has ended


def test_the_page_may_load_nothing_from_elsewhere_and_is_not_kept(address):
    with urllib.request.urlopen(address) as response:
        page, headers = response.read().decode(), response.headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["Cache-Control"] == "no-store"
    assert "://" not in page


def test_requests_under_another_name_are_refused(address):
    """A page elsewhere could give its own name this machine's address."""
    port = urlsplit(address).port
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/models", headers={"Host": "elsewhere.example"})
    assert connection.getresponse().status == 400
    connection.close()


def test_a_port_in_use_gives_the_next_one():
    first = server.bound(0)
    number = first.getsockname()[1]
    second = server.bound(number)
    assert number < second.getsockname()[1] < number + 20
    assert second.getsockname()[0] == "127.0.0.1"
    first.close()
    second.close()


def test_ports_that_cannot_be_used_are_refused(monkeypatch):
    monkeypatch.setattr(server, "_PORTS", 1)
    taken = server.bound(0)
    number = taken.getsockname()[1]
    with pytest.raises(InputError, match=f"no port from {number} to {number} can be used"):
        server.bound(number)
    taken.close()


def test_a_missing_library_is_named_with_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="play needs uvicorn, which is not installed") as caught:
        server.refuse_missing_packages()
    assert "pip install 'babyllama[play]'" in caught.value.mend
