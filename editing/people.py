"""Several people in one photo: each drawn on a crop of its own, and all pasted into the same whole photo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from samm.crop.crop import Photo
from samm.picture import Picture

__all__ = ["everybody", "join"]


def join(photo: Photo, pictures: Iterable[Picture]) -> np.ndarray:
    """Paste pictures into the photo their crops were taken from; where two overlap, the later lies above.

    Args:
        photo: upright, as the crops know it.
        pictures: taken one at a time, so they may be drawn while this goes on.

    Returns:
        uint8 (H, W, 3), or (H, W, 4) with the photo's own opacity.

    Raises:
        PhotoError: the photo's file cannot be read any more.
    """
    whole = photo.pixels
    for picture in pictures:
        whole = picture.crop.paste(picture.aligned, picture.mask, onto=whole)
    return photo.file.with_alpha(whole)


def everybody(photo: Photo, edits: Mapping[int, Picture]) -> np.ndarray:
    """Give the whole photo with every face changed that has an edit, the largest face above.

    Args:
        photo: see `join`.
        edits: by the number of the face, 0 for the largest.

    Raises:
        PhotoError: see `join`.
    """
    return join(photo, [edits[number] for number in sorted(edits, reverse=True)])
