"""Cars in a photo: cropping as their generator was trained (paper, section 4.2); no car is searched for.

The crop is given by its quad, as that of a face is, and the quad is a square here, too. Its middle rows hold
the picture, of sides 4:3; the bars above and below are black, whatever the photo shows there.

Letters: H W pixels of the photo.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from samm.crop.quad import manual_quad, reduce_picture, sample_quad
from samm.errors import PhotoError
from samm.frame import Frame

__all__ = ["CAR_FRAME", "center_quad", "crop_car"]

CAR_FRAME = Frame(height=0.75)  # 512×384 pixels in 512×512; section 4.2 of the paper
_ROUNDING_PX = 0.01  # a corner may be this far outside


def center_quad(photo_u8: np.ndarray) -> np.ndarray:
    """Place the largest crop, upright, at the middle of a photo (H, W, 3): the quad, float64 (4, 2).

    Raises:
        OptionError: the photo is too small or too large for a crop, see `samm.crop.quad.manual_quad`.
    """
    height, width = photo_u8.shape[:2]
    return manual_quad(((width - 1) / 2, (height - 1) / 2), min(width, height / CAR_FRAME.height), 0.0)


def crop_car(photo_u8: np.ndarray, quad: np.ndarray, size: int = 512) -> np.ndarray:
    """Cut a quad out of the photo as an upright square, with black bars around the picture's rows.

    Args:
        photo_u8: uint8 (H, W, 3).
        quad: (4, 2), corners of a square; its bars may lie outside the photo.
        size: edge of the result, in pixels.

    Returns:
        uint8 (size, size, 3).

    Raises:
        PhotoError: the picture's rows reach beyond the photo, where there is nothing to show.
    """
    height, width = photo_u8.shape[:2]
    corners = CAR_FRAME.inner(quad) + 0.5  # edge coordinates: the first pixel covers 0…1
    limits = np.array([width, height])
    if (corners < -_ROUNDING_PX).any() or (corners > limits + _ROUNDING_PX).any():
        raise PhotoError(
            f"The crop of the car, {CAR_FRAME.height:g} times as high as wide, reaches beyond the photo of "
            f"{width}×{height} pixels; make it smaller or move its center."
        )
    left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0)), limits).astype(int)
    picture, corners = Image.fromarray(photo_u8[top:bottom, left:right]), corners - (left, top)
    shrink = 2 * size / math.dist(corners[0], corners[3])  # to two samples per pixel, as for faces
    if shrink < 1:
        picture, ratio = reduce_picture(picture, shrink)
        corners = corners * ratio
    crop = np.zeros((size, size, 3), np.uint8)
    shown = CAR_FRAME.trim(crop)
    shown[:] = sample_quad(picture, corners, (size, len(shown)))
    return crop
