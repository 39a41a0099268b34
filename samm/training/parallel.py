"""Several processes that train one network: `torchrun` starts them, and each takes its share of every batch.

They make the run that one process with the whole batch would make: every process draws the random numbers
of all rows and keeps those of its own (`dice`), gradients and discriminators' gradients are averaged, and
what the loss asks of a whole batch (equation 7) is asked of all shares together. Gradients are averaged by
hand: DistributedDataParallel does it for calls of a module's `forward`, but SAMM's levels are called one by
one while the generator draws.

Without torchrun everything here does nothing.

Shapes: N rows of this process, P processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from samm.errors import OptionError

__all__ = [
    "agree",
    "average_gradients",
    "average_over_processes",
    "gather_rows",
    "mean_of_all",
    "own_rows",
    "processes",
    "rank",
    "share",
    "size",
]


@contextmanager
def processes() -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did; give this one's device."""
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield device
        return
    # Gloo beside NCCL lets processes agree on the clock without waiting for their GPUs.
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Give this process's number; number 0 writes logs, sheets and checkpoints."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Give P, the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(whole: int, unit: int = 1) -> int:
    """Give this process's part of a number of rows.

    Raises:
        OptionError: the rows cannot be shared out evenly in multiples of `unit`.
    """
    if whole % (unit * size()):
        raise OptionError(
            f"A batch part of {whole} rows cannot be shared out to {size()} processes; choose a --batch that "
            f"makes it a multiple of {unit * size()}."
        )
    return whole // size()


def average_over_processes(values: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in place and in one message."""
    if size() == 1 or not values:
        return
    message = torch.cat([value.flatten() for value in values])
    dist.all_reduce(message)
    message /= size()
    for value, mean in zip(values, message.split([value.numel() for value in values]), strict=True):
        value.copy_(mean.view_as(value))


def average_gradients(network: nn.Module) -> None:
    """Average the gradients of all processes; those that no row touched are None everywhere."""
    average_over_processes([p.grad for p in network.parameters() if p.grad is not None])


def mean_of_all(mean: Tensor) -> Tensor:
    """Turn the mean over this process's rows into that over all rows; the gradient is that of its own rows.

    Averaged over processes, as gradients are, it becomes the gradient of the mean over all rows.
    """
    everywhere = mean.detach().clone()
    average_over_processes([everywhere])
    return mean + (everywhere - mean.detach())


def agree(seconds: float, stop: bool) -> tuple[float, bool]:
    """Give process 0's clock, and whether any process was asked to stop."""
    if size() == 1:
        return seconds, stop
    message = torch.tensor([seconds if rank() == 0 else 0.0, float(stop)], dtype=torch.float64)
    dist.all_reduce(message)
    return float(message[0]), bool(message[1] > 0)


def gather_rows(rows: Tensor, groups: int) -> Tensor:
    """Put the rows (N, …) of all processes together to (P·N, …), in the order in which one would hold them.

    A process holds `groups` equal groups of rows one after the other; in the result, so does the whole.
    """
    parts = [torch.empty_like(rows) for _ in range(size())]
    if size() == 1:
        parts = [rows]
    else:
        dist.all_gather(parts, rows.contiguous())
    by_group = [torch.cat(group) for group in zip(*(part.chunk(groups) for part in parts), strict=True)]
    return torch.cat(by_group)


def own_rows(whole: Tensor, groups: int) -> Tensor:
    """Take this process's rows (N, …) out of those of all; the inverse of `gather_rows`."""
    return torch.cat([group.chunk(size())[rank()] for group in whole.chunk(groups)])
