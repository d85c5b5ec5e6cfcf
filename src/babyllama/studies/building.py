"""A folder of a study is built once, even if two processes mean to: lease, staging folder, rename.

    OUT/building/KEY/1.lease    who may build the folder: of several leases the one with the highest
    OUT/building/KEY/2.lease    number; a lease is created if no file has its name, and by one alone
    OUT/building/KEY/UUID/      where the holder of a lease builds; the lease has this name in it

A task of a lost node may start again while the first still writes. The holder touches its lease
every few seconds. Whoever comes later waits, and takes over with the next number if the holder's
process has ended, or if its lease was not touched for PATIENCE seconds: by the waiter's own clock,
since the clocks of two machines differ. It renames the staging folder to its own and goes on from
the checkpoints in it. So a holder that was taken for dead writes to paths that no longer exist; the
files that it has open are copied first and are nobody's any more. Once it sees a higher number it
stops. A folder that is finished gets its name in one rename, and whoever finds it there has nothing
to do.

All of this needs a file system on which creating a file exclusively and renaming a folder are
atomic, as NFS is. A lease is opened to be looked at, since NFS then asks the server for its date.
"""

import _thread
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.runs.artefact import partial_folder
from babyllama.runs.durable import flush
from babyllama.runs.files import digest_of_json, is_running

BUILDING = "building"  # of a study: what is not finished
PATIENCE, _BEAT = 30.0, 3.0  # seconds
_RELEASED = "released"


@dataclass(frozen=True)
class Lease:
    """The right to build a folder.

    Attributes:
        path: NUMBER.lease.
        builder: the name of its staging folder; "" if the lease has just been created.
        machine, process: of its holder.
        is_released: whether its holder has stopped.
    """

    path: Path
    builder: str
    machine: str
    process: int
    is_released: bool = False

    @property
    def number(self) -> int:
        """Of two leases the one with the higher number counts."""
        return int(self.path.stem)

    @property
    def staging(self) -> Path:
        """Where its holder builds."""
        return self.path.with_name(self.builder)

    @property
    def has_ended(self) -> bool:
        """Whether its holder is known to write no more."""
        is_here = self.machine != "" and self.machine == _this_machine()
        return self.is_released or (is_here and not is_running(self.process))


def build_once(
    out: Path,
    study: Path,
    *,
    shown: str,
    is_finished: Callable[[], bool],
    build: Callable[[Path], object],
    patience: float = PATIENCE,
) -> bool:
    """Build a folder, unless it is finished or another process finishes it meanwhile.

    Args:
        out: a folder of the study, or a link to one.
        study: the study's folder.
        shown: its name in messages.
        is_finished: whether `out` is there and complete.
        build: fills a folder of that name in the staging folder; it finds there what an earlier
            attempt has left.
        patience: seconds without a sign of life after which a holder is taken for dead.

    Returns:
        whether it was built here.

    Raises:
        InputError: this process was taken for dead, and another has taken over.
    """
    out, study = out.resolve(), study.resolve()
    place = study / BUILDING / digest_of_json(os.path.relpath(out, study))[:16]
    lease = acquire(place, is_finished, shown=shown, patience=patience)
    if lease is None:
        return False
    try:
        with _held(lease, shown):
            if not is_finished():  # the holder before has perhaps just renamed it
                staged = _stage(lease, out)
                build(staged)
                _publish(lease, staged, out, is_finished)
    except BaseException:
        _release(lease)
        raise
    shutil.rmtree(place, ignore_errors=True)
    return True


def acquire(
    place: Path, is_finished: Callable[[], bool], *, shown: str, patience: float = PATIENCE
) -> Lease | None:
    """Wait for the lease of a folder; None if the folder is finished by then.

    Args:
        place: where its leases and staging folders are.
    """
    watched, since = None, time.monotonic()
    while not is_finished():
        with suppress(FileNotFoundError):  # its holder has finished, and removed all
            place.mkdir(parents=True, exist_ok=True)
            newest = max(_leases(place), key=lambda each: each.number, default=None)
            is_stale = newest is not None and time.monotonic() - since > patience
            if newest is None or newest.has_ended or (watched and is_stale):
                if lease := _created(place, 1 + (newest.number if newest else 0)):
                    _take_over(lease, [each for each in _leases(place) if each != lease])
                    return lease
                continue  # another process was faster
            if (now := (newest.number, _date(newest.path))) != watched:
                if watched is None:
                    print_status(f"{shown}: waiting for another process, which builds it")
                watched, since = now, time.monotonic()
        time.sleep(min(0.5, patience / 4))
    return None


