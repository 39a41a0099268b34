"""Drawn faces are told from photographed ones, however soft the photo is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from samm.crop.faces import Face, find_faces
from samm.crop.photo import open_photo
from samm.crop.photographed import NOT_A_FACE, unlike_a_photo

EXAMPLES = Path(__file__).parents[3] / "examples"
POINTS = ((240.0, 270.0), (360.0, 270.0), (300.0, 350.0), (250.0, 400.0), (350.0, 400.0))


@pytest.mark.parametrize("skin", [(255, 220, 177), (140, 90, 60), (255, 255, 255)])
def test_a_drawn_face_is_doubted_even_if_the_detector_is_sure(
    skin: tuple[int, int, int], drawn_face: Callable[[tuple[int, int, int]], np.ndarray]
) -> None:
    face = Face((140.0, 100.0, 460.0, 500.0), POINTS, 1.0)
    assert unlike_a_photo(drawn_face(skin), face) == NOT_A_FACE
    assert NOT_A_FACE.startswith("This does not look like a photographed human face; ")


@pytest.mark.parametrize("example", ["astronaut", "cap", "hopper", "old_photo", "scarf", "sunglasses"])
def test_photographed_faces_pass_also_when_soft_or_grey(example: str, detector) -> None:
    photo = open_photo(EXAMPLES / f"{example}.jpg")
    face = find_faces(photo, detector)[0]
    soft = Image.fromarray(photo).filter(ImageFilter.GaussianBlur(face.width_px / 40))
    for copy in (photo, np.asarray(soft), np.asarray(soft.convert("L").convert("RGB"))):
        assert unlike_a_photo(copy, face) is None


def test_a_doubtful_find_is_told() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    assert unlike_a_photo(noise, Face((140.0, 100.0, 460.0, 500.0), POINTS, 0.95)) == NOT_A_FACE
    assert unlike_a_photo(noise, Face((140.0, 100.0, 460.0, 500.0), POINTS, 0.995)) is None
