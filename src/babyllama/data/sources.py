"""Find the texts of a corpus, and say what lies beside them.

    SRC/train/DOMAIN.train   or .txt or .train.txt, and these with .gz, .bz2, .xz or .zst
    SRC/dev/DOMAIN.dev       or .txt or .dev.txt, likewise; the folder may also be called valid/

A folder without `train/` has its training texts directly in it, and its dev texts beside them
(DOMAIN.dev, DOMAIN.dev.txt) or in `dev/`. A single file is a corpus of one domain. Nothing is left
out without being listed, and a name that contradicts its place is refused. `raw_text` reads the
files, `cleaning` cleans them.
"""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import yaml

from babyllama.data.file_names import SPLITS, FileName, parse_name, table_suffix
from babyllama.errors import InputError, command, listed, quoted, unreadable
from babyllama.runs.files import refuse_unprintable_name
from babyllama.runs.git_lfs import refuse_pointer
from babyllama.runs.manifests import read_manifest

Split = Literal["train", "dev"]

NAME_COLUMN = (
    "If the text is in a column of tables, name it. In a recipe: corpus.source: {kind: table, "
    "path: SRC, column: NAME}. Without one: babyllama corpus clean SRC OUT --column NAME"
)
DEV_FOLDERS = tuple(name for name, split in SPLITS.items() if split == "dev")


@dataclass(frozen=True)
class Domain:
    """One file of one split. Its name without suffixes selects its cleaner."""

    name: str
    path: Path


@dataclass(frozen=True)
class LeftOut:
    """A file or folder of a corpus that is not read, and the reason."""

    name: str
    why: str


@dataclass(frozen=True)
class Source:
    """The files of a corpus.

    Attributes:
        train: never empty.
        dev: empty if there are no dev texts: the ends of the training texts then become dev.
        left_out: the files and folders that are not read, with the reasons.
        reading: 1 if all versions of this package read these files as the same text; 2 if the
            first releases did not know these names and read other text or trained on dev text; 3
            if some are compressed with zstd, which later ones left out.
    """

    train: tuple[Domain, ...]
    dev: tuple[Domain, ...]
    left_out: tuple[LeftOut, ...] = ()
    reading: int = 1


def read_source(path: Path) -> Source:
    """List the domains of both splits, sorted by name. No file is opened.

    Raises:
        InputError: the path does not exist or is no folder or regular file, it is a table or a zip,
            there is no text, a link is broken, two files of a split have the same domain, or a
            file's name says that it belongs elsewhere.
    """
    if not path.exists():
        raise InputError(
            f"{path} does not exist",
            why="A corpus is a folder with train/ and dev/, a folder of .txt files, or one file.",
            mend="Check the path. Relative paths start at the current folder.",
        )
    if path.is_file():
        refuse_unprintable_name(path)
        _refuse_packed(path)
        name = parse_name(path.name)
        reading = 2 if name.is_new and name.marks_split else 1
        return Source((Domain(name.domain, path),), (), (), reading)
    if not path.is_dir():
        raise InputError(
            f"{path} is neither a folder nor a regular file",
            why="Its text can be read only once, so nothing could be checked or made again.",
            mend="Write the text to a file first.",
        )
    files, folders = _entries(path)
    found = (_nested if "train" in folders else _flat)(path, files, folders)
    is_zstd = any(each.path.suffix.lower() == ".zst" for each in (*found.train, *found.dev))
    return replace(found, reading=3) if is_zstd else found


def read_split(folder: Path, split: Split) -> list[Domain]:
    """The domains of one split, as `read_source` lists them.

    Raises:
        InputError: what `read_source` raises.
    """
    source = read_source(folder)
    return list(source.train if split == "train" else source.dev)


def read_dev(path: Path) -> tuple[Domain, ...]:
    """The dev text of a corpus; a file, or a folder of dev text without train/ beside it.

    Raises:
        InputError: there is none; what `read_source` raises.
    """
    if path.is_dir():
        files, folders = _entries(path)
        if not {"train", *DEV_FOLDERS} & set(folders) and not any(
            file.split == "train" for file in files
        ):
            return _read_folder(path, "dev").dev
    source = read_source(path)
    found = source.dev or (source.train if path.is_file() else ())
    if not found:
        raise InputError(f"{path} has no dev text", mend="Name a folder with dev text: --dev DIR")
    return found


