"""The loop that scorer and text model share: AdamW, one cycle of the learning rate, averaged weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from editing.training.augment import augment

__all__ = ["Schedule", "train_averaged"]

log = logging.getLogger("editing.training")

EMA_DECAY = 0.998
STATISTICS_FROM = 60  # batches
LOG_EVERY = 200  # steps

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    batch: int
    rate: float  # the highest, a tenth of the way in
    weight_decay: float
    clip: float = float("inf")  # largest norm of the gradient


def train_averaged(
    network: Network,
    faces: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    schedule: Schedule,
    see: Callable[[Network, Tensor], Tensor],
    others: Sequence[nn.Parameter] = (),
) -> Network:
    """Train on random batches; give the averaged weights, ready to use, on the CPU.

    Averaging batch-norm statistics along with weights would not do, because what a layer sees depends on the
    weights before it: they are measured anew.

    Args:
        network: on its device, in channels-last layout.
        faces: uint8 (N, 3, H, H) on the same device.
        loss_of: the loss of the faces at positions (batch,).
        schedule: how long and how fast.
        see: what passes pictures (batch, 3, H, H) in -1…1 through all batch norms of the network.
        others: parameters that learn beside the network's.
    """
    learning = [*network.parameters(), *others]
    optimizer = torch.optim.AdamW(learning, schedule.rate, weight_decay=schedule.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.rate, total_steps=schedule.steps, pct_start=0.1
    )
    ema = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))

    def pick() -> Tensor:
        return torch.randint(len(faces), (schedule.batch,), device=faces.device)

    for step in range(schedule.steps):
        loss = loss_of(pick())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
        optimizer.step()
        cycle.step()
        ema.update_parameters(network)
        if step % LOG_EVERY == 0:
            name = type(network).__name__
            log.info("%s step %d of %d, loss %.4f", name, step, schedule.steps, loss.item())
    # The network itself is no longer needed, and it has the type that an `AveragedModel` hides.
    network.load_state_dict(ema.module.state_dict())
    averaged = network.requires_grad_(False)
    averaged.to(memory_format=torch.contiguous_format)
    update_bn((augment(faces[pick()]) for _ in range(STATISTICS_FROM)), _Seen(averaged, see))
    return averaged.eval().cpu()


class _Seen(nn.Module):
    """Calling it is looking at pictures, which `update_bn` does by calling."""

    def __init__(self, network: Network, see: Callable[[Network, Tensor], Tensor]):
        super().__init__()
        self.network, self.see = network, see

    def forward(self, image_pm1: Tensor) -> Tensor:
        return self.see(self.network, image_pm1)
