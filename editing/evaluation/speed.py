"""How long work takes here, beside what it would take if only arithmetic or only memory counted.

A stage is timed over several runs; its operations and the bytes that its tensors move are counted once. Two
floors follow from what this machine reaches by itself: the operations at the rate of a large matrix product,
and the bytes at the rate of a copy. A stage is as fast as it can be when it takes the time of the larger one.

Units: seconds; operations are multiplications and additions, two for a pair; bytes are read or written.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

__all__ = [
    "Rates",
    "Timing",
    "compare",
    "conditions",
    "count",
    "measure_rates",
    "plain",
    "seconds",
    "time_stage",
]

_MATRIX = 2048  # edge of the matrices whose product is timed: large enough to be bound by arithmetic
_COPY_BYTES = 256 << 20  # more than any cache holds


@dataclass(frozen=True)
class Rates:
    """What a machine reaches: operations a second in a float32 matrix product, bytes a second in a copy."""

    operations: float
    bytes: float

    def floors(self, operations: float, moved: float) -> tuple[float, float]:
        """Give the seconds that arithmetic and memory would take."""
        return operations / self.operations, moved / self.bytes


@dataclass(frozen=True)
class Timing:
    """The seconds of each run of a stage, in order, its operations and the bytes it moves."""

    stage: str
    seconds: tuple[float, ...]
    operations: float
    moved: float

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    def row(self, rates: Rates) -> dict[str, Any]:
        """Give the line of a table: median and spread, counts, both floors, and the ratio to the larger."""
        arithmetic, memory = rates.floors(self.operations, self.moved)
        floor = max(arithmetic, memory)
        return {
            "stage": self.stage,
            "median s": self.median,
            "min s": min(self.seconds),
            "max s": max(self.seconds),
            "GFLOP": self.operations / 1e9,
            "GB moved": self.moved / 1e9,
            "arithmetic floor s": arithmetic,
            "memory floor s": memory,
            "times the floor": self.median / floor if floor > 1e-4 else None,
        }


def time_stage(stage: str, run: Callable[[], object], runs: int, device: torch.device) -> Timing:
    """Run a stage once to count and warm up, then `runs` times against the clock."""
    operations, moved = count(run)
    return Timing(stage, tuple(seconds(run, device) for _ in range(runs)), operations, moved)


def count(run: Callable[[], object]) -> tuple[float, float]:
    """Count the operations of matrix products and convolutions, and the bytes that tensors move."""
    traffic, operations = _Traffic(), FlopCounterMode(display=False)
    formulas, aten = operations.flop_registry, torch.ops.aten
    formulas[aten.baddbmm_] = formulas[aten.baddbmm]  # in place, which it does not know
    with traffic, operations:
        run()
    return float(operations.get_total_flops()), float(traffic.moved)


def measure_rates(device: torch.device, runs: int = 5) -> Rates:
    """Measure what a device reaches, as the best of several runs."""
    a, b = torch.rand(2, _MATRIX, _MATRIX, device=device)
    source = torch.zeros(_COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    product = min(seconds(lambda: a @ b, device) for _ in range(runs))
    copy = min(seconds(lambda: target.copy_(source), device) for _ in range(runs))
    return Rates(2 * _MATRIX**3 / product, 2 * _COPY_BYTES / copy)


def conditions(device: torch.device, precision: str) -> dict[str, Any]:
    """Say under which conditions figures were measured."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": f"{device.type} {name}".strip(),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def compare(a: Mapping[str, Timing], b: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    """Give the ratio A/B of each stage that both have, pair by pair of runs: lowest, median, highest."""
    ratios = {}
    for stage in a.keys() & b.keys():
        pairs = [x / y for x, y in zip(a[stage].seconds, b[stage].seconds, strict=True)]
        ratios[stage] = {"min": min(pairs), "median": statistics.median(pairs), "max": max(pairs)}
    return ratios


def plain(timings: Mapping[str, Timing]) -> dict[str, Any]:
    """Write timings as plain values for JSON."""
    return {stage: asdict(timing) for stage, timing in timings.items()}


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Take the time of one run."""
    _finish(device)
    start = time.perf_counter()
    run()
    _finish(device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _Traffic(TorchDispatchMode):
    """Add up the bytes of the tensors that operations read and write; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        read = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        written = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        memory = {tensor.untyped_storage()._cdata for tensor in read}
        is_view = not operation._schema.is_mutable and any(
            tensor.untyped_storage()._cdata in memory for tensor in written
        )
        if not is_view:
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in (*read, *written))
        return result
