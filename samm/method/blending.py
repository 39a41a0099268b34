"""Blending: photo and generator picture become one (paper, equation 4).

A visitor's mask strength and brush enter the picture in `final_mask` and nowhere else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from samm.method.masking import dose_mask, paint_mask

__all__ = ["blend", "final_mask"]


def final_mask(
    keep_photo: Tensor, strength: float = 1.0, keep: Tensor | None = None, draw: Tensor | None = None
) -> Tensor:
    """Give the mask to blend with: the gathered one, dosed by `strength` in 0…2, then painted over."""
    return paint_mask(dose_mask(keep_photo, strength), keep, draw)


def blend(photo: Tensor, generated: Tensor, keep_photo: Tensor) -> Tensor:
    """Composite photo and generator picture, equation 4; all (N, C, H, W), keep_photo (N, 1, H, W) in 0…1."""
    return torch.lerp(generated, photo, keep_photo)  # keep_photo · photo + (1 − keep_photo) · generated
