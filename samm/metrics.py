"""Figures of quality: PSNR and SSIM, LPIPS and FID where their networks are, and how sure a mean is.

`perceptual` and `identity` hold the learned metrics whose weights come with this project. The networks of
LPIPS and FID are other people's, and neither is required: libraries are imported and weights looked for,
never fetched, when somebody asks for them, and what is absent has a reason instead of a number.

Pictures are uint8 (H, W, 3) RGB; no border is cropped. Shapes: N pictures, D features, H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from samm.pixels import to_pm1

__all__ = [
    "psnr",
    "ssim",
]


def psnr(a_u8: np.ndarray, b_u8: np.ndarray) -> float:
    """Give the peak signal-to-noise ratio in dB over all channels; infinite for equal pictures."""
    mse = float(np.mean(np.square(a_u8.astype(np.float32) - b_u8), dtype=np.float64))
    return float("inf") if mse == 0 else float(10 * np.log10(255.0**2 / mse))


@torch.inference_mode()
def ssim(a_u8: np.ndarray, b_u8: np.ndarray) -> float:
    """Give the structural similarity: 11x11 Gaussian of σ 1.5, valid region, mean over pixels and channels.

    C1 = (.01·255)² and C2 = (.03·255)² as in Wang et al. 2004.
    """
    # Pictures in -1…1 keep the float32 variances, differences of near-equal numbers, well conditioned.
    a, b = to_pm1(a_u8)[0], to_pm1(b_u8)[0]
    mean_a, mean_b, square_a, square_b, product = _blur(torch.stack([a, b, a * a, b * b, a * b]))
    var_a, var_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    # The means enter the luminance term in 0…2, the scale on which C1 is (.01·range)².
    mean_a, mean_b = mean_a + 1, mean_b + 1
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return float((luminance * structure).mean())


def _blur(x: Tensor) -> Tensor:
    """Filter (K, C, H, W) with the SSIM window; valid region only."""
    taps = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    k, c, h, w = x.shape
    # One depthwise convolution with interleaved channels: a tenth of the time of single-channel pictures.
    x = x.reshape(1, k * c, h, w).contiguous(memory_format=torch.channels_last)
    window = (taps[:, None] * taps).expand(k * c, 1, 11, 11)
    return F.conv2d(x, window, groups=k * c).view(k, c, h - 10, w - 10)
