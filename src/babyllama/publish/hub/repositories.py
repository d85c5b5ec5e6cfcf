"""Repositories on the hub before an upload: whose they are, and what would be replaced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from babyllama.errors import InputError, listed
from babyllama.publish.hub.contents import MAIN, Contents, Upload
from babyllama.recipe.names import words_of_checkpoint

ATTRIBUTES = ".gitattributes"  # the hub's own
Account = Mapping[str, Any]  # what the hub says of the owner of a token
Files = Mapping[str, RepoFile]  # by path


@dataclass(frozen=True)
class Repository:
    """A repository as the hub has it.

    Attributes:
        name: with its owner.
        is_private: None if there is no such repository yet.
        branches: the files of branches that have a commit of their own. A branch without one holds
            what `main` held when it was created, which nobody meant for it: it counts as missing.
        others: branches of checkpoints that the model does not have.
    """

    name: str
    is_private: bool | None = None
    branches: Mapping[str, Files] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def refuse_wrong_name(name: str) -> None:
    """Check a repository's name without asking the hub.

    Raises:
        InputError: the hub knows no such names.
    """
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise InputError(
            f"--repo {name or repr(name)} is not a name that the hub accepts",
            why="A name has letters A to Z and a to z, digits, `-`, `_` and `.`, at most 96 in "
            "all. It begins and ends with a letter or digit, has no `--` or `..`, and does not end "
            "in `.git`.",
            mend="Write NAME or ORGANISATION/NAME, for example --repo mini-distilled",
        ) from None


def account(api: HfApi) -> Account:
    """Whose token is used.

    Raises:
        InputError: a token that may only read.
    """
    found: Account = api.whoami()
    token = (found.get("auth") or {}).get("accessToken") or {}
    if token.get("role") == "read":
        raise InputError(
            f"the token of {found['name']} may only read",
            mend=f"Make one that may write: {api.endpoint}/settings/tokens",
        )
    return found


def find(api: HfApi, me: Account, name: str, contents: Contents, *, is_private: bool) -> Repository:
    """Ask the hub for a repository.

    Args:
        name: with its owner.
        contents: what it is to hold.
        is_private: whether it has to be private, if it exists.

    Raises:
        InputError: it exists and belongs to somebody else, or is public.
    """
    try:
        info = api.repo_info(name)
    except RepositoryNotFoundError:
        return Repository(name)
    _refuse_of_others(me, name)
    if is_private and not info.private:
        raise InputError(
            f"{name} exists and is public",
            why="--private is for new repositories. Nothing was uploaded.",
            mend="Choose another --repo, or make it private in its settings: "
            f"{api.endpoint}/{name}/settings",
        )
    heads = {each.name: each.target_commit for each in api.list_repo_refs(name).branches}
    of_main = {each.commit_id for each in api.list_repo_commits(name)} if MAIN in heads else set()
    branches = {
        branch: tree(api, name, branch)
        for branch, head in heads.items()
        if branch in contents.branches and (branch == MAIN or head not in of_main)
    }
    steps = [branch for branch in heads if words_of_checkpoint(branch) is not None]
    others = tuple(branch for branch in sorted(steps) if branch not in contents.branches)
    return Repository(name, bool(info.private), branches, others)


def tree(api: HfApi, name: str, branch: str) -> Files:
    """The files of a branch; none if it is empty or missing."""
    try:
        found = list(api.list_repo_tree(name, recursive=True, revision=branch))
    except (RevisionNotFoundError, EntryNotFoundError):
        return {}
    return {each.path: each for each in found if isinstance(each, RepoFile)}


def is_there(file: RepoFile | None, wanted: Upload) -> bool:
    """Whether a file of the hub has these bytes."""
    if file is None or file.size != wanted.size:
        return False
    return file.lfs.sha256 == wanted.sha256 if file.lfs else file.blob_id == wanted.blob


def lacking(found: Files, wanted: Mapping[str, Upload]) -> dict[str, Upload]:
    """The files that a branch does not have yet, or has with other bytes."""
    return {path: each for path, each in wanted.items() if not is_there(found.get(path), each)}


def other_content(repository: Repository, contents: Contents) -> str:
    """What an upload would replace or be mixed with, in words; "" if there is nothing.

    A branch that has all that it is to hold is not written, so other files in it do not matter.
    """
    named = list(_other_files(repository, contents))
    if not named:
        return ""
    return f"{repository.name} has other content: {listed(named, 5)}"


def _other_files(repository: Repository, contents: Contents) -> Iterator[str]:
    for branch, found in repository.branches.items():
        wanted = contents.branches[branch]
        to_write = lacking(found, wanted)
        for path in found if to_write else ():
            if path in to_write:
                yield f"{branch}/{path} (differs)"
            elif path not in wanted and path != ATTRIBUTES:
                yield f"{branch}/{path} (not of this model)"


def _refuse_of_others(me: Account, name: str) -> None:
    owner = name.partition("/")[0]
    if owner not in (me["name"], *(each.get("name") for each in me.get("orgs") or ())):
        raise InputError(
            f"{name} exists and is not yours: the token is of {me['name']}",
            mend=f"Choose a --repo of your own: {me['name']}/{name.partition('/')[2]}",
        )
