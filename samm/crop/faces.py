"""Faces in a photo: finding them, cropping as FFHQ does, pasting the portrait back.

*Cropping* turns and scales the photo so that eyes and mouth sit where the generator has learned them. A crop
is given by its *quad*, the corners of a square in the photo: top-left, bottom-left, bottom-right, top-right.
Points and quads are (x, y) in photo pixels, y down, the center of the first pixel being (0, 0).

We differ from NVlabs/ffhq-dataset in speed and precision only: the surroundings are cut off before the photo
is reduced; it is reduced by any factor, not just whole ones; it is sampled bicubically at twice the size of
the result, not bilinearly at 4096; and scaled coordinates keep track of the half pixel, so that a portrait is
pasted back exactly where its crop was taken.

Letters: H W pixels of the photo, h w pixels of a crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from samm.crop.quad import perpendicular, square
from samm.networks.detector import Detections

__all__ = [
    "NO_FACE",
    "Face",
    "FaceDetector",
    "face_warnings",
    "ffhq_quad",
    "find_faces",
]

NO_FACE = "No face found. Try a photo where both eyes are visible, or place the crop yourself below."

_SOFT_BELOW_PX = 200  # narrower faces have less detail than the generator draws
_SURE_SCORE = 0.9  # weaker finds are mostly hands and wallpaper: they count only if there is nothing better
_DUPLICATE_OVERLAP = 0.5  # of the smaller box
_FRONTAL_NOSE = (0.1, 0.9)  # where a nose may be between the left (0) and the right eye (1)


class FaceDetector(Protocol):
    """What finds faces: `samm.networks.detector.Detector`, or a stand-in for tests."""

    def detect(self, image_u8: np.ndarray) -> Detections:
        """Find the faces of a photo, uint8 (H, W, 3)."""
        ...


@dataclass(frozen=True)
class Face:
    """A face found in a photo, in photo pixels.

    Attributes:
        box: Left, top, right, bottom; may reach outside the photo.
        points: Five (x, y): left eye, right eye, nose, left and right corner of the mouth, where left and
            right are as seen in the picture.
        score: How sure the detector is, 0…1.
    """

    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]
    score: float

    @property
    def width_px(self) -> float:
        """Width of the box."""
        return self.box[2] - self.box[0]

    @property
    def center_xy(self) -> tuple[float, float]:
        """Middle of the box, for saying which face is the left one."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def quad(self) -> np.ndarray:
        """The FFHQ crop of this face, (4, 2)."""
        return ffhq_quad(self.points)

    @property
    def is_profile(self) -> bool:
        """Whether the face is turned so far that the nose is near, or beyond, one of the eyes."""
        left_eye, right_eye, nose = np.array(self.points[:3])
        across = right_eye - left_eye
        along = (nose - left_eye) @ across  # along the line of the eyes, so that a tilted head is no profile
        nearest, farthest = _FRONTAL_NOSE
        return not nearest * (across @ across) < along < farthest * (across @ across)


def find_faces(photo_u8: np.ndarray, detector: FaceDetector) -> list[Face]:
    """Find the faces of a photo, largest first; an empty list if there is none (then say `NO_FACE`).

    Left out are doubtful finds beside sure ones, finds within surer ones, and those mostly outside the photo.

    Args:
        photo_u8: uint8 (H, W, 3).
        detector: A loaded detector.
    """
    found = detector.detect(photo_u8)
    values = zip(found.boxes.tolist(), found.points.tolist(), found.scores.tolist(), strict=True)
    faces = [Face(tuple(box), tuple(map(tuple, points)), score) for box, points, score in values]
    height, width = photo_u8.shape[:2]
    faces = [face for face in faces if 0 <= face.center_xy[0] < width and 0 <= face.center_xy[1] < height]
    faces.sort(key=lambda face: face.score, reverse=True)
    if faces and faces[0].score >= _SURE_SCORE:
        faces = [face for face in faces if face.score >= _SURE_SCORE]
    distinct: list[Face] = []
    for face in faces:
        if all(_overlap(face.box, surer.box) <= _DUPLICATE_OVERLAP for surer in distinct):
            distinct.append(face)
    return sorted(distinct, key=lambda face: face.width_px, reverse=True)


def face_warnings(face: Face) -> list[str]:
    """Say what may spoil the result with this face, in sentences for the visitor."""
    warnings = []
    if face.width_px < _SOFT_BELOW_PX:
        warnings.append(
            f"The face is only {face.width_px:.0f} pixels wide, so the result will be soft. "
            f"{_SOFT_BELOW_PX} or more works best."
        )
    if face.is_profile:
        warnings.append("This face is turned far to the side; the generator has seen few like it.")
    return warnings


def ffhq_quad(points: np.ndarray | tuple[tuple[float, float], ...]) -> np.ndarray:
    """Place the FFHQ crop by eyes and mouth.

    Args:
        points: (5, 2) in the order of `Face.points`; the nose is not used.

    Returns:
        The quad, float64 (4, 2).

    Raises:
        ValueError: The points are of another shape, or eyes and mouth coincide.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (5, 2):
        raise ValueError(f"expected points (5, 2), got {points.shape}")
    left_eye, right_eye, _, left_mouth, right_mouth = points
    eyes = (left_eye + right_eye) / 2
    eye_to_eye = right_eye - left_eye
    eyes_to_mouth = (left_mouth + right_mouth) / 2 - eyes

    upright = eye_to_eye - perpendicular(eyes_to_mouth)  # both say how the head is tilted
    length = np.hypot(*upright)
    if not length > 0:
        raise ValueError(f"eyes and mouth give no direction: {points.tolist()}")
    half_side = max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eyes_to_mouth))
    return square(eyes + 0.1 * eyes_to_mouth, upright / length * half_side)


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Area two boxes share, as a fraction of the smaller one."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    smaller = min((right - left) * (bottom - top) for left, top, right, bottom in (box, other))
    return max(width, 0) * max(height, 0) / max(smaller, 1)
