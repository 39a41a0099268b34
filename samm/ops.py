"""Operations that torch does not name: the inverse Haar transform of MobileStyleGAN.

Shapes: N batch, C channels, H W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["area_resize", "haar_up"]


def haar_up(bands: Tensor) -> Tensor:
    """Invert one level of the Haar wavelet transform.

    Args:
        bands: (N, 4C, H, W). The first C channels are LL; the rest is (C, 3): LH, HL, HH of each channel.

    Returns:
        (N, C, 2H, 2W). Averaged over 2x2 pixels it is LL / 2, which gives half-size pictures for free.
    """
    n, channels, height, width = bands.shape
    low = bands[:, : channels // 4]
    lh, hl, hh = bands[:, channels // 4 :].view(n, channels // 4, 3, height, width).unbind(2)
    top, bottom = low + lh, low - lh
    left, right = hl + hh, hl - hh
    pixels = torch.stack([top + left, top - left, bottom + right, bottom - right], 2)  # 00 01 10 11
    return F.pixel_shuffle(pixels.mul(0.5).reshape(n, channels, height, width), 2)


def area_resize(image: Tensor, size: int) -> Tensor:
    """Average (N, C, H, H) down to (N, C, size, size); an antialiased scaling for pictures."""
    return image if image.shape[-1] == size else F.adaptive_avg_pool2d(image, size)
