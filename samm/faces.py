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

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image, ImageFilter

from samm.detector import Detections
from samm.errors import OptionError, PhotoError

__all__ = [
    "MAX_CROP_PX",
    "MIN_CROP_PX",
    "NO_FACE",
    "Face",
    "FaceDetector",
    "Placement",
    "crop_face",
    "face_warnings",
    "ffhq_quad",
    "find_faces",
    "manual_quad",
    "paste_back",
    "quad_placement",
    "reduce_picture",
    "sample_quad",
]

NO_FACE = "No face found. Try a photo where both eyes are visible, or place the crop yourself below."

MIN_CROP_PX, MAX_CROP_PX = 20, 20_000

_SOFT_BELOW_PX = 200  # narrower faces have less detail than the generator draws
_SURE_SCORE = 0.9  # weaker finds are mostly hands and wallpaper: they count only if there is nothing better
_DUPLICATE_OVERLAP = 0.5  # of the smaller box
_FRONTAL_NOSE = (0.1, 0.9)  # where a nose may be between the left (0) and the right eye (1)
_BAND_ROWS = 256  # of a photo pasted into at once: bounds the memory for photos of 40 megapixels


class FaceDetector(Protocol):
    """What finds faces: `samm.detector.Detector`, or a stand-in for tests."""

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


class Placement(NamedTuple):
    """Where a crop lies: what the sliders of the manual crop show. Unpacks into `manual_quad`."""

    center_xy: tuple[float, float]
    size_px: float
    turn_deg: float


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

    upright = eye_to_eye - _perpendicular(eyes_to_mouth)  # both say how the head is tilted
    length = np.hypot(*upright)
    if not length > 0:
        raise ValueError(f"eyes and mouth give no direction: {points.tolist()}")
    half_side = max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eyes_to_mouth))
    return _quad(eyes + 0.1 * eyes_to_mouth, upright / length * half_side)


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
    return _quad(np.array([center_x, center_y]), half_side)


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
    quad_px = _side(quad)

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
        quad_px, border = _side(quad), border * ratio.min()

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


def paste_back(
    photo_u8: np.ndarray,
    quad: np.ndarray,
    portrait_u8: np.ndarray,
    keep_photo: np.ndarray | None = None,
    feather: float = 0.06,
) -> np.ndarray:
    """Put a portrait back into the photo its crop was taken from.

    This is Eq. 4 at the photo's own resolution: pixels kept from the photo stay as sharp as the camera made
    them. Pixels outside the quad stay identical; what of the quad lies outside the photo is left out.

    Args:
        photo_u8: The untouched photo, uint8 (H, W, 3).
        quad: (4, 2), the quad given to `crop_face`, or the rectangle that the portrait fills.
        portrait_u8: uint8 (h, w, 3); with `keep_photo`, the generated picture before blending.
        keep_photo: Float (h, w) in 0…1, of any size; 1 = the photo's pixel survives. All 0 if not given.
        feather: Width of the soft edge as a fraction of the quad's sides, above 0, at most 0.5.

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
    portrait = _fit(Image.fromarray(portrait_u8), _side(quad))
    if keep_photo is not None:
        keep = _fit(Image.fromarray(np.ascontiguousarray(keep_photo, dtype=np.float32)), _side(quad))

    for row in range(top, bottom, _BAND_ROWS):
        end = min(row + _BAND_ROWS, bottom)
        area, band = (left, row, right, end), (slice(row, end), slice(left, right))
        alpha = _feather(quad, area, feather)
        if keep_photo is not None:
            alpha *= 1 - np.clip(_place(keep, quad, area), 0, 1)
        old = photo_u8[band].astype(np.float32)
        new = _place(portrait, quad, area)
        result[band] = np.rint(old + alpha[..., None] * (new - old)).astype(np.uint8)
    return result


def _perpendicular(vector: np.ndarray) -> np.ndarray:
    """Turn (a, b) into (-b, a): a quarter clockwise, as y points down."""
    return np.array([-vector[1], vector[0]])


def _quad(center: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Build a quad (4, 2) from its center and the vector from there to the middle of its right side."""
    y = _perpendicular(x)
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def _side(quad: np.ndarray) -> float:
    """Length of a quad's upper side."""
    return math.dist(quad[0], quad[3])


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Area two boxes share, as a fraction of the smaller one."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    smaller = min((right - left) * (bottom - top) for left, top, right, bottom in (box, other))
    return max(width, 0) * max(height, 0) / max(smaller, 1)


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


def _feather(quad: np.ndarray, area: tuple[int, int, int, int], feather: float) -> np.ndarray:
    """Weigh the pixels of an area, (h, w): 0 outside the quad and at its border, rising smoothly to 1."""
    left, top, right, bottom = area
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    weight = np.ones((bottom - top, right - left), dtype=np.float32)
    for along_x, along_y, offset in _to_unit(quad).tolist():
        place = along_x * x + along_y * y + offset  # 0…1 within the quad
        ramp = np.clip(np.minimum(place, 1 - place) / feather, 0, 1)
        weight *= ramp * ramp * (3 - 2 * ramp)
    return weight
