"""Varied views of the same faces, so that networks learn faces and not photographs.

Shapes: N pictures, H W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.networks.ops import area_resize
from samm.pixels import batch_to_pm1

__all__ = ["augment"]


def augment(faces_u8: Tensor) -> Tensor:
    """Shift, scale, turn, recolor and blur uint8 faces (N, 3, H, H) a little; gives -1…1.

    Nothing is mirrored, since left and right may be labels. Uses torch's global random state.
    """
    n, device = len(faces_u8), faces_u8.device
    x = batch_to_pm1(faces_u8)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, device=device)

    turn, scale = uniform(-0.07, 0.07), uniform(0.93, 1.07)
    cos, sin = scale * turn.cos(), scale * turn.sin()
    matrix = torch.stack([cos, -sin, uniform(-0.05, 0.05), sin, cos, uniform(-0.05, 0.05)], 1).view(n, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    x = x * uniform(0.85, 1.15).view(n, 1, 1, 1) + uniform(-0.1, 0.1).view(n, 1, 1, 1)
    x = x + 0.04 * torch.randn(n, 3, 1, 1, device=device)  # white balance
    size = x.shape[-1]
    soft = F.interpolate(area_resize(x, size // 2), size=size, mode="bilinear")
    x = torch.lerp(
        x, soft, torch.rand(n, 1, 1, 1, device=device) * (torch.rand(n, 1, 1, 1, device=device) < 0.5)
    )
    return (x + 0.03 * torch.rand(n, 1, 1, 1, device=device) * torch.randn_like(x)).clamp(-1, 1)
