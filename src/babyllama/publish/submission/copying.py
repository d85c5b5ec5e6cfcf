"""A submission's folder: copies of a model's files that agree with the model's manifest.

The folder is written beside its place and takes its name when it is whole. The same command goes on
after a kill: what is there and has the right checksum is kept. Copies are not hard links, since an
edit of the submission would then change the run.
"""

import shutil
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from babyllama.errors import InputError
from babyllama.publish.choosing import Record
from babyllama.runs.artefact import partial_folder
from babyllama.runs.files import hash_file
from babyllama.runs.lock import locked

_MARK = ".submission"  # an unfinished folder that holds it is ours


def refuse_existing(out: Path) -> None:
    """Raise InputError if there is anything at `out`, be it a broken link."""
    if out.exists() or out.is_symlink():
        raise InputError(f"{out} already exists", mend="Choose a new folder.")


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """The folder in which a submission is made; it takes its name if nothing is raised.

    Raises:
        InputError: `out` exists, the unfinished folder is not ours, or another process writes it.
    """
    refuse_existing(out)
    partial = partial_folder(out)
    if partial.exists() and not (partial / _MARK).is_file() and any(partial.iterdir()):
        raise InputError(
            f"{partial} exists and is not an unfinished submission",
            why="A submission is written there first.",
            mend="Choose another --out, or remove that folder.",
        )
    with locked(partial, mend="choose another --out"):
        (partial / _MARK).touch()
        yield partial
        partial.rename(out)
    for hidden in out.glob(".*"):  # the lock and the mark
        hidden.unlink()


def copy_revisions(
    home: Path, out: Path, wanted: Mapping[str, Mapping[str, Record]], *, mend: str
) -> None:
    """Copy a model's files, and remove everything else from `out`.

    Args:
        wanted: by folder of `out`, the files to copy, relative to `home`, and their records.
        mend: how to make a damaged model again.

    Raises:
        InputError: a file is missing or differs from its record.
    """
    copies = {
        out / folder / PurePosixPath(name).name: (home / name, record)
        for folder, records in wanted.items()
        for name, record in records.items()
    }
    _remove_others(out, copies.keys(), wanted.keys())
    for copy, (source, record) in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy(source, copy, record, mend)


def _remove_others(out: Path, files: Set[Path], folders: Set[str]) -> None:
    """Remove what an earlier attempt left: of other options, or a file that a kill cut off."""
    for path in out.iterdir():
        if path.is_dir() and path.name not in folders:
            shutil.rmtree(path)
    for path in out.rglob("*"):
        is_ours = path.parent == out and path.name.startswith(".")  # the lock and the mark
        if path.is_file() and path not in files and not is_ours:
            path.unlink()


def _copy(source: Path, copy: Path, record: Record, mend: str) -> None:
    if copy.is_file() and _agrees(copy, record):
        return
    if not source.is_file():
        raise InputError(f"{source} is missing", why="Its manifest lists it.", mend=mend)
    shutil.copyfile(source, copy)
    if not _agrees(copy, record):
        copy.unlink()
        raise InputError(
            f"{source} differs from its manifest: checksum mismatch",
            why="It was changed or damaged after training, so it is not what was scored.",
            mend=mend,
        )


def _agrees(file: Path, record: Record) -> bool:
    same_size = file.stat().st_size == record.get("size")
    return same_size and hash_file(file) == record.get("sha256")
