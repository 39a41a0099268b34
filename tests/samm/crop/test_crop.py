"""A photo and its crops as values: what they read, keep, send away and paste back."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import samm
from samm.crop.crop import Crop, Photo
from samm.crop.domains import CARS, FACES
from samm.crop.photo import open_photo
from samm.crop.png import save_png
from samm.crop.quad import crop_face, manual_quad
from samm.errors import PhotoError

EXAMPLES = Path(__file__).parents[3] / "examples"
HOPPER = EXAMPLES / "hopper.jpg"


@pytest.fixture
def wall(tmp_path) -> Photo:
    """A photo with a path and no face in it."""
    pixels = np.random.default_rng(3).integers(0, 256, (120, 200, 3), np.uint8)
    save_png(pixels, tmp_path / "wall.png")
    return Photo.open(tmp_path / "wall.png")


def test_a_face_is_found_and_cut_as_ffhq():
    photo = samm.open(HOPPER)
    (crop,) = photo.faces
    assert photo.faces[0] is crop
    assert (crop.photo, crop.domain, photo.name) == (photo, FACES, "hopper.jpg")
    assert np.array_equal(crop.quad, crop.face.quad)
    assert np.array_equal(crop.pixels(128), crop_face(open_photo(HOPPER), crop.quad, 128))
    assert crop.pixels(128) is crop.pixels(128)


def test_a_stream_is_a_photo_too():
    data = HOPPER.read_bytes()
    photo = samm.open(io.BytesIO(data))
    assert photo.path is None
    assert np.array_equal(photo.pixels, samm.open(str(HOPPER)).pixels)
    again = pickle.loads(pickle.dumps(photo))
    assert np.array_equal(again.pixels, photo.pixels)


def test_what_cannot_be_read_is_refused_at_once(tmp_path):
    with pytest.raises(PhotoError, match="There is no file nothing.jpg"):
        samm.open(tmp_path / "nothing.jpg")


def test_without_a_face_there_is_no_crop_and_one_can_be_placed_by_hand(wall):
    assert wall.faces == ()
    crop = wall.crop(90, 60, 80, 10)
    assert np.array_equal(crop.quad, manual_quad((90, 60), 80, 10))
    assert (crop.face, crop.warnings) == (None, [])
    (x, y), size, turn = crop.placement
    assert (x, y, size, turn) == pytest.approx((90, 60, 80, 10))
    with pytest.raises(samm.OptionError, match="cannot be 5 pixels wide"):
        wall.crop(90, 60, 5)


def test_small_faces_are_warned_about():
    small = Photo(pixels=np.ascontiguousarray(open_photo(HOPPER)[::3, ::3]))
    assert any("the result will be soft" in warning for warning in small.faces[0].warnings)


def test_of_a_car_the_middle_is_taken_and_no_face_looked_for(wall):
    class Refusing:
        def detect(self, image_u8):
            raise AssertionError("a face was looked for")

    (crop,) = wall.locate(CARS, Refusing())
    assert crop.placement.size_px == pytest.approx(160)
    assert not crop.pixels(64)[:8].any()  # the bar
    assert crop.pixels(64)[8].any()


def test_a_photo_with_a_path_is_sent_without_its_pixels_and_a_crop_with_its_own(wall, tmp_path):
    crop = wall.crop(100, 60, 60)
    cut = crop.pixels(32)
    again = pickle.loads(pickle.dumps(crop))
    assert "file" not in again.photo.__dict__
    assert len(pickle.dumps(wall)) < 1000
    assert np.array_equal(again.pixels(32), cut)
    assert np.array_equal(again.pixels(16), crop.pixels(16))  # reads the file
    assert np.array_equal(again.photo.pixels, wall.pixels)
    light = crop.light()
    assert not light.cut
    assert "pixels" not in light.photo.__dict__
    (tmp_path / "wall.png").unlink()
    with pytest.raises(PhotoError, match="There is no file wall.png"):
        light.pixels(32)
    assert light.with_pixels(cut).pixels(32) is cut


@pytest.mark.parametrize("domain", [FACES, CARS])
def test_a_picture_that_is_cropped_already_is_its_own_crop(domain):
    square = np.zeros((64, 64, 3), np.uint8)
    shown = domain.trim(square)
    rows, columns = np.mgrid[: len(shown), :64] * 3
    shown[:] = np.stack([columns, rows + 40, 255 - columns], 2)
    crop = Crop.of(square, domain)
    assert crop.pixels(64) is square
    assert np.array_equal(crop.photo.pixels, shown)
    again = domain.crop(crop.photo.pixels, crop.quad, 64)
    assert np.abs(again.astype(int) - square)[12:-12, 4:-4].max() <= 1  # its borders are filtered
    with pytest.raises(ValueError, match="expected uint8"):
        Crop.of(square[:32], domain)


@pytest.mark.parametrize("domain", [FACES, CARS])
def test_pasting_keeps_what_the_mask_keeps(domain, wall):
    crop = wall.crop(100, 60, 80, 15, domain)
    white = np.full((64, 64, 3), 255, np.uint8)
    assert np.array_equal(crop.paste(white, np.ones((64, 64), np.float32)), wall.pixels)
    drawn = crop.paste(white, np.zeros((64, 64), np.float32))
    rows, columns = np.nonzero((drawn != wall.pixels).any(2))
    angle = np.deg2rad(15)
    down = (rows - 60) * np.cos(angle) - (columns - 100) * np.sin(angle)
    assert 40 * domain.height - 3 < np.abs(down).max() <= 40 * domain.height
    assert (drawn[60, 100] == 255).all()


def test_the_middle_of_a_face_counts_several_times_and_all_of_a_car_alike():
    face = FACES.importance(64)
    assert face.shape == (1, 1, 64, 64)
    assert face[0, 0, 36, 32] == face.max() > 2
    assert face[..., :8, :].eq(1).all()
    assert face[..., :8].eq(1).all()
    assert torch.equal(face, face.flip(3))
    assert CARS.importance(8).eq(1).all()
