"""How the C library allocates memory for a process that trains or scores on a CPU."""

import ctypes
import os
import sys

# Parameters of mallopt(3), as malloc.h numbers them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# More of either made the student that was measured no faster (docs/log.md); 32 MiB is the most that
# every 64-bit glibc takes.
_KEPT, _LARGEST_KEPT = 256 * 2**20, 32 * 2**20
_OWN_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let glibc keep up to 256 MiB of freed memory for the next allocation.

    By default it returns large blocks to the system, which then clears every page that the next
    step allocates: a fifth of a training step on a CPU. Settings in the user's environment stay.

    Returns:
        whether glibc accepted it: not on macOS, on Windows, or with another C library.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _OWN_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Setting one of them ends the automatic choice of both.
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, _KEPT)
    return bool(kept)
