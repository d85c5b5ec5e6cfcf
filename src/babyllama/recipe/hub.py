"""A folder on this machine, or a commit of a repository on the Hugging Face hub."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from babyllama.recipe.base import Frozen

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class FolderOrHub(Frozen):
    """What is in a folder here or has a name on the hub."""

    path: str = Field(
        min_length=1,
        description="The folder, relative to the current folder; with `revision`, ORG/NAME on the "
        "hub.",
    )
    revision: str | None = Field(
        None,
        pattern="^[0-9a-f]{40}$",
        description="The commit of a name on the hub, 40 hexadecimal digits: a branch may change.",
    )

    @field_validator("revision")
    @classmethod
    def _has_name(cls, revision: str | None, info: Any) -> str | None:
        path = info.data.get("path", "")
        if revision is not None and not _NAME.fullmatch(path):
            raise ValueError(f"only a name on the hub, ORG/NAME, has one; path is {path!r}")
        return revision

    @property
    def local(self) -> Path | None:
        """The folder on this machine; None if it is on the hub."""
        return Path(self.path).expanduser() if self.revision is None else None