def is_held(lease: Lease) -> bool:
    """Whether a lease is there, and no other has a higher number."""
    found = _leases(lease.path.parent)
    newest = max(found, key=lambda each: each.number, default=None)
    return newest is not None and newest.builder == lease.builder


def _created(place: Path, number: int) -> Lease | None:
    """Create a lease; None if it exists."""
    lease = Lease(place / f"{number}.lease", uuid.uuid4().hex, _this_machine(), os.getpid())
    try:
        with lease.path.open("x", encoding="utf-8") as file:
            file.write(f"{lease.builder}\n{lease.machine}\n{lease.process}\n")
    except FileExistsError:
        return None
    return lease


def _leases(place: Path) -> list[Lease]:
    """All leases of a folder. The folder is listed, since NFS may remember single names."""
    found = []
    with suppress(FileNotFoundError):  # a holder that has finished removes all
        for path in [each for each in place.iterdir() if each.suffix == ".lease"]:
            builder, machine, process, *rest = [*path.read_text("utf-8").splitlines(), "", "", ""]
            number = int(process) if process.isdigit() else 0
            found.append(Lease(path, builder, machine, number, _RELEASED in rest))
    return found


def _take_over(lease: Lease, others: list[Lease]) -> None:
    """Rename the last holder's staging folder to that of a new lease; make it if there is none.

    A process that was held up may get here when the next number has taken over already: what has
    that number is not taken back.
    """
    earlier = [each for each in others if each.number < lease.number]
    for each in sorted(earlier, key=lambda each: -each.number):
        if each.builder and each.staging.is_dir():
            each.staging.rename(lease.staging)
            if not each.has_ended:
                _copy_files(lease.staging)
            return
    lease.staging.mkdir()


def _copy_files(folder: Path) -> None:
    """Replace each file by a copy: a process that has the old one open writes to that."""
    for path in list(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            copy = path.with_name(f".{path.name}.{os.getpid()}")  # `files.is_temporary`
            shutil.copy2(path, copy)
            copy.replace(path)


@contextmanager
def _held(lease: Lease, shown: str) -> Iterator[None]:
    """Touch a lease from time to time; stop the main thread if another process takes over.

    Raises:
        InputError: another process has taken over; it replaces what the interruption raised.
    """
    done, lost = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(_BEAT):
            with suppress(OSError):  # a network file system that does not answer for a moment
                if not is_held(lease):
                    lost.set()
                    _thread.interrupt_main(signal.SIGTERM)
                    return
                os.utime(lease.path)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        if lost.is_set():
            raise _taken_over(shown) from None
        raise
    finally:
        done.set()
        thread.join()


def _stage(lease: Lease, out: Path) -> Path:
    """The folder to build in; what is in the place of the finished folder is moved there.

    A link in the place of the unfinished folder lets `babyllama watch` find it.
    """
    staged, link = lease.staging / out.name, partial_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    for there, here in ((out, staged), (link, partial_folder(staged))):
        if there.exists() and not here.exists():
            there.rename(here)
    with suppress(FileExistsError):
        link.symlink_to(os.path.relpath(partial_folder(staged), link.parent))
    return staged


def _publish(lease: Lease, staged: Path, out: Path, is_finished: Callable[[], bool]) -> None:
    """Give a finished folder its name, if the lease is still held."""
    if not is_held(lease):
        raise _taken_over(out.name)
    if (link := partial_folder(out)).is_symlink():
        link.unlink()
    for aside in lease.staging.glob("*.aside*"):  # files of others, which are not ours to delete
        aside.rename(out.with_name(aside.name))
    try:
        staged.rename(out)
    except OSError:
        if not is_finished():  # else another process has renamed its own
            raise
    flush(out.parent)


def _release(lease: Lease) -> None:
    """Let others take over at once."""
    with suppress(OSError):
        if is_held(lease):  # else the file may be another's
            with lease.path.open("r+", encoding="utf-8") as file:  # never creates it
                file.seek(0, os.SEEK_END)
                file.write(f"{_RELEASED}\n")


def _taken_over(shown: str) -> InputError:
    return InputError(
        f"{shown}: another process has taken over",
        why="This one showed no sign of life for some time, as when a machine is suspended.",
        mend="Nothing is lost; the same command goes on.",
    )


def _date(path: Path) -> int:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _this_machine() -> str:
    """What tells this machine, since its start, from others and from its own containers."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{start} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux: the dates of leases must do
        return ""
