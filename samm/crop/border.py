"""The border of a crop that is pasted back: nothing may change there, or the photo shows a rectangle.

The *change* is what pasting would add to the photo, kept pixels considered. It has two parts. Its *drift* is
what the change is along the border, continued smoothly inward: a wall that the generator drew in another
shade, hair in a new color that leaves the crop. It fades in over the whole way from the border to the face.
What is left is the change proper, a new outline or a lock of hair: where it is large it fades in close to the
border, so that no half-transparent ghost of the old state stays, and where it is small it does as the drift.

Letters: S edge of the maps; u, v in 0…1 across and down the crop.
"""

from __future__ import annotations

import numpy as np

__all__ = ["MAP_SIZE", "drift_and_content", "narrow_ramp", "wide_ramp"]

MAP_SIZE = 128
_SOFT_PX = 3.0  # deviation of the blur, in pixels of the maps, under which change is drift or proper
_CONTENT = (10.0, 30.0)  # levels of change proper: none, all of it fades in close to the border
_UNTOUCHED = 0.01  # of the crop's edge, at its border
# The ellipse in which an FFHQ crop has its face: center and half axes.
_FACE_UV, _FACE_RADII = (0.5, 0.54), (0.27, 0.36)


def drift_and_content(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a change into its drift and a weight that says where there is more to it.

    Args:
        change: float32 (S, S, 3) in levels, what pasting would add to the photo.

    Returns:
        The drift (S, S, 3) in levels, and the weight of the change proper, (S, S) in 0…1.
    """
    drift = _from_border(_blur(change))
    low, high = _CONTENT
    proper = np.abs(_blur(change - drift)).max(axis=2)
    return drift, _smooth((proper - low) / (high - low))


def wide_ramp(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rise from 0 at the border to 1 at the face."""
    to_border = _to_border(u, v)
    (center_u, center_v), (radius_u, radius_v) = _FACE_UV, _FACE_RADII
    distance = np.hypot((u - center_u) / radius_u, (v - center_v) / radius_v) - 1
    to_face = np.maximum(distance, 0) * min(_FACE_RADII)
    return _smooth(to_border / np.maximum(to_border + to_face, 1e-6))


def narrow_ramp(u: np.ndarray, v: np.ndarray, feather: float) -> np.ndarray:
    """Rise from 0 at the border to 1 at `feather`, a fraction of the crop's edge."""
    return _smooth(_to_border(u, v) / feather)


def _to_border(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Measure the distance to the untouched frame within the border; 0 from there on outward."""
    return np.maximum(np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) - _UNTOUCHED, 0)


def _from_border(field: np.ndarray) -> np.ndarray:
    """Continue the border of a field (S, S, 3) inward, as a Coons patch does."""
    t = np.linspace(0, 1, len(field), dtype=np.float32)
    u, v = t[None, :, None], t[:, None, None]
    sides = (1 - u) * field[:, :1] + u * field[:, -1:] + (1 - v) * field[:1] + v * field[-1:]
    top = (1 - u) * field[:1, :1] + u * field[:1, -1:]
    bottom = (1 - u) * field[-1:, :1] + u * field[-1:, -1:]
    return sides - (1 - v) * top - v * bottom


def _blur(field: np.ndarray) -> np.ndarray:
    """Blur a field (S, S, 3) by a Gaussian that ends at the border."""
    places = np.arange(len(field), dtype=np.float32)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * _SOFT_PX**2))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("ij,jkc,lk->ilc", weights, field, weights, optimize=True)


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
