"""What the page may ask."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.play.reading import Forced
from babyllama.play.requests import LONGEST_TEXT, PositionAsked, TextAsked, parsed


def test_forced_tokens_are_read():
    body = {"text": "a", "forced": [{"at": 1, "token": 5, "keeps_rest": True}]}
    found = parsed(TextAsked, json.dumps(body).encode())
    assert (found.group, found.forced_tokens()) == (0, [Forced(1, 5, True)])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "the request: Invalid JSON"),
        (b'{"at": 1}', "text: Field required"),
        (b'{"at": 1, "text": "\\ud83e"}', "the request: Invalid JSON"),
        (b'{"at": 1, "text": "a", "temperature": 0}', "temperature: "),
        (b'{"at": 1, "text": "a", "model": "x"}', "model: Extra inputs"),
        (json.dumps({"at": 1, "text": "a" * (LONGEST_TEXT + 1)}).encode(), "text: String"),
    ],
)
def test_requests_that_the_page_does_not_make_are_refused(body, what):
    with pytest.raises(InputError, match=what) as caught:
        parsed(PositionAsked, body)
    assert "Reload" not in str(caught.value)  # the address would ask the same again
