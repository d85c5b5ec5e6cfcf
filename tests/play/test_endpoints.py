"""The answers as JSON: they are those of the package."""

import http.client
import itertools
import json
import threading
import urllib.error
import urllib.request
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest
from play_server import asked, playing, waited_for

from babyllama.play import endpoints
from babyllama.play.answers import position_answer, text_answer
from babyllama.play.models import Cast
from babyllama.play.pairs import pair_answer

TEXT = "The cat sees a <b>dog</b>."


@pytest.fixture(scope="module")
def address(cast):
    pytest.importorskip("uvicorn", reason="the extra `play` is not installed")
    with playing(cast) as found:
        yield found


def refusal(address, name, **body):
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(address, name, **body)
    assert caught.value.code == 400
    return json.load(caught.value)


def as_json(answer):
    return json.loads(json.dumps(asdict(answer)))


def events_of(address, **body):
    request = urllib.request.Request(f"{address}/api/write", json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        assert response.headers.get_content_type() == "text/event-stream"
        parts = response.read().decode().split("\n\n")
    assert parts[-2:] == ["event: end\ndata: {}", ""]
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-2]]


def test_answers_are_those_of_the_package(address, group):
    assert asked(address, "text", text=TEXT) == as_json(text_answer(group, TEXT))
    found = asked(address, "position", text=TEXT, at=3, temperature=2)
    assert found == as_json(position_answer(group, TEXT, at=3, temperature=2.0))
    found = asked(address, "pair", first=TEXT, second="The cat.")
    assert found == as_json(pair_answer(group, TEXT, "The cat."))
    assert asked(address, "loss", text=TEXT, at=3, student="distilled")["student"] == "distilled"
    assert asked(address, "pairs", run="", benchmark="grammar", wrong="twin")["total"] == 1


def test_the_page_learns_which_models_there_are(address):
    with urllib.request.urlopen(f"{address}/api/models") as response:
        found = json.load(response)
    assert [each["name"] for each in found["groups"][0]["models"]][2:4] == ["ensemble", "distilled"]
    assert found["lessons"] == [{"student": "distilled", "temperature": 2.0, "group": 0}]
    assert found["runs"][0]["benchmarks"] == ["grammar"]
    assert (found["runs"][0]["name"], found["runs"][0]["group"]) == ("run", 0)
    assert found["text"] == "The children saw the cat and the"  # of the run's dev text


def test_wrong_requests_get_the_message(address):
    assert refusal(address, "text", text="")["what"] == "the text is empty"
    assert refusal(address, "text", text="a", group=4)["what"] == "there is no group 4 here"
    assert "not distilled" in refusal(address, "loss", text="a", at=1, student="twin")["what"]
    assert "no run" in refusal(address, "pairs", run="x", benchmark="grammar")["what"]
    assert "fills all" in refusal(address, "write", text="cat " * 400)["what"]
    assert "too long" in refusal(address, "text", text="a" * 2_100_000)["what"]


def test_what_models_write_is_streamed(address, group):
    events = events_of(address, text=TEXT, seed=3, tokens=4)
    assert {event["model"] for event in events} == {model.name for model in group.models}
    assert [event["step"] for event in events if event["token"]] == sorted(
        event["step"] for event in events if event["token"]
    )


def test_two_clients_at_once_get_the_same_as_one_after_the_other(address):
    alone = [events_of(address, text=TEXT, seed=seed, tokens=8) for seed in (1, 2)]
    found = {}

    def ask(seed):
        found[seed] = events_of(address, text=TEXT, seed=seed, tokens=8)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[1], found[2]] == alone


def test_a_client_that_goes_away_stops_the_writing(cast, monkeypatch):
    """The generator is closed before its end, and the server still answers."""
    steps, ended = [], threading.Event()

    def endless(*_):
        try:
            while True:
                steps.append(1)
                yield endpoints.Written("llama", len(steps), None)
        finally:
            ended.set()

    monkeypatch.setattr(endpoints, "written", endless)
    with playing(cast) as address:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port)
        connection.request("POST", "/api/write", json.dumps({"text": TEXT}))
        connection.getresponse().read(10)
        connection.close()
        assert waited_for(ended.is_set)
        assert asked(address, "text", text=TEXT)["first"] == 1


def test_the_end_of_the_server_ends_the_writing(cast, monkeypatch, capfd):
    """The stream ends between two tokens; the terminal shows no traceback."""
    read = []

    def endless(*_):
        yield from (endpoints.Written("llama", step, None) for step in itertools.count())

    def listen(address):
        request = urllib.request.Request(
            f"{address}/api/write", json.dumps({"text": TEXT}).encode()
        )
        with urllib.request.urlopen(request) as response:
            read.extend(response)

    monkeypatch.setattr(endpoints, "written", endless)
    with playing(cast) as address:
        listening = threading.Thread(target=listen, args=(address,))
        listening.start()
        assert waited_for(lambda: read)
    listening.join()
    assert not any(line.startswith(b"event: end") for line in read)
    assert "Traceback" not in capfd.readouterr().err


def test_the_overview_needs_no_run(cast):
    found = endpoints.overview(Cast(cast.groups, {}, {}, ("a note",)))
    assert (found["runs"], found["lessons"], found["notes"]) == ([], [], ("a note",))
