"""What a command raises, turned into a message and an exit code.

| code | meaning |
|---|---|
| 2 | the input is wrong, or the machine cannot do it: a full disk, no permission |
| 70 | a mistake of ours; the full traceback is saved in a file |
| 75 | stopped on request; the same command resumes |
"""

import errno
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path

from babyllama.console import print_error, print_from_any_rank, visible, visible_cell
from babyllama.errors import InputError

OUR_MISTAKE = 70  # EX_SOFTWARE of sysexits.h
_FREE_SPACE = "Free some space; then the same command resumes."
_CHECK_RIGHTS = "Check its owner and permissions, or choose another place."
_CHECK_PATH = "Check the path, or choose another place."
# What the system says, in words, and the mend.
_SYSTEM = {
    errno.ENOSPC: ("no space left", _FREE_SPACE),
    errno.EDQUOT: ("your disk quota is used up", _FREE_SPACE),
    errno.EFBIG: ("it would be larger than a file may be here", "Raise the limit: ulimit -f"),
    errno.EROFS: ("its file system is read-only", "Choose another place."),
    errno.EACCES: ("permission denied", _CHECK_RIGHTS),
    errno.EPERM: ("operation not permitted", _CHECK_RIGHTS),
    errno.EIO: ("input/output error", "Check the disk or the network file system; then try again."),
    errno.ESTALE: ("the network file system has lost it", "Run the same command again."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", _CHECK_PATH),
    errno.EISDIR: ("it is a folder, not a file", _CHECK_PATH),
    errno.ENOENT: ("it does not exist, or not any more", _CHECK_PATH),
    errno.EEXIST: ("it exists already", _CHECK_PATH),
    errno.ENOTEMPTY: ("it is not empty", _CHECK_PATH),
    errno.ENAMETOOLONG: ("its name is too long", "Choose a shorter name."),
    errno.ELOOP: ("its links form a loop", "Mend the links."),
    errno.EMFILE: ("too many files are open", "Raise the limit: ulimit -n 4096"),
    errno.ENFILE: ("too many files are open on this machine", "Try again later."),
    errno.EBUSY: ("it is in use", "Try again later."),
    errno.ESPIPE: ("it is a pipe, not a file", "Save it in a file first."),
    errno.ENOMEM: ("there is not enough memory", "Close other programs, or use a larger machine."),
}
_PEER_ENDED = re.compile("closed by peer|reset by peer|Broken pipe|remote process exited")
_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def explained(error: BaseException) -> InputError | None:
    """The message for an error of the machine: disk, permissions, memory, processes; else None."""
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return InputError(
            f"a name is not UTF-8: {error.object[max(0, error.start - 80) : error.end + 80]}",
            mend="Rename the file or folder.",
        )
    if isinstance(error, MemoryError) or "OutOfMemoryError" in type(error).__name__:
        return _no_memory(error)
    if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
        return _no_memory(error)
    if isinstance(error, RuntimeError) and _PEER_ENDED.search(str(error)):
        return InputError(
            "another process of the launcher has ended, so this one ends too",
            mend="See what the other process printed; the same command resumes.",
        )
    number = _system_error(error)
    if number not in _SYSTEM:
        return None
    why, mend = _SYSTEM[number]
    path = getattr(error, "filename", None)
    verb = _verb(number, path)
    name = os.fsdecode(path) if isinstance(path, str | bytes) else "a file"
    return InputError(f"{name} cannot be {verb}: {why}", mend=mend)


def report_our_mistake(error: BaseException) -> None:
    """Print that it is our fault, where the traceback was saved, and how to report it."""
    found = "".join(traceback.format_exception(error))
    last = traceback.format_exception_only(error)[-1].strip()
    print_error(f"this is a mistake in babyllama, not yours: {visible_cell(last)[:400]}")
    try:
        saved = _saved(found)
    except OSError:
        print_from_any_rank(found)
        print_from_any_rank("  Please report it, with the lines above.")
        return
    print_from_any_rank(
        f"  The full traceback is in {saved}\n"
        "  Please report it in an issue of babyllama's repository, with this file."
    )


def _no_memory(error: BaseException) -> InputError:
    where = "the GPU" if "CUDA" in str(error) else "this machine"
    return InputError(
        f"{where} has not enough memory",
        why=str(error).strip().partition("\n")[0],
        mend="Use a smaller micro_batch_size or model, or close other programs; then the same "
        "command resumes.",
    )


def _system_error(error: BaseException) -> int | None:
    """The system's number for an error, also of a library that only prints it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, OSError) and re.search(r"\d+ requested and \d+ written", str(error)):
        return errno.ENOSPC  # how numpy says that the disk is full
    printed = re.search(r"\(os error (\d+)\)", str(error))  # libraries that are written in Rust
    return int(printed[1]) if printed else None


def _verb(number: int | None, path: object) -> str:
    if number in _OF_WRITING:
        return "written"
    if not isinstance(path, str | bytes):
        return "used"
    if number in (errno.EACCES, errno.EPERM):
        return "read" if os.path.exists(path) and not os.access(path, os.R_OK) else "written"
    return "read" if number == errno.ENOENT else "used"


def _saved(found: str) -> Path:
    """Save a traceback in a new file of the temporary folder; the file appears when it is whole."""
    folder = Path(tempfile.gettempdir())
    name = f"babyllama-error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    loaded = [
        f"{library} {metadata.version(library)}"
        for library in ("babyllama", "torch", "transformers", "tokenizers", "safetensors")
        if library == "babyllama" or library in sys.modules
    ]
    words = [
        f"command: {sys.argv}",
        f"versions: {', '.join(loaded)}, Python {platform.python_version()}, {platform.platform()}",
        "",
        found,
    ]
    descriptor, unfinished = tempfile.mkstemp(prefix=".babyllama-error-", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(visible("\n".join(words)))
    os.replace(unfinished, folder / name)
    return folder / name
