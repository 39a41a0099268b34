"""Masks: how one is updated, dosed and painted, and what training asks of it (equations 6 and 7).

Polarity everywhere: 1 keeps the photo's pixel (out of domain), 0 lets the generator draw.

Shapes: N batch, H W pixels; masks are (N, 1, H, W) in 0…1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from samm.errors import OptionError

__all__ = [
    "STRENGTH_RANGE",
    "area_excess",
    "binary_loss",
    "check_strength",
    "dose_mask",
    "paint_mask",
    "update_mask",
]

STRENGTH_RANGE = (0.0, 2.0)  # of a mask: 0 the generator alone, 1 as predicted, 2 keeps more of the photo


def update_mask(mask: Tensor, proposal: Tensor) -> Tensor:
    """Move a mask toward a proposal at a rate set by the mask itself: M·(q − M + 1).

    This is line 6 of Algorithm 1 and the step of Algorithm 2. The result stays in 0…1, and 0 stays 0: a later
    proposal refines a region but cannot create one from nothing.
    """
    return mask * (proposal - mask + 1)


def binary_loss(mask: Tensor) -> Tensor:
    """Equation 6: mean distance of the mask's values to the nearer of 0 and 1."""
    return mask.minimum(1 - mask).mean()


def area_excess(mask: Tensor, budget: float) -> Tensor:
    """Equation 7: how far the mean of the mask exceeds its budget φ; zero below it."""
    return F.relu(mask.mean() - budget)


def dose_mask(keep_photo: Tensor, strength: float) -> Tensor:
    """Apply mask strength t in 0…2: 1 − (1 − m)^t. 0 is the generator alone, 1 as predicted, 2 keeps more.

    Raises:
        OptionError: `strength` outside 0…2.
    """
    check_strength(strength)
    if strength == 1:
        return keep_photo  # exactly as predicted, without a rounding of the power
    return 1 - (1 - keep_photo) ** strength


def check_strength(strength: float) -> None:
    """Refuse a mask strength outside 0…2.

    Raises:
        OptionError: with the value and the range.
    """
    low, high = STRENGTH_RANGE
    if not low <= strength <= high:
        raise OptionError(f"The mask strength is {strength:g}; choose a number from {low:g} to {high:g}.")


def paint_mask(keep_photo: Tensor, keep: Tensor | None = None, draw: Tensor | None = None) -> Tensor:
    """Let painted areas win over the mask: `keep` sets 1, then `draw` sets 0; both (N, 1, H, W) in 0…1."""
    if keep is not None:
        keep_photo = keep_photo.maximum(keep)
    if draw is not None:
        keep_photo = keep_photo.minimum(1 - draw)
    return keep_photo
