"""A server on this machine, which the library of the Hugging Face hub can be told to ask."""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from huggingface_hub import constants


@contextmanager
def serving(handler, **attributes):
    """A server, until the block ends; its address.

    Args:
        handler: a BaseHTTPRequestHandler.
        attributes: that it gets besides.
    """
    keeps_connections = {"protocol_version": "HTTP/1.1", "disable_nagle_algorithm": True}
    quiet = {"log_message": lambda *_: None}
    made = type("Made", (handler,), keeps_connections | quiet | attributes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), made)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def be_the_hub(endpoint, monkeypatch):
    """Let the library take a server for the hub."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    of_files = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", of_files)
