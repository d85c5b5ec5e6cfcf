"""A server that stands in for the Hugging Face hub: as much of its HTTP interface as is used.

It keeps every byte that it is sent, so that tests read back what was uploaded. Large files come by
plain LFS: set `HF_HUB_DISABLE_XET`, since the library does not ask whether a hub has Xet.
"""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from local_server import serving

LFS = (".safetensors", ".bin")
ATTRIBUTES = b"*.safetensors filter=lfs\n"  # the hub's own file in a new repository


@dataclass(frozen=True)
class Blob:
    """A file of a commit."""

    data: bytes
    is_lfs: bool = False

    @property
    def sha1(self):
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class StoredRepository:
    """Branches as lists of (id, files by path), the newest commit first."""

    private: bool
    branches: dict = field(default_factory=dict)

    def commit(self, branch, files):
        before = self.branches.get(branch, [])
        commit = hashlib.sha1(repr((branch, len(before), sorted(files))).encode()).hexdigest()
        self.branches[branch] = [(commit, files), *before]
        return commit

    def files(self, branch):
        return {path: blob.data for path, blob in self.branches[branch][0][1].items()}


@dataclass
class Hub:
    """What the stand-in has and does.

    Attributes:
        user: to whom the token `hf_good` belongs. role: of that token.
        requests: "METHOD path" of every request.
        answers: for tests of failures: by "METHOD path" (a pattern), a status and a message.
        pages: by "METHOD path", a page that something between us and the hub shows instead.
        stop_at: the number of the request at which it refuses to go on, from 1.
        uploads: the sha256 of every large file that was sent.
    """

    user: str = "tester"
    orgs: tuple = ("lab",)
    role: str = "write"
    endpoint: str = ""
    repositories: dict = field(default_factory=dict)
    large: dict = field(default_factory=dict)
    uploads: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)
    pages: dict = field(default_factory=dict)
    stop_at: int | None = None

    def create(self, name, *, private=False, files=None):
        """Create a repository, with files in `main`."""
        made = self.repositories[name] = StoredRepository(private)
        made.commit("main", {".gitattributes": Blob(ATTRIBUTES)})
        if files:
            new = {path: Blob(data) for path, data in files.items()}
            made.commit("main", made.branches["main"][0][1] | new)
        return made


