"""The server of `babyllama play` in this process, for tests that ask it."""

import json
import time
import urllib.request
from contextlib import contextmanager

from babyllama.play.opening import Opening
from babyllama.play.server import bound, serving


@contextmanager
def opened(opening):
    """The page before or after its models are loaded, until the block ends; its address."""
    listening = bound(0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with serving(opening, listening):
        yield address


@contextmanager
def playing(cast):
    """The page of some models, until the block ends; its address."""
    from babyllama.play.endpoints import endpoints

    opening = Opening()
    opening.answers = endpoints(cast, opening)
    with opened(opening) as address:
        yield address


def asked(address, name, **body):
    """The answer to a request."""
    request = urllib.request.Request(f"{address}/api/{name}", json.dumps(body).encode() or None)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def waited_for(claim, *, tries=2000):
    """Whether a claim holds, now or soon."""
    return any(claim() or time.sleep(0.01) for _ in range(tries))
