"""Each failure of a request to the hub is a message that says what to do."""

import pytest
from huggingface_hub import constants
from small_folders import small_run

from babyllama.errors import InputError
from babyllama.publish.hub import publish_models
from babyllama.publish.hub.failures import explaining

WHOAMI = "GET /api/whoami-v2"
COMMIT = "POST /api/models/tester/tiny/commit/main"


@pytest.fixture
def publishing(hub, tiny_recipe, tmp_path):
    """A function that publishes and returns the message with which it is refused."""
    folder = small_run(tmp_path / "run", tiny_recipe).folder

    def message(repo="tiny"):
        with pytest.raises(InputError) as refused:
            list(publish_models(folder, repo, confirm=lambda _: True))
        return str(refused.value).replace(hub.endpoint, "HUB")

    return message


def test_without_a_token_the_login_is_named(publishing, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    said = publishing()
    assert said.startswith("there is no token for HUB\n")
    assert "hf auth login" in said
    assert "HUB/settings/tokens" in said


def test_offline_mode_is_named(publishing, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = publishing()
    assert "HF_HUB_OFFLINE is set" in said
    assert "--dry-run" in said


def test_a_hub_that_cannot_be_reached_is_named(publishing, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    said = publishing()
    assert "the connection to http://127.0.0.1:9 failed" in said
    assert "Nothing was uploaded." in said
    monkeypatch.setattr(constants, "ENDPOINT", "huggingface")
    assert "the connection to huggingface failed" in publishing()


@pytest.mark.parametrize(
    ("request_", "status", "parts"),
    [
        (WHOAMI, 401, ["does not accept the token", "from HF_TOKEN", "hf auth login"]),
        (WHOAMI, 429, ["limits the rate", "Nothing was uploaded.", "in a few minutes"]),
        (WHOAMI, 500, ["has an error, status 500: said", "Nothing was uploaded.", "again later"]),
        (WHOAMI, 404, ["does not answer like a hub: it has no such address", "HF_ENDPOINT"]),
        ("POST /api/repos/create", 403, ["does not let you write tester/tiny: said", "--repo"]),
        ("POST /api/repos/create", 409, ["does not let you write tester/tiny: said"]),
        (COMMIT, 403, ["does not let you write tester/tiny: said", "the right to write"]),
        (COMMIT, 503, ["status 503", "Only a part was uploaded", "The same command goes on"]),
        (COMMIT, 429, ["limits the rate", "Only a part was uploaded"]),
        (COMMIT, 413, ["refuses tester/tiny: said"]),
        (r"PUT /lfs/\w+", 403, ["does not let you write tester/tiny"]),
    ],
)
def test_what_the_hub_answers_is_explained(hub, publishing, request_, status, parts):
    hub.answers[request_] = (status, "said")
    said = publishing()
    for part in parts:
        assert part in said


def test_a_card_that_the_hub_refuses_is_named(hub, publishing):
    hub.answers["POST /api/validate-yaml"] = (400, "said")
    said = publishing()
    assert "refuses the metadata of the card" in said
    assert "the part `card` of the recipe" in said


def test_an_answer_that_is_not_json_is_refused(hub, publishing):
    hub.pages[WHOAMI] = b"<html>Please log in</html>"
    said = publishing()
    assert "does not answer like a hub" in said
    assert "login in a browser" in said


def test_a_mistake_of_ours_stays_one():
    with (
        pytest.raises(ZeroDivisionError),
        explaining("HUB", "tiny", uploaded="Nothing was uploaded."),
    ):
        raise ZeroDivisionError
