"""Find and replace in texts what identifies a machine or a person.

Configurations (JSON) are read by programs, so only full paths of this machine, home folders, tokens
and the values of fields such as `_name_or_path` are replaced in them. In texts for people every
full path is, and names of this machine and its user are. A name that is a word of the recipe or of
our own reports is let through: it would be in the text of every machine.
"""

import getpass
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import get_token

from babyllama import report

# The rest of a path, up to a mark or, in HTML, a quoted one.
_REST = r"(?:(?!&(?:quot|lt|gt|#x?\w+);)[^\s\"'`<>|,;()\[\]{}])+"
_HOMES = re.compile(rf"(?:/home/|/Users/|/root/|\b[A-Za-z]:\\+Users\\+){_REST}")
_PATH = re.compile(rf"(?:\bfile://|(?<![^\s\"'`=(>:;,\[{{]))/[\w.@+-]+/{_REST}")
# A field of a configuration that names a file or folder, such as "_name_or_path".
_FIELD = re.compile(r'("\w*(?:path|dir|file|folder)":\s*")(?:/|~|\.\.|[A-Za-z]:)[^"]*')
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
# Users and hosts of containers and services: they identify nobody.
_ORDINARY = {
    "admin", "app", "build", "daemon", "docker", "home", "host", "jovyan", "local", "localhost",
    "model", "nobody", "node", "none", "root", "run", "runner", "test", "ubuntu", "user", "users",
    "vscode", "worker",
}  # fmt: skip
_SHORTEST_NAME, _SHORTEST_PATH = 3, 6
_WORD = re.compile(r"[\w-]+|\w+")


@dataclass(frozen=True)
class Private:
    """What must not leave this machine.

    Attributes:
        paths: folders, by their full names, longest first.
        names: of users and hosts, each with the word that replaces it.
        token: of the hub; "" if there is none.
    """

    paths: tuple[str, ...]
    names: Mapping[str, str]
    token: str = ""

    def cleaned(self, text: str) -> str:
        """A configuration with PATH and TOKEN in the places of what is private."""
        for path in self.paths:
            text = re.sub(rf"{re.escape(path)}(?:{_REST})?", "PATH", text)
        if self.token:
            text = text.replace(self.token, "TOKEN")
        return _TOKEN.sub("TOKEN", _HOMES.sub("PATH", _FIELD.sub(r"\1PATH", text)))

    def cleaned_prose(self, text: str) -> str:
        """A text for people with PATH, TOKEN, USER and HOST in the places of what is private."""
        text = _PATH.sub("PATH", self.cleaned(text))
        for name, instead in self.names.items():
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text)
        return text

    def found_in(self, data: bytes) -> str:
        """The first folder in some bytes, or "the token of the hub"; "" if there is neither."""
        if self.token and self.token.encode() in data:
            return "the token of the hub"
        return next((path for path in self.paths if path.encode() in data), "")


def private_here(folders: Iterable[Path], public: str) -> Private:
    """What is private on this machine.

    Args:
        folders: folders that are in use; their full names are private.
        public: a text that is published: names that are words of it are let through.
    """
    ordinary = _ORDINARY | {*_WORD.findall(public), *_WORD.findall(_reports())}
    known = [form for each in [*folders, Path.home()] for form in (each.absolute(), each.resolve())]
    paths = {str(each) for each in known}
    named = {_user(): "USER", Path.home().name: "USER", **dict.fromkeys(_hosts(), "HOST")}
    return Private(
        tuple(sorted((p for p in paths if len(p) >= _SHORTEST_PATH), key=len, reverse=True)),
        {
            name: instead
            for name, instead in sorted(named.items(), key=lambda item: -len(item[0]))
            if len(name) >= _SHORTEST_NAME and name not in ordinary
        },
        get_token() or "",
    )


def _reports() -> str:
    """The source of our reports, with all words that are in each of them."""
    package = Path(report.__file__).parent
    files = [path for path in sorted(package.rglob("*")) if path.suffix in (".py", ".j2")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without an entry, as in some containers
        return ""


def _hosts() -> set[str]:
    name = socket.gethostname()
    return {name, name.partition(".")[0]}
