"""Putting a portrait back into its photo.

Letters: H W pixels of the photo, h w of the portrait.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from samm.crop.border import MAP_SIZE, drift_and_content, narrow_ramp, wide_ramp
from samm.crop.quad import reduce_picture, sample_quad, side
from samm.errors import OptionError

__all__ = [
    "paste_back",
]

_BAND_ROWS = 256  # of a photo pasted into at once: bounds the memory for photos of 40 megapixels


def paste_back(
    photo_u8: np.ndarray,
    quad: np.ndarray,
    portrait_u8: np.ndarray,
    keep_photo: np.ndarray | None = None,
    feather: float = 0.12,
) -> np.ndarray:
    """Put a portrait back into the photo its crop was taken from.

    This is Eq. 4 at the photo's own resolution: pixels kept from the photo stay as sharp as the camera made
    them. Pixels outside the quad and at its border stay identical, so that no rectangle shows; what of the
    quad lies outside the photo is left out.

    Args:
        photo_u8: The untouched photo, uint8 (H, W, 3).
        quad: (4, 2), the quad given to `crop_face`, or the rectangle that the portrait fills.
        portrait_u8: uint8 (h, w, 3); with `keep_photo`, the generated picture before blending.
        keep_photo: Float (h, w) in 0…1, of any size; 1 = the photo's pixel survives. All 0 if not given.
        feather: Width of the soft edge of what changed much, as a fraction of the quad's sides, above 0, at
            most 0.5; what changed little fades in over the whole way to the face, see `samm.crop.border`.

    Returns:
        A new picture, uint8 (H, W, 3).

    Raises:
        OptionError: The feather is out of its range.
    """
    if not 0 < feather <= 0.5:
        raise OptionError(f"The soft edge cannot be {feather:g} of the crop; choose above 0 and at most 0.5.")
    height, width = photo_u8.shape[:2]
    result = photo_u8.copy()
    quad = quad + 0.5  # edge coordinates
    left, top = np.clip(np.floor(quad.min(0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(quad.max(0)), 0, (width, height)).astype(int).tolist()
    keep_photo = np.zeros((1, 1)) if keep_photo is None else keep_photo
    portrait = _fit(Image.fromarray(portrait_u8), side(quad))
    keep = _fit(Image.fromarray(np.ascontiguousarray(keep_photo, dtype=np.float32)), side(quad))
    drift, content = drift_and_content(_small_change(photo_u8, quad, portrait, keep))
    maps = [Image.fromarray(np.ascontiguousarray(field)) for field in (*np.moveaxis(drift, 2, 0), content)]

    for row in range(top, bottom, _BAND_ROWS):
        end = min(row + _BAND_ROWS, bottom)
        area, band = (left, row, right, end), (slice(row, end), slice(left, right))
        old = photo_u8[band].astype(np.float32)
        change = (1 - np.clip(_place(keep, quad, area), 0, 1))[..., None] * (
            _place(portrait, quad, area) - old
        )
        *drifts, proper = (_place(field, quad, area) for field in maps)
        u, v = _uv(quad, area)
        wide, narrow = wide_ramp(u, v), narrow_ramp(u, v, feather)
        own = (wide + (narrow - wide) * proper)[..., None]
        drifted = np.stack(drifts, axis=2)
        new = old + wide[..., None] * drifted + own * (change - drifted)
        result[band] = np.rint(new.clip(0, 255)).astype(np.uint8)
    return result


def _small_change(
    photo_u8: np.ndarray, quad: np.ndarray, portrait: Image.Image, keep: Image.Image
) -> np.ndarray:
    """Give the whole change in small, (MAP_SIZE, MAP_SIZE, 3) in levels; beyond the photo there is none."""
    height, width = photo_u8.shape[:2]
    # The photo's surroundings are reduced first, so that sampling them cannot alias.
    left, top = np.clip(np.floor(quad.min(0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(quad.max(0)), 0, (width, height)).astype(int).tolist()
    if left >= right or top >= bottom:
        return np.zeros((MAP_SIZE, MAP_SIZE, 3), np.float32)
    corners, picture = quad - (left, top), Image.fromarray(photo_u8[top:bottom, left:right])
    if side(quad) > 2 * MAP_SIZE:
        picture, ratio = reduce_picture(picture, 2 * MAP_SIZE / side(quad))
        corners = corners * ratio
    size = (MAP_SIZE, MAP_SIZE)
    photo = sample_quad(picture, corners, size).astype(np.float32)
    inside = sample_quad(Image.new("L", picture.size, 255), corners, size) > 250
    drawn = np.asarray(portrait.resize(size, Image.Resampling.BOX), np.float32)
    weight = inside * (1 - np.asarray(keep.resize(size, Image.Resampling.BOX)))
    return weight[..., None] * (drawn - photo)


def _fit(picture: Image.Image, width_px: float) -> Image.Image:
    """Reduce a picture that is larger than its place, so that placing it cannot alias."""
    size = [min(side, max(round(width_px * side / picture.width), 1)) for side in picture.size]
    # Masks are float pictures; LANCZOS would ring beyond 0…1 at their hard edges.
    soft = Image.Resampling.BILINEAR if picture.mode == "F" else Image.Resampling.LANCZOS
    return picture.resize(size, soft)


def _to_unit(quad: np.ndarray) -> np.ndarray:
    """Give the matrix (2, 3) from photo (x, y, 1), in edge coordinates, to 0…1 across and down the quad."""
    top_left, bottom_left, _, top_right = quad
    inverse = np.linalg.inv(np.stack([top_right - top_left, bottom_left - top_left], axis=1))
    return np.column_stack([inverse, -inverse @ top_left])


def _place(picture: Image.Image, quad: np.ndarray, area: tuple[int, int, int, int]) -> np.ndarray:
    """Warp a picture that fills the quad into an area (left, top, right, bottom): float32 (h, w[, 3])."""
    left, top, right, bottom = area
    matrix = _to_unit(quad - (left, top)) * np.array(picture.size)[:, None]
    smooth = Image.Resampling.BILINEAR if picture.mode == "F" else Image.Resampling.BICUBIC
    placed = picture.transform(
        (right - left, bottom - top), Image.Transform.AFFINE, matrix.ravel().tolist(), smooth
    )
    return np.asarray(placed, dtype=np.float32)


def _uv(quad: np.ndarray, area: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give the place of an area's pixels across and down the quad, (h, w) each, 0…1 within it."""
    left, top, right, bottom = area
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    u, v = (along_x * x + along_y * y + offset for along_x, along_y, offset in _to_unit(quad).tolist())
    return u, v
