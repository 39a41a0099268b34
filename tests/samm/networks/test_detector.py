"""MTCNN against known results, and its parts against slow or obvious ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from samm.networks.detector import Detections, Detector, _patches, _square, _suppress

ROOT = Path(__file__).parents[3]
# By facenet-pytorch 2.6.0 (minsize 20, thresholds .6 .7 .7, factor .709) on this picture.
KNOWN_BOX = (180.8, 61.4, 268.4, 172.3)
KNOWN_POINTS = [(204.7, 101.0), (247.2, 103.1), (224.7, 129.1), (202.1, 139.3), (245.1, 142.0)]


@pytest.fixture(scope="module")
def detector() -> Detector:
    detector = Detector().eval()
    weights = load_file(ROOT / "samm" / "weights" / "mtcnn.safetensors")
    detector.load_state_dict({key: value.float() for key, value in weights.items()}, strict=True)
    return detector


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.array(Image.open(ROOT / "examples" / "astronaut.jpg"))


@pytest.fixture(scope="module")
def found(detector: Detector, astronaut: np.ndarray) -> Detections:
    return detector.detect(astronaut)


def test_agrees_with_facenet_pytorch(detector: Detector, astronaut: np.ndarray) -> None:
    found = detector.detect(astronaut, min_face_px=20)
    assert found.boxes.shape == (1, 4)
    assert found.points.shape == (1, 5, 2)
    assert found.scores[0] > 0.99
    # Decoders of JPEG differ by a level here and there, hence half a pixel.
    np.testing.assert_allclose(found.boxes[0], KNOWN_BOX, atol=0.5)
    np.testing.assert_allclose(found.points[0], KNOWN_POINTS, atol=0.5)


def test_points_are_left_and_right_as_seen(
    detector: Detector, astronaut: np.ndarray, found: Detections
) -> None:
    mirrored = detector.detect(np.ascontiguousarray(astronaut[:, ::-1]))
    for seen in (found, mirrored):
        left_eye, right_eye, nose, left_mouth, right_mouth = seen.points[0]
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert left_eye[1] < nose[1] < left_mouth[1]


def test_same_photo_same_bytes(detector: Detector, astronaut: np.ndarray, found: Detections) -> None:
    for first, second in zip(found, detector.detect(astronaut), strict=True):
        assert first.tobytes() == second.tobytes()


def test_large_photo_is_reduced_and_mapped_back(
    detector: Detector, astronaut: np.ndarray, found: Detections
) -> None:
    large = detector.detect(
        np.array(Image.fromarray(astronaut).resize((3072, 2560), Image.Resampling.BICUBIC))
    )
    factor = np.array([6, 5])
    assert len(large.boxes) == 1
    np.testing.assert_allclose((large.points[0] + 0.5) / factor - 0.5, found.points[0], atol=2)


def test_smallest_face_is_respected(detector: Detector, astronaut: np.ndarray) -> None:
    assert len(detector.detect(astronaut, min_face_px=60).boxes) == 1
    assert len(detector.detect(astronaut, min_face_px=250).boxes) == 0


@pytest.mark.parametrize("shape", [(64, 64, 3), (5, 9, 3), (1, 4000, 3)])
def test_no_face(detector: Detector, shape: tuple[int, ...]) -> None:
    found = detector.detect(np.full(shape, 90, np.uint8))
    assert (found.boxes.shape, found.points.shape, found.scores.shape) == ((0, 4), (0, 5, 2), (0,))


def test_other_arrays_are_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="float64"):
        detector.detect(np.zeros((64, 64, 3)))
    with pytest.raises(ValueError, match=r"\(64, 64\)"):
        detector.detect(np.zeros((64, 64), np.uint8))


def test_read_only_photo_raises_no_warning(detector: Detector) -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    photo.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.detect(photo)


def test_suppression_by_union() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [5, 0, 15, 10], [30, 30, 40, 40]])
    scores = torch.tensor([0.8, 0.9, 0.7, 0.6])
    # 1 removes 0 (80 / 100); 2 shares a third or less with 1; nothing touches 3.
    assert _suppress(boxes, scores, 0.5).tolist() == [1, 2, 3]
    assert _suppress(boxes, scores, 0.9).tolist() == [1, 0, 2, 3]


def test_suppression_by_smaller_box() -> None:
    boxes = torch.tensor([[0.0, 0, 100, 100], [40, 40, 50, 50]])
    scores = torch.tensor([0.9, 0.8])
    assert _suppress(boxes, scores, 0.7).tolist() == [0, 1]
    assert _suppress(boxes, scores, 0.7, of_smaller=True).tolist() == [0]


def test_suppression_is_greedy() -> None:
    """A box that was itself removed removes no other."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    assert _suppress(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_square_keeps_the_center() -> None:
    np.testing.assert_allclose(_square(torch.tensor([[10.0, 20, 30, 60]])), [[0, 20, 40, 60]])


def test_patches_average_and_stay_inside() -> None:
    image = torch.arange(36.0).view(1, 1, 6, 6).expand(1, 3, 6, 6)
    boxes = torch.tensor([[1.0, 1, 6, 6], [-9, -9, 2, 2], [50, 50, 60, 60]])  # one-based
    patches = _patches(image, boxes, 2)
    assert patches.shape == (3, 3, 2, 2)
    np.testing.assert_allclose(patches[0, 0], [[7, 10], [25, 28]])
    np.testing.assert_allclose(patches[1, 0], image[0, 0, :2, :2])
    np.testing.assert_allclose(patches[2, 0], np.full((2, 2), 35))
