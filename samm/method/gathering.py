"""Gathering: the masks of all levels become one full-size mask (paper, Algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor

from samm.method.masking import update_mask

__all__ = ["gather"]


def gather(masks: Iterable[Tensor], size: int) -> Tensor:
    """Merge masks (N, 1, r, r) in 0…1, coarsest first, into `keep_photo` (N, 1, size, size) in 0…1.

    Every level keeps a non-zero gradient into the result; where the coarsest mask is 0 the result is 0.
    """
    gathered = None
    for mask in masks:
        finer = F.interpolate(mask, size=(size, size), mode="bilinear", align_corners=False)
        gathered = finer if gathered is None else update_mask(gathered, finer)
    if gathered is None:
        raise ValueError("there is no mask to gather")
    return gathered.clamp(0, 1)  # the rule stays in 0…1; this only guards rounding
