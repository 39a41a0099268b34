"""Whether what was found is a photographed human face: of a fox or a cartoon the inversion is nonsense."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samm.crop.faces import Face

__all__ = ["NOT_A_FACE", "unlike_a_photo"]

NOT_A_FACE = (
    "This does not look like a photographed human face; the result will be another face, so choose a photo "
    "of a person or go on all the same."
)
_SURE = 0.99  # of 66 photographed faces none scores less than .996
_FLAT = 0.6  # share of a drawn face without any shading; photographed ones have .11 at most
_SMALL_PX = 96  # at which a photo, however soft, is shaded


def unlike_a_photo(photo_u8: np.ndarray, face: Face) -> str | None:
    """Give `NOT_A_FACE` where the detector doubts a face, or where most of it is flat color, else None.

    Args:
        photo_u8: the photo the face was found in, uint8 (H, W, 3).
        face: not too far outside it.
    """
    height, width = photo_u8.shape[:2]
    left, top = (max(round(value), 0) for value in face.box[:2])
    right, bottom = min(round(face.box[2]), width), min(round(face.box[3]), height)
    if right - left < 2 or bottom - top < 2:
        return None
    small = Image.fromarray(photo_u8[top:bottom, left:right])
    small.thumbnail((_SMALL_PX, _SMALL_PX), Image.Resampling.BOX)
    levels = np.asarray(small, dtype=np.int16)
    across = np.abs(np.diff(levels, axis=1)).max(2)[1:]
    down = np.abs(np.diff(levels, axis=0)).max(2)[:, 1:]
    flat = np.mean((across <= 1) & (down <= 1))
    return NOT_A_FACE if face.score < _SURE or flat > _FLAT else None
