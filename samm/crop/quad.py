"""Crops as quads: placing one, cutting it out as FFHQ was cut.

Letters: H W pixels of the photo.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from samm.errors import OptionError, PhotoError

__all__ = [
    "MAX_CROP_PX",
    "MIN_CROP_PX",
    "Placement",
    "crop_face",
    "manual_quad",
    "perpendicular",
    "quad_placement",
    "reduce_picture",
    "sample_quad",
    "side",
    "square",
]

MIN_CROP_PX, MAX_CROP_PX = 20, 20_000


class Placement(NamedTuple):
    """Where a crop lies: what the sliders of the manual crop show. Unpacks into `manual_quad`."""

    center_xy: tuple[float, float]
    size_px: float
    turn_deg: float


def manual_quad(center_xy: tuple[float, float], size_px: float, turn_deg: float) -> np.ndarray:
    """Place a crop by hand.

    Args:
        center_xy: Its middle, in photo pixels.
        size_px: Its side, `MIN_CROP_PX`…`MAX_CROP_PX`.
        turn_deg: -180…180; positive turns the crop clockwise, and so uprights a head that leans clockwise.

    Returns:
        The quad, float64 (4, 2).

    Raises:
        OptionError: A value is not a number or out of its range.
    """
    # An emptied number box gives None, which becomes NaN here and fails every comparison.
    numbers = np.array([*center_xy, size_px, turn_deg], dtype=np.float64)
    center_x, center_y, size_px, turn_deg = numbers.tolist()
    if not (math.isfinite(center_x) and math.isfinite(center_y)):
        raise OptionError(
            f"The crop cannot be centered at {center_x:g}, {center_y:g}; give two numbers of pixels."
        )
    if not MIN_CROP_PX <= size_px <= MAX_CROP_PX:
        raise OptionError(
            f"The crop cannot be {size_px:g} pixels wide; choose {MIN_CROP_PX} to {MAX_CROP_PX}."
        )
    if not -180 <= turn_deg <= 180:
        raise OptionError(f"The crop cannot be turned by {turn_deg:g} degrees; choose -180 to 180.")
    turn = math.radians(turn_deg)
    half_side = size_px / 2 * np.array([math.cos(turn), math.sin(turn)])
    return square(np.array([center_x, center_y]), half_side)


def quad_placement(quad: np.ndarray) -> Placement:
    """Tell center, side and turn of a quad (4, 2): `manual_quad` inverted, to start from a found face."""
    top_left, _, _, top_right = quad
    across = top_right - top_left
    center_x, center_y = np.mean(quad, axis=0).tolist()
    turn_deg = math.degrees(math.atan2(across[1], across[0]))
    return Placement((center_x, center_y), math.hypot(*across), turn_deg)


def crop_face(photo_u8: np.ndarray, quad: np.ndarray, size: int = 1024) -> np.ndarray:
    """Cut a quad out of the photo as an upright square, in the four steps of FFHQ's own script.

    Where the quad leaves the photo, the picture is continued by its reflection, blurred and faded to its
    median color.

    Args:
        photo_u8: uint8 (H, W, 3).
        quad: (4, 2), corners of a square.
        size: Side of the result, in pixels.

    Returns:
        uint8 (size, size, 3).

    Raises:
        PhotoError: The middle of the quad lies outside the photo.
    """
    height, width = photo_u8.shape[:2]
    center_x, center_y = quad_placement(quad).center_xy
    if not (0 <= center_x < width and 0 <= center_y < height):
        raise PhotoError("The crop lies mostly outside the photo; move its center back onto the face.")
    quad = quad + 0.5  # from here on in edge coordinates: the first pixel covers 0…1
    quad_px = side(quad)

    # Step 2 before step 1: only the surroundings of the quad are worth reducing.
    border = max(round(0.1 * quad_px), 3)
    low, high = np.floor(quad.min(0)) - border, np.ceil(quad.max(0)) + border
    left, top = np.maximum(low, 0).astype(int)
    right, bottom = np.minimum(high, (width, height)).astype(int)
    picture = Image.fromarray(photo_u8[top:bottom, left:right])
    quad, low, high = quad - (left, top), low - (left, top), high - (left, top)

    # Step 1. With at least one sample per pixel left in step 4, nothing can alias there.
    samples = 2 * size
    if quad_px > samples:
        picture, ratio = reduce_picture(picture, samples / quad_px)
        quad, low, high = quad * ratio, low * ratio, high * ratio
        quad_px, border = side(quad), border * ratio.min()

    # Step 3.
    missing = np.maximum([*-low, *(high - picture.size)], 0)  # left, top, right, bottom
    if missing.max() > border - 4:
        pads = np.maximum(np.ceil(missing), round(0.3 * quad_px)).astype(int)
        picture = _extend(picture, pads, quad_px)
        quad = quad + pads[:2]

    return sample_quad(picture, quad, (size, size))  # step 4


def reduce_picture(picture: Image.Image, scale: float) -> tuple[Image.Image, np.ndarray]:
    """Scale a picture down without aliasing; give also the ratio (2,) it came to in whole pixels."""
    size = [max(round(side * scale), 1) for side in picture.size]
    # First by a whole factor to about three times the size, then LANCZOS: as good, and several times as fast.
    reduced = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return reduced, np.array(size) / picture.size


def sample_quad(picture: Image.Image, quad: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Sample a picture, reduced already, within a quad, twice as densely as the result: FFHQ's fourth step.

    Args:
        picture: RGB.
        quad: (4, 2), corners of a rectangle in edge coordinates, from which Pillow, too, counts.
        size: (width, height) of the result, in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    width, height = size
    samples = picture.transform(
        (2 * width, 2 * height), Image.Transform.QUAD, quad.ravel().tolist(), Image.Resampling.BICUBIC
    )
    return np.array(samples.resize(size, Image.Resampling.LANCZOS))


def perpendicular(vector: np.ndarray) -> np.ndarray:
    """Turn (a, b) into (-b, a): a quarter clockwise, as y points down."""
    return np.array([-vector[1], vector[0]])


def square(center: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Build a quad (4, 2) from its center and the vector from there to the middle of its right side."""
    y = perpendicular(x)
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def side(quad: np.ndarray) -> float:
    """Length of a quad's upper side."""
    return math.dist(quad[0], quad[3])


