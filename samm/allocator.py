"""How the C library keeps large tensors on Linux: in its heap, instead of mapping them anew each time.

A drawing at 1024² makes and drops tensors of 32 MB and more. glibc maps each of these from the system and
gives it back at once, so that every page is zeroed again before it is used: half of a drawing's time on two
cores. Told to keep large buffers, it hands the same pages out again. One arena keeps them from being held
once for each thread. Other systems and C libraries manage without.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys

__all__ = ["keep_large_buffers", "release"]

# Parameters of mallopt(3), as <malloc.h> of glibc numbers them.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_OFF = "SAMM_SYSTEM_ALLOCATOR"


def keep_large_buffers() -> bool:
    """Keep freed buffers of this process for the next tensor; call it once, before tensors are made.

    Returns:
        Whether it was done: False on other systems than Linux with glibc, or where the environment variable
        `SAMM_SYSTEM_ALLOCATOR` is set.
    """
    libc = _glibc()
    if libc is None or os.environ.get(_OFF):
        return False
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 1}
    return all([libc.mallopt(name, value) for name, value in settings.items()])


def release() -> bool:
    """Give free memory back to the system; for a process that will be idle. False where that is unknown."""
    libc = _glibc()
    return libc is not None and bool(libc.malloc_trim(0))


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """Find the C library of this process, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
