"""Photos on their side: the detector here finds what a test draws, and no file is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samm.crop.crop import Photo
from samm.crop.domains import FACES
from samm.crop.faces import Face
from samm.crop.photo import open_photo
from samm.crop.turn import find_turn, turn_photo, turn_warning
from samm.networks.detector import Detections

EXAMPLES = Path(__file__).parents[3] / "examples"


class CornerDetector:
    """Scores a photo by the corner in which its white mark lies: as drawn, turned by 90, 180, 270."""

    def __init__(self, *scores: float, askew: int = -1) -> None:
        """Take a score for each way round; below 0.6 there is no face. One may have its points askew."""
        self.scores, self.askew, self.looks = scores, askew, []

    def detect(self, image_u8: np.ndarray) -> Detections:
        height, width = image_u8.shape[:2]
        self.looks.append(max(height, width))
        corners = [image_u8[1, 1, 0], image_u8[1, -2, 0], image_u8[-2, -2, 0], image_u8[-2, 1, 0]]
        way = int(np.argmax(corners))
        if self.scores[way] < 0.6:
            return Detections(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))
        points = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)])
        if way == self.askew:
            points = np.stack([points[:, 1], 1 - points[:, 0]], axis=1)
        size = min(height, width) / 2
        box = np.array([[width / 4, height / 4, width / 4 + size, height / 4 + size]])
        return Detections(box, points[None] * size + box[:, None, :2], np.array([self.scores[way]]))


def marked(height: int = 900, width: int = 1200) -> np.ndarray:
    photo = np.zeros((height, width, 3), np.uint8)
    photo[: height // 8, : width // 8] = 255
    return photo


def upright(photo_u8: np.ndarray, detector: CornerDetector) -> tuple[int, np.ndarray, list[Face]]:
    """Turn a photo upright and find its faces: by how much it was turned, what it is now, the faces."""
    photo = Photo(pixels=photo_u8).upright(FACES, detector)
    return photo.turned_deg, photo.pixels, [crop.face for crop in photo.locate(FACES, detector)]


def test_a_sure_face_is_not_looked_at_again() -> None:
    detector = CornerDetector(0.9995, 1.0, 1.0, 1.0)
    turned_deg, photo, faces = upright(marked(), detector)
    assert (turned_deg, len(faces), detector.looks) == (0, 1, [1200])
    assert photo.shape == (900, 1200, 3)


@pytest.mark.parametrize("way", [1, 2, 3])
def test_the_best_way_round_is_taken(way: int) -> None:
    scores = [0.7, 0.8, 0.75, 0.0]
    scores[way] = 0.999
    detector = CornerDetector(*scores)
    turned_deg, photo, faces = upright(marked(), detector)
    assert turned_deg == 90 * way
    np.testing.assert_array_equal(turn_photo(photo, -turned_deg), marked())
    assert faces[0].score == pytest.approx(0.999)
    assert detector.looks == [1200, 512, 512, 512, 512, 1200]  # only small copies are turned on trial
    height, width = photo.shape[:2]
    assert 0 <= faces[0].box[0] < faces[0].box[2] <= width  # in pixels of the turned photo
    assert faces[0].box[3] <= height


def test_without_a_better_way_the_photo_stays() -> None:
    assert find_turn(marked(), [], CornerDetector(0.0, 0.0, 0.8, 0.0)) == 0  # a doubtful find
    assert upright(marked(), CornerDetector(0.99, 0.993, 0.0, 0.0))[0] == 0  # hardly better
    assert upright(marked(), CornerDetector(0.0, 0.0, 0.0, 0.0))[2] == []


def test_a_face_whose_points_lie_askew_is_doubted() -> None:
    assert upright(marked(), CornerDetector(0.9999, 0.0, 0.0, 0.96, askew=0))[0] == 270
    assert upright(marked(), CornerDetector(0.98, 0.0, 0.9999, 0.0, askew=2))[0] == 0


def test_turning_is_clockwise() -> None:
    picture = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(turn_photo(picture, 90), [[3, 0], [4, 1], [5, 2]])
    np.testing.assert_array_equal(turn_photo(turn_photo(picture, 270), 90), picture)
    assert turn_warning(90, "--no-turn") == (
        "The photo was turned by 90° clockwise, since its face stands upright that way; undo by --no-turn."
    )


@pytest.mark.slow
@pytest.mark.parametrize("example", ["astronaut", "hopper"])
@pytest.mark.parametrize("turned_deg", [0, 90, 180, 270])
def test_real_photos(example: str, turned_deg: int, detector) -> None:
    photo = turn_photo(open_photo(EXAMPLES / f"{example}.jpg"), turned_deg)
    assert (upright(photo, detector)[0] + turned_deg) % 360 == 0
