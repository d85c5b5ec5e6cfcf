"""Read a dataset of the Hugging Face hub, or one in a folder, through `datasets`, as a stream.

No code of a dataset is ever run: `datasets` has not run any since its version 4, and a folder with
a loading script is refused by name.
"""

import importlib.util
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from babyllama.data.gathering.documents import Document, Reading
from babyllama.data.gathering.rows import (
    Row,
    documents_of_rows,
    not_text,
    refuse_missing_columns,
    wanted_columns,
)
from babyllama.data.sources import DEV_FOLDERS, Split
from babyllama.errors import InputError
from babyllama.recipe import HubSource
from babyllama.recipe.base import nearest

_DOMAIN = "text"  # of all rows, if no column says so


def read_dataset(source: HubSource) -> Reading:
    """Look at a dataset: its splits and its columns. Rows are read later, one at a time.

    Raises:
        InputError: `datasets` is missing; there is no such dataset, configuration, split or column;
            the dataset needs code of its own; it cannot be reached.
    """
    if importlib.util.find_spec("datasets") is None:
        raise InputError(
            f"the dataset {source.path} needs datasets, which is not installed",
            why="It is an optional dependency.",
            mend="Run: pip install 'babyllama[tables]'",
        )
    splits = _splits(source)
    dev = source.dev or next((name for name in DEV_FOLDERS if name in splits), None)
    chosen: list[tuple[str, Split | None]] = [(source.train, "train" if dev else None)]
    chosen += [(dev, "dev")] if dev else []
    for name, _ in chosen:
        _check_split(source, splits, name)
    skipped: Counter[str] = Counter()

    def documents() -> Iterator[Document]:
        for name, split in chosen:
            yield from documents_of_rows(
                _rows(source, splits[name], name), source, domain=_DOMAIN, split=split,
                skipped=skipped,
            )  # fmt: skip

    others = sorted(splits.keys() - {name for name, _ in chosen})
    notes = [f"split {name} is {split or 'train'} text" for name, split in chosen]
    notes += [f"splits that are not read: {', '.join(others)}"] if others else []
    return Reading(documents, has_dev=dev is not None, notes=tuple(notes), skipped=skipped)


def _splits(source: HubSource) -> dict[str, Any]:
    """The dataset's splits as streams, by name."""
    local = source.local
    if local is not None:
        _refuse_script(local)
        if (local / "dataset_dict.json").is_file() or (local / "state.json").is_file():
            return _saved(local, source.train)
    import datasets

    # It tells of each attempt to reach the hub; our message tells of the last.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    path = str(local) if local is not None else source.path
    with _explained(source):
        found = datasets.load_dataset(path, source.config, revision=source.revision, streaming=True)
    return dict(found)


def _saved(folder: Path, train: str) -> dict[str, Any]:
    """The splits of what `save_to_disk` wrote, mapped into memory as they are read."""
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} cannot be read as a saved dataset: {str(error)[:200]}",
            mend="Save it again with save_to_disk.",
        ) from None
    splits = found if isinstance(found, datasets.DatasetDict) else {train: found}
    return {name: each.to_iterable_dataset() for name, each in splits.items()}


def _refuse_script(folder: Path) -> None:
    """Check that a folder has no loading script: Python code with the folder's name."""
    script = folder / f"{folder.resolve().name}.py"
    if folder.suffix == ".py" or script.is_file():
        raise _needs_code(str(folder), script.name if script.is_file() else folder.name)


@contextmanager
def _explained(source: HubSource) -> Iterator[None]:
    """Turn the errors of `datasets` into messages for a user."""
    try:
        yield
    except Exception as error:  # its libraries raise dozens of kinds
        text = " ".join(str(error).split())[:300] or type(error).__name__
        if "scripts are no longer supported" in text or "trust_remote_code" in text:
            raise _needs_code(source.path, "a loading script") from None
        if "BuilderConfig" in text or "Config name is missing" in text:
            mend = "Name one with corpus.source.config or --config."
            raise InputError(f"{source.path}: {text}", mend=mend) from None
        raise InputError(
            f"the dataset {source.path} cannot be read: {text}",
            why="The name may be wrong, access to it may be restricted, or the hub out of reach.",
            mend="Check the name and the commit. For a restricted dataset, set HF_TOKEN. Without a "
            "network, download it elsewhere (hf download NAME --repo-type dataset --local-dir DIR) "
            "and give the folder.",
        ) from None


def _needs_code(name: str, what: str) -> InputError:
    return InputError(
        f"the dataset {name} needs code of its own: {what}",
        why="babyllama never runs the code of a dataset.",
        mend="Use a version of it in Parquet, or convert it on a machine that may run its code.",
    )


def _check_split(source: HubSource, splits: dict[str, Any], name: str) -> None:
    if name not in splits:
        raise InputError(
            f"{source.path} has no split {name}",
            why=f"Its splits: {', '.join(splits)}.",
            mend=nearest(name, splits) or "Set corpus.source.train or corpus.source.dev.",
        )
    features = splits[name].features
    first = next(_rows(source, splits[name], name), None)
    columns = list(features) if features is not None else list(first.values) if first else []
    wanted = wanted_columns(source)
    if features is None and first is None:
        return  # no rows at all: the writer says so
    where = f"{source.path}, split {name}"
    refuse_missing_columns(where, wanted, columns)
    kind = getattr(features[source.column], "dtype", None) if features is not None else "string"
    if kind not in ("string", "large_string", "null"):
        raise not_text(where, source.column, str(kind or features[source.column]))


def _rows(source: HubSource, rows: Any, split: str) -> Iterator[Row]:
    with _explained(source):
        for number, row in enumerate(rows, 1):
            yield Row(f"{source.path}, split {split}: row {number}", row)