def clean_files(corpus: Path, split: Split) -> list[Path]:
    """The files of a split of a clean corpus, in the order in which they are read.

    Returns:
        an empty list if the split has none.

    Raises:
        InputError: there is no corpus; a text that is not clean, a broken link, or a git-lfs
            pointer lies beside them.
    """
    if not corpus.exists():
        raise InputError(f"{corpus} does not exist", mend="Check the path.")
    folder = corpus / split
    files, _ = _entries(folder) if folder.is_dir() else ([], [])
    for file in files:
        if file.split != "other" and not file.name.endswith(".txt"):
            raise InputError(
                f"{folder / file.name} is not a text of a clean corpus",
                why=f"Only {split}/*.txt is read, so it would be left out.",
                mend=f"Clean the raw text: {command('corpus', 'clean', corpus, 'OUT')}",
            )
    paths = [folder / file.name for file in files if file.split != "other"]
    for path in paths:
        refuse_pointer(path)
    return paths


def broken_link(path: Path) -> InputError:
    """The error for a link to a file that is gone."""
    return InputError(
        f"{path} is a broken link",
        why=f"It points to {os.readlink(path)}, which does not exist.",
        mend="Restore that file, or remove the link.",
    )


def left_out_in_words(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """One line for each reason; it lists a few names."""
    for why, group in groupby(sorted(left_out, key=lambda each: each.why), lambda each: each.why):
        yield f"left out: {listed([each.name for each in group], 5)} ({why})"


def _refuse_packed(path: Path) -> None:
    """Refuse files whose text must be gathered first."""
    is_zip = path.suffix.lower() == ".zip"
    if is_zip or table_suffix(path.name):
        clean = command("corpus", "clean", path, "OUT", *([] if is_zip else ["--column", "text"]))
        raise InputError(
            f"{path} is a {'zip' if is_zip else 'table'}, not plain text",
            why="Its text is taken out of it when it is cleaned.",
            mend=f"Clean it first: {clean}" if is_zip else _as_table(path, clean),
        )


def _as_table(path: Path, clean: str) -> str:
    tree = yaml.safe_dump({"kind": "table", "path": str(path)}, default_flow_style=True)
    setting = quoted(f"corpus.source={tree.strip()}")
    return f"In a run: --set {setting}\n  Without one: {clean}"


def _nested(folder: Path, files: list[FileName], folders: list[str]) -> Source:
    """A corpus with train/, and dev/ or not; what lies beside them is not read."""
    misplaced = next((file for file in files if file.split in ("train", "dev")), None)
    if misplaced:
        raise InputError(
            f"{folder} holds train/ and the {misplaced.split} text {misplaced.name} beside it",
            why="Only the texts in train/ and dev/ are read, so this one would be left out.",
            mend=f"Move it into {misplaced.split}/, or out of {folder}.",
        )
    train = _read_folder(folder / "train", "train")
    dev = _read_dev_folder(folder, folders)
    is_ours = read_manifest(folder) is not None  # it lists its own files
    beside = [] if is_ours else [LeftOut(file.name, "beside train/") for file in files]
    others = [name for name in folders if name != "train" and not _is_dev(name)]
    beside += [] if is_ours else [_left_out_folder(name) for name in others]
    return Source(
        train.train,
        dev.dev,
        (*beside, *train.left_out, *dev.left_out),
        max(train.reading, dev.reading),
    )


def _flat(folder: Path, files: list[FileName], folders: list[str]) -> Source:
    """A corpus with its training texts directly in the folder."""
    train = [file for file in files if file.split in ("text", "train")]
    if not train:
        raise _nothing_found(folder, files, folders, "train")
    looks_like_train = next((name for name in folders if name.lower().startswith("train")), None)
    if looks_like_train:
        raise InputError(
            f"{folder} holds {looks_like_train}/ and the text {train[0].name} beside it",
            why="Training texts are in a folder called train/, or directly in the corpus folder.",
            mend=f"Rename {looks_like_train} to train, or move the files away.",
        )
    dev = [file for file in files if file.split == "dev"]
    nested = _read_dev_folder(folder, folders)
    if dev and nested.dev:
        raise InputError(
            f"{folder} holds dev texts twice: {dev[0].name} and "
            f"{nested.dev[0].path.parent.name}/{nested.dev[0].path.name}",
            mend="Keep those that are right, and move the others away.",
        )
    left_out = [LeftOut(file.name, file.why_left_out) for file in files if file.why_left_out]
    left_out += [_left_out_folder(name) for name in folders if not _is_dev(name)]
    is_new = nested.dev or any(file.is_new for file in files)
    return Source(
        tuple(_domains(folder, train)),
        tuple(_domains(folder, dev)) or nested.dev,
        (*left_out, *nested.left_out),
        2 if is_new else 1,
    )


def _is_dev(folder: str) -> bool:
    return folder.lower() in DEV_FOLDERS


def _read_dev_folder(folder: Path, folders: list[str]) -> Source:
    names = [name for name in folders if _is_dev(name)]
    if len(names) > 1:
        raise InputError(
            f"{folder} holds {names[0]}/ and {names[1]}/",
            why="Both names mean the dev split, and it is one folder.",
            mend="Keep one of them.",
        )
    if not names:
        return Source((), ())
    dev = _read_folder(folder / names[0], "dev")
    return dev if names[0] == "dev" else Source((), dev.dev, dev.left_out, 2)


def _read_folder(folder: Path, split: Split) -> Source:
    """Read the texts of a split's own folder; the names of its files must not say otherwise."""
    files, folders = _entries(folder)
    for file in files:
        if file.marks_split and file.split not in (split, "other"):
            raise InputError(
                f"{folder / file.name} is {file.split} text by its name, but {folder.name}/ is for "
                f"{split} text",
                why="Text that is tested on must not be trained on.",
                mend=f"Move it, or call it {file.domain}.txt if it is {split} text.",
            )
    texts = [file for file in files if file.split != "other"]
    if not texts:
        raise _nothing_found(folder, files, folders, split)
    domains = tuple(_domains(folder, texts))
    left_out = [
        LeftOut(f"{folder.name}/{file.name}", file.why_left_out)
        for file in files
        if file not in texts
    ]
    left_out += [LeftOut(f"{folder.name}/{name}/", "a subfolder") for name in folders]
    reading = 2 if any(file.is_new and file.marks_split for file in texts) else 1
    return Source(
        domains if split == "train" else (),
        domains if split == "dev" else (),
        tuple(left_out),
        reading,
    )


def _entries(folder: Path) -> tuple[list[FileName], list[str]]:
    """The visible files and the subfolders of a folder, sorted.

    Raises:
        InputError: the folder cannot be listed, or holds a broken link.
    """
    files, folders = [], []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from None
    for path in paths:
        if path.is_dir():
            folders += [] if path.name.startswith(".") else [path.name]
        elif path.is_symlink() and not path.exists() and not path.name.startswith("."):
            raise broken_link(path)
        elif path.is_file() or not path.name.startswith("."):
            files.append(parse_name(path.name, is_regular=path.is_file()))
    return files, folders


def _domains(folder: Path, files: list[FileName]) -> Iterator[Domain]:
    """The domains of texts, sorted by name.

    Raises:
        InputError: two files have the same domain, or differ in upper and lower case alone; a name
            is not Unicode, or names two splits.
    """
    found: dict[str, FileName] = {}
    for file in files:
        refuse_unprintable_name(folder / file.name)
        if parse_name(f"{file.domain}.txt").marks_split:
            raise InputError(
                f"{folder / file.name} names two splits",
                mend="Keep one of them in its name, as in DOMAIN.train.txt.",
            )
        other = found.setdefault(unicodedata.normalize("NFC", file.domain.casefold()), file)
        if other is not file:
            raise InputError(
                f"{folder} holds the domain {file.domain} twice: {other.name} and {file.name}",
                why="A domain is one file in each split. Upper and lower case do not count.",
                mend="Rename or remove one of them.",
            )
    for file in sorted(files, key=lambda each: each.domain):
        yield Domain(file.domain, folder / file.name)


def _left_out_folder(name: str) -> LeftOut:
    is_test = name.lower() == "test"
    return LeftOut(f"{name}/", "test text is not used" if is_test else "a subfolder")


def _nothing_found(
    folder: Path, files: list[FileName], folders: list[str], split: Split
) -> InputError:
    names = sorted([*(file.name for file in files), *(f"{name}/" for name in folders)])
    mend = (
        "Name the texts train/DOMAIN.txt and dev/DOMAIN.txt. Rename folders such as train_10M to "
        "train."
    )
    below = (
        " Or read the folders below it: babyllama corpus clean SRC OUT --nested, or "
        "corpus.source.nested: true in a recipe."
    )
    mend += below if folders else ""
    if any(table_suffix(file.name) for file in files):
        mend = NAME_COLUMN
    return InputError(
        f"{folder} holds no text",
        why=f"Expected *.{split} or *.txt or *.{split}.txt, or .gz, .bz2, .xz or .zst of "
        f"these; found {listed(names) or 'nothing'}.",
        mend=mend,
    )
