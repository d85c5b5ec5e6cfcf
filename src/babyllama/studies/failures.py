"""What could not be made, and why: a log for each job that failed.

OUT/failures/students-distilled-bad-seed-0.txt      in its first line the job and the reason
"""

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError
from babyllama.pipeline.workers import Job
from babyllama.runs import files

FAILURES = "failures"


@dataclass(frozen=True)
class Failure:
    """Something that could not be made.

    Attributes:
        name: what it was, such as `students/distilled (alpha=0 seed 1)`.
        why: in one line.
        log: a file with everything that is known.
    """

    name: str
    why: str
    log: Path


def write_failure(job: Job, error: Exception, out: Path) -> Failure:
    """Write down everything that is known about a failure.

    Args:
        out: the study's folder.
    """
    why = " ".join((error.what if isinstance(error, InputError) else f"{error}").split())
    log = _log(job.name, out)
    log.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(traceback.format_exception(error))
    about = f"Job: {job.function} {job.arguments}"
    files.write_atomically(log, f"{_start(job.name)}{why}\n\n{text}\n{about}\n")
    return Failure(job.name, why, log)


def read_failure(name: str, out: Path) -> Failure | None:
    """The last failure of a job, unless it was begun again since then.

    Args:
        name: the job's.
        out: the study's folder.
    """
    log = _log(name, out)
    if not log.is_file():
        return None
    first = log.read_text("utf-8", errors="replace").partition("\n")[0]
    # Releases before 2026-12 did not write the reason first.
    why = first.removeprefix(_start(name)) if first.startswith(_start(name)) else ""
    return Failure(name, why, log)


def forget_failure(name: str, out: Path) -> None:
    """Remove the log of a job that is begun again."""
    _log(name, out).unlink(missing_ok=True)


def _log(name: str, out: Path) -> Path:
    return out / FAILURES / (re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", name).strip("-") + ".txt")


def _start(name: str) -> str:
    return f"{name}: "
