"""Where the time of a training step goes, measured without making the device wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

__all__ = ["Stopwatch"]


class Stopwatch:
    """Collect the time of named parts; on a GPU by events in its stream, else by the clock."""

    def __init__(self, device: torch.device):
        self._on_gpu = device.type == "cuda"
        self._spans: list[tuple[str, Callable[[], float]]] = []  # what tells the time of each part

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what runs inside under `name`."""
        if self._on_gpu:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            yield
            end.record()
            self._spans.append((name, lambda: start.elapsed_time(end)))
        else:
            begun = time.perf_counter()
            yield
            spent = time.perf_counter() - begun
            self._spans.append((name, lambda: spent))

    def shares(self) -> dict[str, float]:
        """Give each part's share of the measured time, in percent, and start over."""
        if self._on_gpu:
            torch.cuda.synchronize()
        total: dict[str, float] = {}
        for name, spent in self._spans:
            total[name] = total.get(name, 0.0) + spent()
        self._spans.clear()
        whole = sum(total.values()) or 1.0
        return {name: 100 * spent / whole for name, spent in total.items()}
