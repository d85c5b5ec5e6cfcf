"""Where the text of a recipe comes from: a grammar, a folder, tables, a dataset."""

import codecs
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT, Frozen
from babyllama.recipe.hub import FolderOrHub

DEV_FRACTION = 0.05  # of each file, kept for dev where a source has no dev split of its own
_UTF8 = "utf-8"
_SUFFIX = re.compile(r"\.[A-Za-z0-9+_-]{1,16}")


def _known_encoding(encoding: str) -> str:
    """An encoding of text; UTF-8 has one spelling."""
    try:
        "".encode(encoding)
        b"".decode(encoding)
        return _UTF8 if codecs.lookup(encoding).name == _UTF8 else encoding
    except (LookupError, ValueError):
        raise ValueError(
            "Python knows no encoding of text with this name. Try utf-8, latin1, cp1252, koi8-r, "
            "gb18030, big5, shift_jis, euc-kr or utf-16"
        ) from None


Encoding = Annotated[str, AfterValidator(_known_encoding)]
ExpectedWords = Annotated[
    int, Field(ge=1, description="Training words that a plan assumes until the text was read.")
]


class SyntheticSource(Frozen):
    """Text from the embedded grammar: nothing to download, known entropy."""

    kind: Literal["synthetic"]
    words: int = Field(ge=1_000, description="White-space words of training text.")
    dev_words: int = Field(ge=200, description="White-space words of dev text.")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Decides the text. Default: the recipe's seed, so that another one changes the "
        "text too; give a number to keep the text while the recipe's seed varies.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @property
    def local(self) -> None:
        """It reads nothing."""
        return None


class FolderSource(Frozen):
    """A folder of text: `train/` and `dev/` with one file per domain, or files to be split."""

    kind: Literal["folder"]
    path: Path = Field(description="The folder, or a .zip; relative to the current folder.")
    dev_fraction: float = Field(
        DEV_FRACTION,
        gt=0,
        lt=1,
        description="Share of each file kept for dev where the folder has no dev/.",
    )
    expected_words: ExpectedWords = 10_000_000
    nested: bool = Field(
        False,
        description="Read the folders below it as well: a folder's name is the domain of its "
        "files. A .zip is always read so.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    code: tuple[str, ...] = Field(
        (),
        description="Suffixes of source code to read, such as [.py, .c], also in folders below. "
        "Its domain is `code_py`, a file is a document, and indents stay.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    encoding: Encoding = Field(
        _UTF8,
        description="Of the text files, as Python spells it: latin1, cp1252, gb18030, utf-16.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    dev_seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Draw documents for dev by this seed where the folder has no dev/, instead of "
        "taking the end of each file.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @field_validator("code")
    @classmethod
    def _are_suffixes(cls, code: tuple[str, ...]) -> tuple[str, ...]:
        for suffix in code:
            if not _SUFFIX.fullmatch(suffix):
                raise ValueError(f"{suffix!r} is no suffix such as .py")
        return code

    @property
    def local(self) -> Path | None:
        """What it reads on this machine."""
        return self.path

    @property
    def is_gathered(self) -> bool:
        """Whether its text is first written to the run's `source/`, file by domain."""
        return (
            self.nested
            or bool(self.code)
            or self.encoding != _UTF8
            or self.dev_seed is not None
            or self.path.suffix.lower() == ".zip"
        )


class _RowsOfText(Frozen):
    """What tables and datasets share: columns, and how their rows become train and dev."""

    column: str = Field("text", min_length=1, description="The column of the text.")
    document: str | None = Field(
        None,
        min_length=1,
        description="A column that names the document of each row: rows in a row with the same "
        "name are one document. Default: see `rows`.",
    )
    domain: str | None = Field(
        None,
        min_length=1,
        description="A column that names the domain of each row.",
    )
    rows: Literal["documents", "lines"] = Field(
        "documents",
        description="`documents`: each row is a document. `lines`: each is a line, and an empty "
        "one ends the document.",
    )
    nulls: Literal["refuse", "skip"] = Field(
        "refuse", description="What to do with rows that have no text."
    )
    dev_fraction: float = Field(
        DEV_FRACTION,
        gt=0,
        lt=1,
        description="Share of the documents drawn for dev where the source has no dev split.",
    )
    dev_seed: int = Field(
        0, ge=0, lt=2**31, description="Decides which documents are drawn for dev."
    )
    expected_words: ExpectedWords = 10_000_000

    @property
    def is_gathered(self) -> bool:
        """Whether its text is first written to the run's `source/`, file by domain."""
        return True


class TableSource(_RowsOfText):
    """Tables with a column of text: JSON lines, CSV, TSV, Parquet or Arrow."""

    kind: Literal["table"]
    path: Path = Field(
        description="A table, or a folder of tables. Those with `train`, `dev` or `valid` in their "
        "name, or in such a folder, are of that split; `test` is not read."
    )
    encoding: Encoding = Field(
        _UTF8, description="Of JSON lines, CSV and TSV, as Python spells it: latin1, cp1252."
    )

    @property
    def local(self) -> Path | None:
        """What it reads on this machine."""
        return self.path


class HubSource(FolderOrHub, _RowsOfText):
    """A dataset of the Hugging Face hub, by name, or in a folder.

    The folder is a copy of the dataset's repository, or what `save_to_disk` of `datasets` wrote.
    """

    kind: Literal["hub"]
    config: str | None = Field(
        None, min_length=1, description="Which of the dataset's configurations, if it has several."
    )
    train: str = Field("train", min_length=1, description="The split to train on.")
    dev: str | None = Field(
        None,
        min_length=1,
        description="The split for dev. Default: `dev`, `valid` or `validation`, if there is one.",
    )


AnySource = SyntheticSource | FolderSource | TableSource | HubSource
GatheredSource = FolderSource | TableSource | HubSource
