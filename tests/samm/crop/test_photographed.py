"""Drawn faces are told from photographed ones, however soft the photo is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from samm.crop.faces import Face, find_faces
from samm.crop.photo import open_photo
from samm.crop.photographed import NOT_A_FACE, unlike_a_photo

EXAMPLES = Path(__file__).parents[3] / "examples"
POINTS = ((240.0, 270.0), (360.0, 270.0), (300.0, 350.0), (250.0, 400.0), (350.0, 400.0))


def drawn_face(skin: tuple[int, int, int]) -> np.ndarray:
    picture = Image.new("RGB", (600, 600), (230, 240, 200))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((140, 100, 460, 500), fill=skin, outline="black", width=4)
    pen.pieslice((140, 70, 460, 400), 180, 360, fill=(60, 40, 20))
    for x in (240, 360):
        pen.ellipse((x - 32, 248, x + 32, 292), fill="white", outline="black", width=3)
        pen.ellipse((x - 12, 258, x + 12, 282), fill=(40, 80, 150))
    pen.line((300, 290, 285, 350, 310, 352), fill="brown", width=4)
    pen.arc((235, 340, 365, 430), 20, 160, fill=(180, 20, 40), width=8)
    return np.asarray(picture)


@pytest.mark.parametrize("skin", [(255, 220, 177), (140, 90, 60), (255, 255, 255)])
def test_a_drawn_face_is_doubted_even_if_the_detector_is_sure(skin: tuple[int, int, int]) -> None:
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