@contextmanager
def running():
    """A hub, until the block ends."""
    hub = Hub()
    with serving(_Handler, hub=hub) as hub.endpoint:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self):
        self._answer("GET")

    def do_HEAD(self):
        self._answer("HEAD")

    def do_POST(self):
        self._answer("POST")

    def do_PUT(self):
        self._answer("PUT")

    def _answer(self, method):
        self._body = self._read()
        path = unquote(urlsplit(self.path).path)
        request = f"{method} {path}"
        self.hub.requests.append(request)
        if len(self.hub.requests) == self.hub.stop_at:
            return self._send(418, {"error": "stopped by the test"})  # not tried again
        if request in self.hub.pages:
            return self._send(200, self.hub.pages[request])
        for pattern, (status, said) in self.hub.answers.items():
            if re.fullmatch(pattern, request):
                return self._send(status, {"error": said})
        for pattern, reply in _ROUTES:
            if found := re.fullmatch(pattern, request):
                return reply(self, *found.groups())
        return self._send(404, {"error": f"the stand-in does not know {request}"})

    def _read(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status, content, **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": len(data)} | headers
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _repository(self, name):
        found = self.hub.repositories.get(name)
        if found is None:
            self._send(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        return found

    def _commits(self, name, branch):
        """The commits of a branch, or those up to one; None once an error is answered."""
        repository = self._repository(name)
        if repository is None:
            return None
        if branch in repository.branches:
            return repository.branches[branch]
        for commits in repository.branches.values():
            for number, (commit, _) in enumerate(commits):
                if commit == branch:
                    return commits[number:]
        self._send(404, {"error": "Invalid rev id"}, X_Error_Code="RevisionNotFound")
        return None

    def _may_write(self, name):
        if name.partition("/")[0] in (self.hub.user, *self.hub.orgs):
            return True
        self._send(403, {"error": "You don't have the rights"})
        return False

    def whoami(self):
        if self.headers.get("Authorization") != "Bearer hf_good":
            return self._send(401, {"error": "Invalid credentials in Authorization header"})
        orgs = [{"name": each, "type": "org"} for each in self.hub.orgs]
        auth = {"type": "access_token", "accessToken": {"role": self.hub.role}}
        found = {"type": "user", "name": self.hub.user, "orgs": orgs, "auth": auth}
        return self._send(200, found)

    def info(self, name, revision="main"):
        commits = self._commits(name, revision or "main")
        if commits is None:
            return None
        found = self.hub.repositories[name]
        files = [{"rfilename": path} for path in commits[0][1]]
        return self._send(
            200,
            {"_id": "1", "id": name, "modelId": name, "private": found.private, "tags": [],
             "sha": commits[0][0], "siblings": files, "downloads": 0, "likes": 0},
        )  # fmt: skip

    def create(self):
        asked = json.loads(self._body)
        name = f"{asked.get('organization') or self.hub.user}/{asked['name']}"
        if name in self.hub.repositories:
            return self._send(409, {"error": "You already created this model repo"})
        if not self._may_write(name):
            return None
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.create(name, private=private)
        return self._send(200, {"url": f"{self.hub.endpoint}/{name}", "name": name, "id": "1"})

    def refs(self, name):
        if repository := self._repository(name):
            branches = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": commits[0][0]}
                for branch, commits in repository.branches.items()
            ]
            self._send(200, {"branches": branches, "tags": [], "converts": []})

    def commits(self, name, branch):
        if commits := self._commits(name, branch):
            common = {"authors": [], "date": "2026-01-01T00:00:00.000Z", "title": "", "message": ""}
            self._send(200, [{"id": commit} | common for commit, _ in commits])

    def tree(self, name, branch):
        if commits := self._commits(name, branch):
            files = []
            for path, blob in commits[0][1].items():
                size = len(blob.data)
                file = {"type": "file", "path": path, "size": size, "oid": blob.sha1}
                if blob.is_lfs:
                    file["lfs"] = {"oid": blob.sha256, "size": size, "pointerSize": 134}
                files.append(file)
            self._send(200, files)

    def branch(self, name, branch):
        repository = self._repository(name)
        if repository is None or not self._may_write(name):
            return None
        if branch in repository.branches:
            return self._send(409, {"error": "Reference already exists"})
        repository.branches[branch] = list(repository.branches["main"])
        return self._send(200, {})

    def validate(self):
        text = json.loads(self._body)["content"]
        if "license: wrong" in text:
            errors = [{"message": '"license" must be one of a list'}]
            return self._send(400, {"errors": errors, "warnings": []})
        return self._send(200, {"errors": [], "warnings": []})

    def preupload(self, name, branch):
        commits = self._commits(name, branch)
        if commits is None or not self._may_write(name):
            return None
        files = [
            {"path": each["path"], "shouldIgnore": False,
             "uploadMode": "lfs" if each["path"].endswith(LFS) else "regular"}
            for each in json.loads(self._body)["files"]
        ]  # fmt: skip
        return self._send(200, {"files": files})

    def batch(self, name):
        if not self._may_write(name):
            return None
        objects = []
        for each in json.loads(self._body)["objects"]:
            known = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] not in self.hub.large:
                href = f"{self.hub.endpoint}/lfs/{each['oid']}"
                known["actions"] = {"upload": {"href": href}}
            objects.append(known)
        return self._send(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid):
        assert hashlib.sha256(self._body).hexdigest() == oid
        self.hub.uploads.append(oid)
        self.hub.large[oid] = self._body
        self._send(200, {})

    def commit(self, name, branch):
        commits = self._commits(name, branch)
        if commits is None or not self._may_write(name):
            return None
        files = dict(commits[0][1])
        for line in self._body.splitlines():
            key, value = (json.loads(line)[part] for part in ("key", "value"))
            if key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]))
            elif key == "lfsFile":
                files[value["path"]] = Blob(self.hub.large[value["oid"]], is_lfs=True)
            elif key == "deletedFile":
                del files[value["path"]]
        commit = self.hub.repositories[name].commit(branch, files)
        url = f"{self.hub.endpoint}/{name}/commit/{commit}"
        return self._send(200, {"commitUrl": url, "commitOid": commit})

    def resolve(self, name, revision, path):
        commits = self._commits(name, revision)
        if not commits:
            return None
        blob = commits[0][1].get(path)
        if blob is None:
            return self._send(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
        etag = blob.sha256 if blob.is_lfs else blob.sha1
        return self._send(200, blob.data, ETag=f'"{etag}"', X_Repo_Commit=commits[0][0])


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES = [
    (r"GET /api/whoami-v2", _Handler.whoami),
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"GET /api/models/{_NAME}", _Handler.info),
    (rf"GET /api/models/{_NAME}/revision/([\w.-]+)", _Handler.info),
    (rf"GET /api/models/{_NAME}/refs", _Handler.refs),
    (rf"GET /api/models/{_NAME}/commits/([\w.-]+)", _Handler.commits),
    (rf"GET /api/models/{_NAME}/tree/([\w.-]+)", _Handler.tree),
    (rf"POST /api/models/{_NAME}/branch/([\w.-]+)", _Handler.branch),
    (rf"POST /api/models/{_NAME}/preupload/([\w.-]+)", _Handler.preupload),
    (rf"POST /api/models/{_NAME}/commit/([\w.-]+)", _Handler.commit),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /lfs/(\w+)", _Handler.upload),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/([\w.-]+)/(.+)", _Handler.resolve),
]
