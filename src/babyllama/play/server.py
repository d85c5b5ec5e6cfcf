"""The page's server, on this machine only: the files of `page/`, and how far loading is.

It imports nothing heavy, and starts before the models are loaded: see `opening`. `endpoints` has
the answers.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.console import send_output_to
from babyllama.errors import InputError
from babyllama.play.opening import Opening, as_json

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from babyllama.play.models import Cast

HOST = "127.0.0.1"
_PAGE = Path(__file__).parent / "page"
_PORTS = 20  # how many ports are tried
_SECONDS_BETWEEN_LOOKS = 0.05  # at how far loading is
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # another run may be shown at the same address later
}


def refuse_missing_packages() -> None:
    """Check that the libraries of the extra are installed.

    Raises:
        InputError: names the extra.
    """
    try:
        import starlette
        import uvicorn
    except ImportError as error:
        raise InputError(
            f"play needs {error.name}, which is not installed",
            why="It is an optional dependency.",
            mend="Run: pip install 'babyllama[play]'",
        ) from None
    del starlette, uvicorn


@contextmanager
def serving(opening: Opening, listening: socket.socket) -> Iterator[threading.Event]:
    """Answer in a thread of its own until the block ends; the event is set when it has ended.

    The page is told why the block failed before the server ends.

    Args:
        listening: see `bound`. It is closed at the end.
    """
    server = server_of(opening)
    # Loaded here, since the imports of the block would hold up those of the thread.
    server.config.load()
    ended = threading.Event()

    def answer() -> None:
        try:
            server.run(sockets=[listening])
        finally:
            ended.set()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield ended
    except Exception as error:
        opening.fault = error if isinstance(error, InputError) else _unknown()
        raise
    finally:
        opening.is_closed = True
        server.should_exit = True
        thread.join()
        listening.close()


def answer_with(cast: "Cast", opening: Opening, ended: threading.Event) -> None:
    """Answer from these models until Ctrl-C or SIGTERM, which are exceptions here.

    Args:
        ended: of `serving`.
    """
    from babyllama.play.endpoints import endpoints

    send_output_to(_drop)  # progress and status of each answer would fill the terminal
    try:
        opening.answers = endpoints(cast, opening)
        ended.wait()
    finally:
        send_output_to(None)


def _drop(_message: object) -> None:
    """Show nothing: what matters is in the answer."""


def _unknown() -> InputError:
    return InputError("the models could not be loaded", mend="The terminal says why.")


def server_of(opening: Opening) -> "uvicorn.Server":
    """The server, which does not listen yet."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            application(opening),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,  # for whoever is reading what models write
        )
    )


def bound(port: int) -> socket.socket:
    """A socket at the first free port from this one on; at any free one for port 0.

    Raises:
        InputError: none is free, or this machine allows none of them.
    """
    last = min(port + _PORTS, 65_536) if port else 1
    fault = ""
    for each in range(port, last):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, each))
            listening.listen()
            return listening
        except OSError as error:
            listening.close()
            fault = error.strerror or str(error)
    raise InputError(
        f"--port {port}: no port from {port} to {last - 1} can be used",
        why=f"The last one: {fault}.",
        mend="Choose another: --port 9000",
    )


def application(opening: Opening) -> "Starlette":
    """The page and its answers as an ASGI application."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import StreamingResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    async def of_loading(_request: "Request") -> "Response":
        return StreamingResponse(_progress(opening), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/api/loading", of_loading),
            Mount("/api", opening),
            Mount("/", StaticFiles(directory=_PAGE, html=True)),
        ],
        middleware=[
            Middleware(_WithHeaders),
            # Another site's page may have a name that leads to this machine.
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
        ],
    )


async def _progress(opening: Opening) -> AsyncIterator[str]:
    """What is being loaded, as server-sent events until nothing is; the last may be a fault."""
    told = ""
    while not opening.is_over:
        if opening.doing != told:
            told = opening.doing
            yield _event({"doing": told})
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
    if opening.fault is not None:
        yield _event({"fault": as_json(opening.fault)})
    if opening.fault is not None or opening.answers is not None:
        yield "event: end\ndata: {}\n\n"


def _event(content: object) -> str:
    return f"data: {json.dumps(content)}\n\n"


class _WithHeaders:
    """Adds the same headers to every response."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                more = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *more]
            await send(message)

        await self._app(scope, receive, with_headers)
