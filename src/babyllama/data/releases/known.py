"""The releases and their files, as `releases.yaml` records them."""

import difflib
import re
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from babyllama.errors import InputError

_LANGUAGE = "XXX"  # stands for a language's code in the names of multilingual releases


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ReleaseFile(_Fact):
    """A file of a release.

    Attributes:
        name: below the folder into which the release is fetched.
        bytes: its size; None if nobody has published it.
        git: its git blob id, if that identifies it.
        sha256: if that identifies it.
    """

    name: str
    bytes: int | None = None
    git: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def has_hash(self) -> bool:
        """Whether its bytes can be checked."""
        return bool(self.git or self.sha256)


class Archive(_Fact):
    """A zip that holds the files of a release in `folder`; people find it on `page`."""

    name: str
    address: str
    folder: str
    page: str
    bytes: int | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Release(_Fact):
    """A release: its files come from a repository of the hub, or from an archive.

    Attributes:
        files: empty if only the hub knows them.
        unknown: what is not known of it, in words.
    """

    name: str
    title: str
    repository: str | None = None
    revision: str | None = None
    archive: Archive | None = None
    unknown: str = ""
    files: tuple[ReleaseFile, ...] = ()


@cache
def known_releases() -> dict[str, Release]:
    """All releases by name; a multilingual one has `XXX` in place of the language."""
    text = resources.files(__package__).joinpath("releases.yaml").read_text("utf-8")
    found = {}
    for name, facts in yaml.safe_load(text).items():
        files = tuple(ReleaseFile(**each) for each in facts.pop("files", ()))
        archive = facts.pop("archive", None)
        found[name] = Release(
            name=name, files=files, archive=Archive(**archive) if archive else None, **facts
        )
    return found


def release_named(name: str) -> Release:
    """A release by its name, such as `babylm-2026-strict-small` or `babybabellm-deu`.

    Raises:
        InputError: no release has this name; the message lists the names.
    """
    releases = known_releases()
    if name in releases and _LANGUAGE not in name:
        return releases[name]
    patterns = [each for each in releases if _LANGUAGE in each]
    for pattern in patterns:
        language = re.fullmatch(pattern.replace(_LANGUAGE, "([a-z]{3})"), name)
        release = releases[pattern]
        if language and release.repository:
            repository = release.repository.replace(_LANGUAGE, language[1])
            return release.model_copy(update={"name": name, "repository": repository})
    is_multilingual = any(name.startswith(each.partition(_LANGUAGE)[0]) for each in patterns)
    names = [] if is_multilingual else [each for each in releases if each not in patterns]
    near = difflib.get_close_matches(name, names, n=1)
    raise InputError(
        f"{name} is not a release that is known here",
        why=f"Known are {', '.join(releases)}; {_LANGUAGE} is a language's code of three letters, "
        "such as deu.",
        mend=f"Did you mean {near[0]}?" if near else "",
    )
