"""Search: descend on an objective, keep the best, and end when nothing is gained any more.

What refinement (of a code) and tuning (of a generator's weights) have in common.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

__all__ = ["search"]

_GAIN = 0.002  # of the best loss; a step that lowers it by less counts as without gain


def search(
    values: Sequence[Tensor],
    objective: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    patience: int,
    schedule: Callable[[int], float] = lambda step: 1.0,
    regularize: Callable[[], None] | None = None,
) -> Iterator[list[Tensor]]:
    """Improve values step by step; stop iterating at any time and keep what was given last.

    Args:
        values: what the optimizer changes, in place.
        objective: gives the loss of the values as they are.
        optimizer: of the values; its learning rate is the largest.
        steps: at most this many.
        patience: so many steps without a gain of 0.2 % end the search.
        schedule: gives the factor of the learning rate at a step, counted from 0.
        regularize: adds to the gradient what is not to be judged.

    Yields:
        Copies of the best values so far, once a step.
    """
    rate = optimizer.param_groups[0]["lr"]
    best, best_loss, waited = [value.detach().clone() for value in values], math.inf, 0
    for step in range(steps + 1):  # the extra round only judges the last step
        with torch.enable_grad():
            loss = objective()
        waited = 0 if loss.item() < (1 - _GAIN) * best_loss else waited + 1
        if loss.item() < best_loss:
            best, best_loss = [value.detach().clone() for value in values], loss.item()
        if step:
            yield best
        if step == steps or waited > patience:
            return
        optimizer.param_groups[0]["lr"] = rate * schedule(step)
        optimizer.zero_grad()
        loss.backward()
        if regularize:
            regularize()
        optimizer.step()
