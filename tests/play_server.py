"""The server of `babyllama play` in this process, for tests that ask it."""

import threading
import time
from contextlib import contextmanager

from babyllama.play.server import bound, server_of


@contextmanager
def playing(cast):
    """The page of some models, until the block ends; its address."""
    listening = bound(0)
    server = server_of(cast)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def waited_for(claim, *, tries=2000):
    """Whether a claim holds, now or soon."""
    return any(claim() or time.sleep(0.01) for _ in range(tries))
