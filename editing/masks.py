"""How an edit meets the inversion's masks (our addition to the paper, which predicts them anew).

The masks say what of the *photo* the generator cannot draw. An edit changes what the generator draws; where
the photo is kept all the same, it shows the state before the edit: hair in the old color, an ear where the
head was, a young eye in an aged face. So the mask is lowered where the edit changed the generator's picture,
with two exceptions:

- far from what the generator draws, because there the edit only made its backdrop waver;
- where photo and un-edited picture disagree, because that is a hat, a hand or a microphone, which no edit has
  to take away. Hair and skin agree with the photo before the edit, and so does the place beside the head to
  which it moves.

Shapes: S edge of the picture; masks are (1, 1, S, S) in 0…1, 1 keeps the photo.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.networks.ops import area_resize

__all__ = ["adaptive_mask", "disagreement"]

COMPARE_SIZE = 256  # edge at which pictures are compared, whatever size they are drawn at
WORK_SIZE = 128  # edge of the maps made from that; lengths below are its pixels
CHANGED = (0.15, 0.4)  # largest channel's change, of a range of 2: none of it counts, all of it counts
SOFT_PX = 1.5  # deviation of the blur before that: hair and noise wander without an edit
REACH_PX = 2  # the change is widened by this, since a contour's old place is seldom wholly under it
NEAR_PX = 6.0  # how far from drawn areas a change still counts
FOREIGN = (0.25, 0.5)  # disagreement of photo and un-edited picture
FOREIGN_PX = 3.0


def adaptive_mask(keep_photo: Tensor, photo_pm1: Tensor, before_pm1: Tensor, after_pm1: Tensor) -> Tensor:
    """Lower a mask where an edit changed the generator's picture; without a change it stays as it is.

    Args:
        keep_photo: (1, 1, S, S), the gathered mask of the inversion.
        photo_pm1: (1, 3, H, H), the crop; this and the next two in any size.
        before_pm1: (1, 3, H, H), the generator's aligned picture of the inversion.
        after_pm1: (1, 3, H, H), that of the edit.
    """
    photo_pm1, before_pm1, after_pm1 = (
        area_resize(picture, COMPARE_SIZE) for picture in (photo_pm1, before_pm1, after_pm1)
    )
    changed = _rise(_blur(_difference(before_pm1, after_pm1), SOFT_PX), CHANGED)
    changed = _blur(F.max_pool2d(changed, 2 * REACH_PX + 1, 1, REACH_PX), 1.0)
    drawn = 1 - area_resize(keep_photo, WORK_SIZE)
    near = (2 * _blur(drawn, NEAR_PX)).clamp(0, 1)
    foreign = _rise(disagreement(photo_pm1, before_pm1, FOREIGN_PX), FOREIGN)
    release = changed * near * (1 - foreign)
    return keep_photo * (1 - F.interpolate(release, size=keep_photo.shape[-1], mode="bilinear"))


def disagreement(photo_pm1: Tensor, drawn_pm1: Tensor, soft_px: float) -> Tensor:
    """Measure how far two pictures are apart around each place: (1, 1, WORK_SIZE, WORK_SIZE) in 0…2."""
    pictures = (area_resize(picture, COMPARE_SIZE) for picture in (photo_pm1, drawn_pm1))
    return _blur(_difference(*pictures), soft_px)


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """Take the largest channel's absolute difference."""
    return area_resize((a - b).abs().amax(1, keepdim=True), WORK_SIZE)


def _rise(values: Tensor, limits: tuple[float, float]) -> Tensor:
    """Map values smoothly from 0 at the lower limit to 1 at the upper."""
    low, high = limits
    t = ((values - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _blur(x: Tensor, sigma_px: float) -> Tensor:
    """Blur (1, 1, H, H) by a Gaussian, with borders replicated."""
    reach = int(1.5 * sigma_px + 0.5)
    steps = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    taps = torch.exp(-(steps**2) / (2 * sigma_px**2))
    taps = taps / taps.sum()
    x = F.pad(x, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))
