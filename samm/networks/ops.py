"""Operations that torch does not name: the inverse Haar transform of MobileStyleGAN and StyleGAN2's own.

StyleGAN2's are plain torch, re-implemented after Karras et al. 2020, "Analyzing and Improving the Image
Quality of StyleGAN"; parameter names are those of rosinality/stylegan2-pytorch (MIT).

Shapes: N batch, C channels, H W pixels, k kernel edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["EqualLinear", "area_resize", "haar_up", "modulated_conv2d", "module_list", "scaled", "upfirdn2d"]

M = TypeVar("M", bound=nn.Module)


def haar_up(bands: Tensor, style: Tensor | None = None) -> Tensor:
    """Invert one level of the Haar wavelet transform.

    Args:
        bands: (N, 4C, H, W). The first C channels are LL; the rest is (C, 3): LH, HL, HH of each channel.
        style: (N, 4C), what the bands are scaled by first.

    Returns:
        (N, C, 2H, 2W) in the memory format of the bands. Averaged over 2x2 pixels it is LL / 2, which gives
        half-size pictures for free.
    """
    n, channels, height, width = bands.shape
    bands = bands * (0.5 if style is None else 0.5 * style[:, :, None, None])
    low = bands[:, : channels // 4]
    lh, hl, hh = bands[:, channels // 4 :].unflatten(1, (-1, 3)).unbind(2)
    top, bottom = low + lh, low - lh
    left, right = hl + hh, hl - hh
    is_last = bands.is_contiguous(memory_format=torch.channels_last)
    pixels = torch.empty(
        (n, channels // 4, 2 * height, 2 * width),
        dtype=bands.dtype,
        device=bands.device,
        memory_format=torch.channels_last if is_last else torch.contiguous_format,
    )
    # Written where they belong at once: a shuffle would pass over the large map twice more.
    pixels[:, :, ::2, ::2] = top + left
    pixels[:, :, ::2, 1::2] = top - left
    pixels[:, :, 1::2, ::2] = bottom + right
    pixels[:, :, 1::2, 1::2] = bottom - right
    return pixels


def area_resize(image: Tensor, size: int) -> Tensor:
    """Average (N, C, H, H) down to (N, C, size, size); an antialiased scaling for pictures."""
    return image if image.shape[-1] == size else F.adaptive_avg_pool2d(image, size)


def scaled(image: Tensor, size: int) -> Tensor:
    """Bring (N, C, H, H) to (N, C, size, size): averaged where that is smaller, else interpolated."""
    if image.shape[-1] > size:
        return area_resize(image, size)
    return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False)


def upfirdn2d(x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Up-sample with zeros, pad, convolve each channel with one FIR kernel, keep every `down`-th pixel.

    Args:
        x: (N, C, H, W).
        kernel: (k, k), a true convolution kernel.
        up: each pixel becomes a block of up × up with the pixel at its top left and zeros elsewhere.
        down: stride of the result.
        pad: zeros before and after, the same for rows and columns.

    Returns:
        (N, C, H', W') with H' = (H·up + pad[0] + pad[1] − k) // down + 1, and W' likewise.
    """
    n, c, height, width = x.shape
    if up > 1:
        x = F.pad(x[:, :, :, None, :, None], (0, up - 1, 0, 0, 0, up - 1))  # (N, C, H, up, W, up)
        x = x.reshape(n, c, height * up, width * up)
    x = F.pad(x, (*pad, *pad))
    # torch correlates, so the kernel is turned; one group per channel applies it to each alone.
    weight = kernel.flip(0, 1).to(x.dtype).expand(c, 1, -1, -1)
    return F.conv2d(x, weight, stride=down, groups=c)


def modulated_conv2d(
    x: Tensor, weight: Tensor, style: Tensor, demodulate: bool = True, up: bool = False
) -> Tensor:
    """Convolve with a kernel whose input channels are scaled by a style, one style for each picture.

    The style scales the feature instead of the kernel and the demodulation scales the result: the same
    numbers, but one kernel serves the whole batch.

    Args:
        x: (N, C_in, H, W).
        weight: (C_out, C_in, k, k).
        style: (N, C_in).
        demodulate: divide each output channel by the norm of its scaled kernel.
        up: convolve transposed with stride 2; the caller has to blur.

    Returns:
        (N, C_out, H, W), or (N, C_out, 2H + k − 2, 2W + k − 2) with `up`.
    """
    x = x * style[:, :, None, None]
    if up:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    else:
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    if not demodulate:
        return x
    # ‖w·s‖² for each output channel, by broadcasting: a matrix product would lose digits under autocast.
    energy = (weight.square().sum((2, 3)) * style.float().square()[:, None]).sum(2)  # (N, C_out)
    return x * torch.rsqrt(energy + 1e-8)[:, :, None, None].to(x.dtype)


def module_list(modules: Iterable[M]) -> Sequence[M]:
    """Make an `nn.ModuleList` whose type says what is in it."""
    return cast("Sequence[M]", nn.ModuleList(modules))


class EqualLinear(nn.Module):
    """A linear layer with equalized learning rate: weights stored at deviation 1/lr_mul, used at 1/√in."""

    def __init__(self, c_in: int, c_out: int, bias: float = 0.0, lr_mul: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in) / lr_mul)
        self.bias = nn.Parameter(torch.full((c_out,), bias))
        self.lr_mul = lr_mul

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, c_in) to (…, c_out)."""
        scale = self.lr_mul / math.sqrt(self.weight.shape[1])
        return F.linear(x, self.weight * scale, self.bias * self.lr_mul)
