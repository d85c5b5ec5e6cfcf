"""Bring a repository on the hub to what it is to hold.

What the hub has already is recognised by its checksum, so an upload that was interrupted goes on: a
branch is complete or not begun, and large files are kept by the hub even before their commit.
"""

from collections.abc import Iterable, Mapping

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from babyllama.console import ProgressBar, format_bytes, print_status
from babyllama.errors import InputError
from babyllama.publish.hub.contents import MAIN, Contents, Upload
from babyllama.publish.hub.repositories import ATTRIBUTES, Files, Repository, lacking, tree

_LARGE = 2**20  # bytes; smaller files are uploaded with the commit


def upload(api: HfApi, repository: Repository, contents: Contents, *, is_private: bool) -> None:
    """Create the repository if necessary, and complete every branch. Other files in it stay.

    Raises:
        InputError: the new repository is public though it was to be private.
    """
    name = repository.name
    if repository.is_private is None:
        _create(api, name, is_private=is_private)
    for other in repository.others:
        print_status(f"  the branch {other} is kept: this model has no checkpoint of that name")
    for branch in contents.branches:
        if branch not in (MAIN, *repository.branches):
            api.create_branch(name, branch=branch, exist_ok=True)
    for branch, files in contents.branches.items():
        _complete(api, name, branch, files, repository.branches.get(branch))


def _create(api: HfApi, name: str, *, is_private: bool) -> None:
    api.create_repo(name, private=is_private or None)  # None: as the organisation prefers
    made_private = bool(api.repo_info(name).private)
    if is_private and not made_private:
        raise InputError(
            f"{name} was created, but the hub made it public", why="Nothing was uploaded.",
            mend=f"Make it private in its settings: {api.endpoint}/{name}/settings",
        )  # fmt: skip
    seen = "private" if made_private else "public: everybody can read it"
    print_status(f"{name} is created, {seen}")


def _complete(
    api: HfApi, name: str, branch: str, files: Mapping[str, Upload], found: Files | None
) -> None:
    """Commit to a branch what it lacks. A new branch keeps nothing of `main`, where it began."""
    is_new = found is None
    there = tree(api, name, branch) if found is None else found
    missing = lacking(there, files)
    surplus = [path for path in there if is_new and path not in files and path != ATTRIBUTES]
    if not missing and not surplus:
        print_status(f"{name}, {branch}: complete")
        return
    size = format_bytes(sum(each.size for each in missing.values()))
    kept = f", {len(files) - len(missing)} are there" if len(missing) < len(files) else ""
    print_status(f"{name}, {branch}: {len(missing)} files to upload ({size}){kept}")
    added = {path: _addition(path, each) for path, each in missing.items()}
    _upload_large(api, name, branch, added.values())
    api.create_commit(
        name,
        operations=[*added.values(), *map(CommitOperationDelete, surplus)],
        commit_message=f"{'Model' if branch == MAIN else branch} by babyllama",
        revision=branch,
    )


def _addition(path: str, upload: Upload) -> CommitOperationAdd:
    source = upload.source
    return CommitOperationAdd(path, source if isinstance(source, bytes) else str(source))


def _upload_large(
    api: HfApi, name: str, branch: str, additions: Iterable[CommitOperationAdd]
) -> None:
    """Upload large files one by one, so that those that are finished need no second upload."""
    large = [each for each in additions if each.upload_info.size >= _LARGE]
    total = sum(each.upload_info.size for each in large)
    with ProgressBar(branch, total, "B") as progress:
        for each in large:
            size = each.upload_info.size
            progress.advance(0, note=f"{each.path_in_repo}, {format_bytes(size)}")
            api.preupload_lfs_files(name, additions=[each], revision=branch)
            progress.advance(size)
