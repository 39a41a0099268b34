"""Photos without color of their own are told from pale ones, and what is drawn takes on their tone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import samm
from editing.edit import edit
from editing.recipe.recipe import Recipe
from samm.crop.photo import open_photo
from samm.crop.tone import tone_of
from samm.pixels import to_pm1, to_u8

EXAMPLES = Path(__file__).parents[3] / "examples"
COLORED = ("astronaut", "cap", "face_paint", "hopper", "microphone", "scarf", "sunglasses")
TINTS = {
    "grey": ("black", "white", (128, 128, 128)),
    "sepia": ((30, 18, 10), (255, 240, 205), (150, 115, 80)),
    "cyanotype": ((5, 20, 60), (240, 248, 255), (60, 110, 160)),
}


def tinted(photo: np.ndarray, tint: str) -> np.ndarray:
    black, white, middle = TINTS[tint]
    grey = Image.fromarray(photo).convert("L")
    return np.asarray(ImageOps.colorize(grey, black, white, mid=middle))


def through_jpeg(photo: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=60, subsampling=2)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize("example", COLORED)
def test_color_photos_have_no_tone_even_when_faded(example: str) -> None:
    photo = open_photo(EXAMPLES / f"{example}.jpg")
    assert tone_of(photo) is None
    grey = np.asarray(Image.fromarray(photo).convert("L"), float)[..., None]
    faded = np.rint(grey + 0.3 * (photo - grey)).clip(0, 255).astype(np.uint8)
    assert tone_of(faded) is None
    assert tone_of(through_jpeg(faded)) is None


@pytest.mark.parametrize("tint", TINTS)
@pytest.mark.parametrize("example", ["astronaut", "hopper", "sunglasses"])
def test_toned_photos_are_told_also_after_jpeg(example: str, tint: str) -> None:
    photo = tinted(open_photo(EXAMPLES / f"{example}.jpg"), tint)
    for copy in (photo, through_jpeg(photo), photo[:300, :300], photo[::-1]):
        assert tone_of(copy) is not None


@pytest.mark.parametrize("tint", TINTS)
def test_a_color_picture_becomes_the_toned_one(tint: str) -> None:
    photo = open_photo(EXAMPLES / "astronaut.jpg")
    expected = tinted(photo, tint)
    tone = tone_of(expected)
    # The tone is that of the print; a picture of the same luminance comes out as the print itself.
    got = to_u8(tone.apply(to_pm1(np.repeat(_luma(expected)[..., None], 3, axis=2))))
    assert np.abs(got.astype(int) - expected).mean() < 1.5


def test_grey_keeps_luminance_to_the_last_level() -> None:
    tone = tone_of(tinted(open_photo(EXAMPLES / "hopper.jpg"), "grey"))
    drawn = torch.rand(1, 3, 32, 32) * 2 - 1
    toned = tone.apply(drawn)
    assert (toned - toned[:, :1]).abs().max() < 1e-3
    luma = (drawn * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    torch.testing.assert_close(toned[:, 1], luma, atol=2e-3, rtol=0)


def test_drawn_pictures_of_a_grey_photo_are_grey(tiny, tiny_crop, tools) -> None:
    grey = np.ascontiguousarray(np.repeat(_luma(tiny_crop)[..., None], 3, axis=2))
    inversion = samm.draw_generated(samm.invert(grey, tiny), tiny)
    edited = edit(inversion, Recipe(attributes={"age": 2.0}), tiny, tools)
    for picture in (
        inversion.generated,
        inversion.aligned,
        inversion.blended,
        edited.aligned,
        edited.blended,
    ):
        assert np.ptp(picture.astype(int), axis=2).max() <= 1
    colored = samm.invert(tiny_crop, tiny)
    assert colored.tone is None
    assert np.ptp(colored.aligned.astype(int), axis=2).max() > 20


def _luma(photo: np.ndarray) -> np.ndarray:
    return np.rint(photo @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
