"""Photos without color of their own: black and white, sepia, cyanotype.

The generator has learned color photos only and draws blue eyes into any portrait. Of a toned photo all color
is a function of luminance, its *tone*; what is drawn is brought to the photo's tone by its luminance.

Color is measured in Y'CbCr (ITU-R BT.601, full range, as in JPEG). JPEG stores Cb and Cr coarsely and in
8 × 8 blocks, so a grey photo has a little chroma of noise: what counts is how much is left in cells.
Levels are 0…255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["Tone", "tone_of"]

_CELLS, _CELL_PX = 64, 8  # a side, and their edges: noise and JPEG's blocks are averaged away
_BINS = 24  # of luminance
# What may be left of the chroma of a photo without color of its own, in levels: root mean square and 99th
# percentile, since a red mouth in a pale photo is small. JPEG leaves more where the tone is strong.
_OWN_CHROMA, _OWN_PEAK, _STRONG = 1.3, 3.2, 80
_LUMA = (0.299, 0.587, 0.114)
_CR, _CB = 1.402, 1.772  # R - Y = 1.402 Cr, B - Y = 1.772 Cb


@dataclass(frozen=True)
class Tone:
    """The colors of a toned photo by luminance.

    Attributes:
        chroma: Cb and Cr at `_BINS` luminances from 0 to 255, as plain numbers, in levels around 0.
    """

    chroma: tuple[tuple[float, float], ...]

    def apply(self, image_pm1: Tensor) -> Tensor:
        """Give a picture (N, 3, H, W) in -1…1 the tone; its luminance stays, but where colors are clipped."""
        weights = image_pm1.new_tensor(_LUMA).view(1, 3, 1, 1)
        luma = (image_pm1 * weights).sum(1, keepdim=True)  # (N, 1, H, W)
        table = image_pm1.new_tensor(self.chroma) / 127.5  # (bins, 2)
        place = ((luma + 1) / 2 * (_BINS - 1)).clamp(0, _BINS - 1)
        low = place.floor().clamp(max=_BINS - 2).long()
        cb, cr = torch.lerp(table[low], table[low + 1], (place - low)[..., None]).unbind(-1)
        red, blue = luma + _CR * cr, luma + _CB * cb
        green = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
        return torch.cat([red, green, blue], 1).clamp(-1, 1)


def tone_of(image_u8: np.ndarray) -> Tone | None:
    """Give the tone of a picture, uint8 (H, W, 3), that has no color of its own; None for color photos."""
    chroma, shares = _small_chroma(image_u8)
    tone = _fit(shares, chroma)
    toned = shares @ tone
    left = np.hypot(*(chroma - toned).T) / (1 + np.sqrt(np.mean(toned**2)) / _STRONG)
    if np.sqrt(np.mean(left**2)) > _OWN_CHROMA or np.percentile(left, 99) > _OWN_PEAK:
        return None
    return Tone(tuple((float(cb), float(cr)) for cb, cr in np.round(tone, 3)))


def _small_chroma(image_u8: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average a picture's Cb and Cr over K cells, and tell how much of each luminance a cell has.

    With those shares (K, bins) a cell's chroma (K, 2) is linear in the tone, also where it lies on an edge.
    """
    size = _CELLS * _CELL_PX
    sampled = Image.fromarray(image_u8).resize((size, size), Image.Resampling.NEAREST)
    rgb = np.asarray(sampled, dtype=np.float32)
    rgb = rgb.reshape(_CELLS, _CELL_PX, _CELLS, _CELL_PX, 3).swapaxes(1, 2).reshape(-1, _CELL_PX**2, 3)
    luma = rgb @ np.array(_LUMA, np.float32)  # (K, pixels)
    place = luma / 255 * (_BINS - 1)
    shares = np.stack([np.maximum(1 - np.abs(place - k), 0).mean(1) for k in range(_BINS)], axis=1)
    red_blue = (rgb[..., ::2] - luma[..., None]).mean(1)
    return red_blue[:, ::-1] / np.array([_CB, _CR]), shares


def _fit(shares: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Fit a tone (bins, 2) to the chroma of cells, smooth where there is little of a luminance."""
    bends = np.diff(np.eye(_BINS), 2, axis=0)  # second differences
    smooth = 1e-4 * len(shares) * bends.T @ bends + 1e-9 * np.eye(_BINS)
    return np.linalg.solve(shares.T @ shares + smooth, shares.T @ chroma)
