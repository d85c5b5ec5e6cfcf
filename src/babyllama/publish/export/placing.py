"""A file or folder that is either whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from babyllama.runs.files import naming


@contextmanager
def placed(out: Path) -> Iterator[Path]:
    """Give a path beside `out` to write to; it becomes `out`, or vanishes on an error."""
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with naming(out, instead_of=beside):
            yield beside
            beside.rename(out)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)