def _extend(picture: Image.Image, pads: np.ndarray, quad_px: float) -> Image.Image:
    """Continue a picture beyond its borders by (left, top, right, bottom) pixels, FFHQ's third step.

    With d = 1 at the new edge and 0 at the old border, the reflection is blended toward its blur by 3d + 1,
    which starts a little inside the old border, and toward its median color by d.
    """
    left, top, right, bottom = pads.tolist()
    image = np.pad(np.asarray(picture), ((top, bottom), (left, right), (0, 0)), mode="reflect")
    height, width = image.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    depth_x = 1 - np.minimum(x / left, (width - 1 - x) / right)  # (W,)
    depth_y = 1 - np.minimum(y / top, (height - 1 - y) / bottom)  # (H, 1)
    depth = np.maximum(depth_x, depth_y)[..., None]  # (H, W, 1)

    blur = ImageFilter.GaussianBlur(0.02 * quad_px)
    blurred = np.asarray(Image.fromarray(image).filter(blur), dtype=np.float32)
    extended = image.astype(np.float32)
    extended += (blurred - extended) * np.clip(3 * depth + 1, 0, 1)
    median = np.median(extended[::4, ::4], axis=(0, 1))  # a sixteenth of the pixels tells it as well
    extended += (median - extended) * np.clip(depth, 0, 1)
    return Image.fromarray(np.rint(extended.clip(0, 255)).astype(np.uint8))
