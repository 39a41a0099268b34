"""Photos that lie on their side or stand on their head, without a word in the file: turning them upright.

The detector finds faces on their side or upside down only now and then, less surely or with points that lie
askew. So a photo whose best face is sure and straight is never looked at again; for any other all four ways
round are tried on a small copy, and it is turned where that leaves far less doubt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from samm.crop.faces import Face, FaceDetector, find_faces

__all__ = ["find_turn", "turn_photo", "turn_warning"]

_SURE = 0.999  # of upright portraits most score more, of turned ones nearly none
_FOUND = 0.9  # a face for whose sake a photo is turned scores at least this
_DOUBT = 0.5  # what turning must leave of the doubt, or of the lack of faces
_STRAIGHT_DEG = 35.0  # heads lean by less; points of faces on their side mostly lie askew by more
_SMALL_PX = 512  # longer side of the copy that is looked at


def find_turn(photo_u8: np.ndarray, faces: Sequence[Face], detector: FaceDetector) -> int:
    """Tell by how many degrees clockwise a photo must be turned for its faces to be upright.

    Args:
        photo_u8: uint8 (H, W, 3).
        faces: Those found in it as it is.
        detector: A loaded detector.

    Returns:
        0, 90, 180 or 270.
    """
    best, turn_deg = _trust(faces), 0
    if best >= _SURE:
        return 0
    small = Image.fromarray(photo_u8)
    small.thumbnail((_SMALL_PX, _SMALL_PX), reducing_gap=2.0)
    small_u8 = np.asarray(small)
    best = max(best, _trust(find_faces(small_u8, detector)))
    enough = max(_FOUND, 1 - _DOUBT * (1 - best))
    for degrees in (90, 180, 270):
        trust = _trust(find_faces(turn_photo(small_u8, degrees), detector))
        if trust >= enough:
            enough, turn_deg = trust, degrees
    return turn_deg


def turn_photo(pixels: np.ndarray, turn_deg: int) -> np.ndarray:
    """Turn a picture (H, W, …) by a multiple of 90 degrees, clockwise where positive."""
    return np.ascontiguousarray(np.rot90(pixels, -turn_deg // 90))


def turn_warning(turn_deg: int, undo: str) -> str:
    """Say that a photo was turned, and how to undo it."""
    way = {90: "90° clockwise", 180: "180°", 270: "90° counterclockwise"}[turn_deg]
    return f"The photo was turned by {way}, since its face stands upright that way; undo by {undo}."


def _trust(faces: Sequence[Face]) -> float:
    """Give the score of the best face, where one that lies askew counts half; 0 without any."""
    return max((face.score / (1 if _tilt_deg(face) < _STRAIGHT_DEG else 2) for face in faces), default=0.0)


def _tilt_deg(face: Face) -> float:
    """Measure how far a face leans, by its eyes or by the way from them to the mouth, whichever is more."""
    left_eye, right_eye, _, left_mouth, right_mouth = np.array(face.points)
    across, down = right_eye - left_eye, left_mouth + right_mouth - left_eye - right_eye
    return math.degrees(max(abs(math.atan2(across[1], across[0])), abs(math.atan2(down[0], down[1]))))
