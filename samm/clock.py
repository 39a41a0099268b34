"""What a long work tells of itself: its stages, how far each has come, and the seconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

__all__ = ["Clock", "Progress"]

# Called with (stage, done, total). Its answer True asks a search to stop with the best it has.
Progress = Callable[[str, int, int], bool | None]


class Clock:
    """Tell a listener of each stage and keep the seconds it took."""

    def __init__(self, progress: Progress | None, spent: Mapping[str, float] | None = None):
        self._tell = progress or (lambda stage, done, total: None)
        self.seconds = dict(spent or {})

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Callable[[int], bool | None]]:
        """Time a stage of `total` steps; yields a function to call with the number of steps done."""
        self._tell(name, 0, total)
        start = time.perf_counter()
        yield lambda done: self._tell(name, done, total)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
