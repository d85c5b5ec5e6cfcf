"""A server of releases in place of the hub, and no pauses between attempts."""

import pytest
from huggingface_hub import constants
from local_server import be_the_hub
from release_server import running

from babyllama.data.releases import downloading, fetching, identifying, known


@pytest.fixture
def server(monkeypatch):
    with running() as server:
        be_the_hub(server.endpoint, monkeypatch)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(downloading, "PAUSES", (0.0,) * 4)
        yield server


@pytest.fixture
def releases(monkeypatch):
    """A function that puts these releases in place of the real ones."""

    def put(*them):
        found = {each.name: each for each in them}
        for module in (known, fetching, identifying):
            monkeypatch.setattr(module, "known_releases", lambda: found)

    return put
