"""Clearing: the gathered mask is left where photo and corrected picture still differ.

SAMM predicts its masks before the read-out, and so keeps much that can be drawn once color and light fit.
The smaller the error in the domain, the clearer is what lies outside of it: here the mask becomes a plain
outline of regions, without holes and islands. Where a wall is mottled or felt has turned to fur, colors are
about right and the texture is not, so the difference of local contrasts counts beside that of colors. Our
addition to the paper.

Shapes: S edge of the picture; masks are (1, 1, S, S) in 0…1, 1 keeps the photo.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from samm.method.regions import apart, blur, close, open_, rise
from samm.networks.ops import area_resize

__all__ = ["clear_mask"]

COMPARE_SIZE = 256  # edge at which the pictures are compared
WORK_SIZE = 128  # edge of the maps made from that; lengths below are its pixels
SOFT_PX = 1.5  # deviation of the error's blur
SAY = 0.1  # power of the predicted mask: it has a say, and the error decides
CONTRAST_PX = 2.5  # deviation of the window, at `COMPARE_SIZE`, of which local contrast is the deviation
TEXTURE = 2.0  # times the difference of local contrasts, beside the largest channel's error
WRONG = (0.111, 0.158)  # both together, of a range of 2: drawn below, kept above
MOST = 2.0  # times the predicted mask, which the result does not exceed
ISLAND_PX, HOLE_PX = 2, 3  # half widths of the largest island that goes and hole that is filled
FEATHER_PX = 0.7


def clear_mask(keep_photo: Tensor, photo_pm1: Tensor, corrected_pm1: Tensor) -> Tensor:
    """Keep of the photo only what the corrected picture misses.

    Args:
        keep_photo: (1, 1, S, S), the gathered mask; where it is 0 the result is 0, but for a feather.
        photo_pm1: (1, 3, H, H), the crop; this and the next in any size.
        corrected_pm1: (1, 3, H, H), the aligned picture with the read-out's correction.
    """
    predicted = area_resize(keep_photo, WORK_SIZE)
    photo, corrected = area_resize(photo_pm1, COMPARE_SIZE), area_resize(corrected_pm1, COMPARE_SIZE)
    error = blur(apart(photo, corrected, WORK_SIZE), SOFT_PX)
    error = error + TEXTURE * area_resize((_contrast(photo) - _contrast(corrected)).abs(), WORK_SIZE)
    mask = rise(error * predicted.clamp(0, 1) ** SAY, WRONG)
    mask = close(open_(mask, ISLAND_PX), HOLE_PX).minimum(MOST * close(predicted, HOLE_PX))
    mask = blur(mask, FEATHER_PX)
    size = keep_photo.shape[-1]
    return F.interpolate(mask, size=(size, size), mode="bilinear", align_corners=False)


def _contrast(picture_pm1: Tensor) -> Tensor:
    """Take the local deviation of brightness: (1, 1, H, H)."""
    gray = picture_pm1.mean(1, keepdim=True)
    return blur((gray - blur(gray, CONTRAST_PX)).square(), CONTRAST_PX).sqrt()
