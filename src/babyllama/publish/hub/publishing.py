"""Publish models of a run, each in a repository of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

from huggingface_hub import HfApi

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.publish.choosing import chosen_model, models_with_folders, trained
from babyllama.publish.hub.contents import Contents, contents_of
from babyllama.publish.hub.failures import explaining
from babyllama.publish.hub.repositories import (
    Repository,
    account,
    find,
    other_content,
    refuse_wrong_name,
)
from babyllama.publish.hub.uploading import upload
from babyllama.runs.run import Model, Run, read_run
from babyllama.runs.undamaged import refuse_damaged

ALL = "all"
_NOTHING = "Nothing was uploaded."
_PARTLY = "Only a part was uploaded, or nothing."


def planned_models(
    folder: Path, repo: str, *, model: str | None = None
) -> Iterator[tuple[str, Contents]]:
    """What would be published, by repository. Asks no network.

    Args:
        repo: the repository's name; of all models, its beginning.
        model: a model of the run, or "all"; by default its only distilled student.

    Raises:
        InputError: a wrong name, no such model, or one that is not trained or damaged.
    """
    run = _read(folder)
    for name, each in _repositories(run, repo, model):
        yield name, contents_of(run, each, name)


def publish_models(
    folder: Path,
    repo: str,
    *,
    model: str | None = None,
    is_private: bool = False,
    confirm: Callable[[str], bool],
) -> Iterator[str]:
    """Publish models; gives the address of each once it is complete.

    Nothing is uploaded before every repository has been looked at and every question is answered.

    Args:
        repo, model: as in `planned_models`.
        is_private: whether new repositories are private; one that exists must be, too.
        confirm: given what would be replaced, asks whether to go on.

    Raises:
        InputError: as `planned_models`; or the hub cannot be reached, refuses, or holds something
            else and the answer is no.
    """
    run = _read(folder)
    chosen = list(_repositories(run, repo, model))
    api = HfApi(library_name="babyllama")
    with explaining(api.endpoint, repo, uploaded=_NOTHING):
        me = account(api)
    plans: list[tuple[Repository, Contents]] = []
    for short, each in chosen:
        name = short if "/" in short else f"{me['name']}/{short}"
        contents = contents_of(run, each, name)
        with explaining(api.endpoint, name, uploaded=_NOTHING):
            found = find(api, me, name, contents, is_private=is_private)
        _refuse_unconfirmed(found, contents, confirm)
        plans.append((found, contents))
    remarks = (remark for _, contents in plans for remark in contents.remarks)
    for remark in dict.fromkeys(remarks):  # models of one run have many in common
        print_status(f"  {remark}")
    for found, contents in plans:
        with explaining(api.endpoint, found.name, uploaded=_PARTLY):
            upload(api, found, contents, is_private=is_private)
        yield f"{api.endpoint}/{found.name}"


def _refuse_unconfirmed(
    found: Repository, contents: Contents, confirm: Callable[[str], bool]
) -> None:
    other = other_content(found, contents)
    if other and not confirm(other):
        raise InputError(f"{found.name} is left as it is", mend="Choose another --repo.")


def _read(folder: Path) -> Run:
    refuse_damaged(folder, "babyllama publish runs/mini --repo NAME")
    return read_run(folder)


def _repositories(run: Run, repo: str, model: str | None) -> Iterator[tuple[str, Model]]:
    """The repository of each chosen model."""
    refuse_wrong_name(repo)
    if model != ALL or run.model(ALL) is not None:
        yield repo, chosen_model(run, model)
        return
    for given in run.recipe.given:
        print_status(
            f"  {given} is not published: it was given to this run, which did not train it"
        )
    for each in models_with_folders(run):
        name = f"{repo}-{each.name}"
        refuse_wrong_name(name)
        yield name, trained(run, each)
