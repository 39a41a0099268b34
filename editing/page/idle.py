"""What a server does when nobody needs it for a while: it gives its free memory back to the system."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from samm.allocator import release

__all__ = ["IDLE", "Idle"]

_AFTER_S = 60.0


class Idle:
    """Does something once, whenever nothing has been worked on for a while.

    Args:
        then: what it does.
        after_s: how long nothing must have been worked on.
    """

    def __init__(self, then: Callable[[], object], after_s: float = _AFTER_S):
        self._then, self._after_s = then, after_s
        self._lock = threading.Lock()
        self._working = 0
        self._timer: threading.Timer | None = None

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Count what is done meanwhile as work."""
        with self._lock:
            self._working += 1
            if self._timer:
                self._timer.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
                if not self._working:
                    self._timer = threading.Timer(self._after_s, self._then)
                    self._timer.daemon = True
                    self._timer.start()


IDLE = Idle(release)
