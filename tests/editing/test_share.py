"""Pictures to send: what they show, how large they are, and that they say how they were made."""

import io

import numpy as np
import pytest
from PIL import Image

from editing.recipe.file import from_json, provenance
from editing.recipe.recipe import Recipe
from editing.share import CARD_PX, MORPH_PX, card, morph

OLDER = Recipe({"age": 2.0})


@pytest.fixture(scope="module")
def after(crop) -> np.ndarray:
    """The crop with its face made darker, as an edit changes a part of a picture."""
    edited = crop.copy()
    edited[200:900, 250:800] //= 2
    return edited


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_card_shows_both_pictures_whole_with_white_between(crop, after):
    shown = opened(card(crop, after, OLDER))
    assert shown.format == "JPEG"
    assert shown.height == CARD_PX
    pixels = np.asarray(shown, np.float32)
    gap = shown.width - 2 * CARD_PX
    assert 2 <= gap <= 20
    assert np.abs(pixels[:, :CARD_PX] - crop).mean() < 3
    assert np.abs(pixels[:, -CARD_PX:] - after).mean() < 3
    middle = pixels[:, CARD_PX + gap // 2]
    assert middle.mean() > 200  # but for what JPEG carries over from the pictures


def test_a_card_keeps_the_shape_of_whole_photos_and_leaves_out_opacity(crop):
    wide = np.dstack([crop[:512], np.zeros((512, 1024), np.uint8)])  # wholly transparent
    shown = opened(card(np.tile(wide, (1, 2, 1)), np.tile(wide, (1, 2, 1)), OLDER))
    assert shown.height == 256
    assert 2 * 1024 + 2 <= shown.width <= 2 * 1024 + 20
    assert np.asarray(shown)[:, :512].std() > 20


def test_a_morph_goes_there_and_back_in_two_seconds_and_is_small(crop, after):
    data = morph(crop, after, OLDER)
    film = opened(data)
    assert len(data) < 3_000_000
    assert (film.format, film.size, film.info["loop"]) == ("WEBP", (MORPH_PX, MORPH_PX), 0)
    frames, lasted_ms = [], 0
    for number in range(film.n_frames):
        film.seek(number)
        frames.append(np.asarray(film.convert("RGB"), np.float32))
        lasted_ms += film.info["duration"]
    assert lasted_ms == pytest.approx(2000, abs=50)
    face = [frame[100:450, 125:400].mean() for frame in frames]
    turn = int(np.argmin(face))
    assert face[turn] == pytest.approx(face[0] / 2, abs=3)
    assert np.all(np.diff(face[: turn + 1]) < 0.5)
    assert np.all(np.diff(face[turn:]) > -0.5)
    assert abs(face[-1] - face[0]) < 0.1 * face[0]  # close to where it begins again


def test_a_morph_lasts_as_long_as_it_was_told(crop):
    film = opened(morph(crop[:256, :256], crop[:256, :256] // 2, OLDER, seconds=1.0))
    lasted_ms = 0
    for number in range(film.n_frames):
        film.seek(number)
        film.load()
        lasted_ms += film.info["duration"]
    assert lasted_ms == pytest.approx(1000, abs=30)


@pytest.mark.parametrize("make", [card, morph])
def test_they_say_how_they_were_made(crop, make):
    shown = opened(make(crop[:256, :256], crop[:256, :256] // 2, OLDER))
    packet = provenance(OLDER)
    exif = shown.getexif()
    assert exif[0x0131] == packet["Software"]
    assert from_json(exif[0x010E]) == OLDER
    assert shown.info["xmp"].decode() == packet["XML:com.adobe.xmp"]


@pytest.mark.parametrize("make", [card, morph])
def test_pictures_of_different_sizes_are_refused(crop, make):
    with pytest.raises(ValueError, match="differ in size"):
        make(crop, crop[:512], OLDER)
