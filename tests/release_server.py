"""A server of files that can drop connections, lie about lengths and ranges, and want a token."""

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from local_server import serving

from babyllama.data.releases.known import Archive, Release, ReleaseFile

TOKEN = "hf_good"


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def official(name, data, kind="sha256", *, size=True):
    """A file of a release, as `releases.yaml` would describe these bytes."""
    value = hashlib.sha256(data).hexdigest() if kind == "sha256" else git_blob(data)
    return ReleaseFile(
        name=name, bytes=len(data) if size else None, **({kind: value} if kind else {})
    )


def hub_release(name, files):
    return Release(
        name=name, title="Small", repository="Org/Repo", revision="r1", files=tuple(files)
    )


def zipped_release(name, files, address="", **archive):
    found = Archive(name="text.zip", address=address, folder="inner", page="https://p", **archive)
    return Release(name=name, title="Zipped", archive=found, files=tuple(files))


@dataclass
class Server:
    """What it has, and what it does wrong.

    Attributes:
        files: bytes by path.
        faults: by path, what the next answers do wrong, in order; then they are right. A number is
            a status, an address where else the file is.
        seen: (path, Range, Authorization) of every request.
    """

    files: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    seen: list = field(default_factory=list)
    endpoint: str = ""
    is_gated: bool = False

    def ranges(self):
        return [each[1] for each in self.seen]


@contextmanager
def running():
    """A server, until the block ends."""
    server = Server()
    with serving(_Handler, ours=server) as server.endpoint:
        yield server


class _Handler(BaseHTTPRequestHandler):
    ours: Server

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        asked, token = self.headers.get("Range"), self.headers.get("Authorization")
        self.ours.seen.append((path, asked, token))
        if self.ours.is_gated and token != f"Bearer {TOKEN}":
            return self._send(401, b"", {"X-Error-Code": "GatedRepo"})
        fault = self.ours.faults.get(path) or [""]
        fault = fault.pop(0) if fault[0] else ""
        if isinstance(fault, int):
            return self._send(fault, b"{}", {})
        if fault.startswith("http"):
            return self._send(302, b"", {"Location": fault})
        data = self.ours.files.get(path)
        if data is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        if not isinstance(data, bytes):
            return self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})
        start = int(asked[6:-1]) if asked and fault != "ignores the range" else 0
        if asked and start >= len(data):
            return self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        body = data[start:]
        if fault == "other bytes":
            body = bytes(byte ^ 1 for byte in body)
        if fault == "more":
            body += b"and more"
        if fault == "half":  # and says that this is all
            body = body[: len(body) // 2]
        told = start
        if fault == "another range":  # all from the beginning, and it says so
            told, body = 0, data[:-start]
        headers = {"Content-Range": f"bytes {told}-{len(data) - 1}/{len(data)}"} if start else {}
        status = 206 if start else 200
        if fault == "drops":  # says the right length and closes half-way
            return self._send(status, body[: len(body) // 2], headers, length=len(body))
        return self._send(status, body, headers)

    def _send(self, status, body, headers, length=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length is not None
