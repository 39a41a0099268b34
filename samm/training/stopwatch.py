"""Where the time of a training step goes, measured without making the device wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["Stopwatch"]


class Stopwatch:
    """Collect the time of named parts; on a GPU by events in its stream, else by the clock."""

    def __init__(self, device: torch.device):
        self._on_gpu = device.type == "cuda"
        self._spans: list[tuple[str, torch.cuda.Event | float, torch.cuda.Event | float]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what runs inside under `name`."""
        start = self._mark()
        yield
        self._spans.append((name, start, self._mark()))

    def shares(self) -> dict[str, float]:
        """Give each part's share of the measured time, in percent, and start over."""
        if self._on_gpu:
            torch.cuda.synchronize()
        total: dict[str, float] = {}
        for name, start, end in self._spans:
            total[name] = total.get(name, 0.0) + (start.elapsed_time(end) if self._on_gpu else end - start)
        self._spans.clear()
        whole = sum(total.values()) or 1.0
        return {name: 100 * spent / whole for name, spent in total.items()}

    def _mark(self) -> torch.cuda.Event | float:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
