"""The folder in which one server keeps all it writes for visitors, gone with the server however it ends.

Each process has a folder of its own below a parent that it shares with others, and holds a lock beside it for
as long as it lives; the system takes the lock back even after `kill -9`. So whoever starts next can tell the
folders of the living from those of the dead, and deletes the latter. Folders that are not named like ours
are left alone.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import FrameType

try:
    import fcntl
except ImportError:  # Windows: there nobody can delete a file that somebody has open
    fcntl = None

__all__ = ["claim", "delete_at_exit", "is_full", "is_ours", "keep_clean", "sweep_dead"]

_PREFIX = "page_"
_HELD: dict[Path, int] = {}  # descriptors of the locks of this process, by folder


def claim(folder: Path, age_s: float) -> None:
    """Make this process's folder and hold its lock, after sweeping away the folders of dead processes.

    Args:
        folder: named `page_` and something unguessable, in the parent that all processes share.
        age_s: what has no lock at all is taken for dead from this age on.
    """
    if folder in _HELD:
        return
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep_dead(folder.parent, age_s)
    lock = _lock_of(folder)
    descriptor = _taken(lock, os.O_CREAT)
    if descriptor is None:
        raise RuntimeError(f"{lock} is held by another process")
    folder.mkdir(mode=0o700)
    _HELD[folder] = descriptor


def is_ours(folder: Path) -> bool:
    """Tell whether this process has claimed a folder."""
    return folder in _HELD


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or what has caused it, says that no more can be written."""
    while error and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error is not None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sweep_dead(parent: Path, age_s: float) -> None:
    """Delete the folders of processes that are gone."""
    for folder in [path for path in parent.glob(f"{_PREFIX}*") if path.suffix != ".lock"]:
        lock = _lock_of(folder)
        if lock.exists():
            _delete_if_dead(folder, lock)
        elif not folder.is_symlink() and _age_s(folder) > age_s:
            shutil.rmtree(folder, ignore_errors=True)
    for lock in parent.glob(f"{_PREFIX}*.lock"):
        if not lock.with_suffix("").exists() and _age_s(lock) > age_s:
            _delete_if_dead(lock.with_suffix(""), lock)


def delete_at_exit(folder: Path) -> None:
    """Have the folder deleted when the program ends: by itself, by Ctrl-C, or on SIGTERM.

    To be called by the program that serves, since it sets a signal handler.
    """
    atexit.register(_release, folder)

    def end(number: int, frame: FrameType | None) -> None:
        _release(folder)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # so that whoever sent it sees that it was obeyed

    signal.signal(signal.SIGTERM, end)


def keep_clean(sweep: Callable[[], None], every_s: float) -> Event:
    """Sweep now and then, in the background, until the event that is returned is set."""
    stop = Event()

    def work() -> None:
        while not stop.wait(every_s):
            sweep()

    Thread(target=work, name="sweep", daemon=True).start()
    return stop


def _release(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _HELD.pop(folder, None)
    with contextlib.suppress(OSError):
        if descriptor is not None:
            os.close(descriptor)
        _lock_of(folder).unlink()


def _delete_if_dead(folder: Path, lock: Path) -> None:
    if fcntl is None:
        with contextlib.suppress(OSError):
            lock.unlink()  # fails while its process lives
            shutil.rmtree(folder, ignore_errors=True)
        return
    descriptor = _taken(lock, 0)
    if descriptor is not None:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(lock: Path, flags: int) -> int | None:
    """Open a lock and take it; None where another process has it, or has just deleted it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | flags, 0o600)
    except OSError:
        return None
    if fcntl is None:
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _age_s(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.lstat().st_mtime
    return 0.0
