"""A picture as a value: what follows from its fields, how it is saved, and the whole photo around it."""

import pickle
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import editing
import samm
from editing.recipe.file import load_recipe
from samm.crop.crop import Photo
from samm.crop.domains import CARS, FACES
from samm.crop.paste import paste_back
from samm.crop.photo import open_photo
from samm.crop.png import read_png_text
from samm.picture import Picture
from samm.pixels import to_pm1, to_u8

HOPPER = Path(__file__).parents[2] / "examples" / "hopper.jpg"
SIZE = 64


@pytest.fixture(params=[FACES, CARS], ids=["face", "car"])
def picture(request) -> Picture:
    """A noisy drawing of a crop by hand, the upper half of which is kept."""
    rng = np.random.default_rng(8)
    photo = Photo(pixels=rng.integers(0, 256, (120, 160, 3), np.uint8))
    drawn = torch.from_numpy(rng.uniform(-1, 1, (1, 3, SIZE, SIZE))).float()
    gathered = torch.zeros(1, 1, SIZE, SIZE)
    gathered[:, :, : SIZE // 2] = 1
    return Picture(photo.crop(80, 60, 70, 5, request.param), torch.zeros(1, 14, 512), drawn, gathered)


def test_its_mask_says_where_the_photo_is(picture):
    half = SIZE // 2
    assert np.array_equal(picture.photo_u8, picture.crop.pixels(SIZE))
    assert np.array_equal(picture.blended[:half], picture.photo_u8[:half])
    assert np.array_equal(picture.blended[half:], picture.aligned[half:])
    assert np.array_equal(picture.aligned, to_u8(picture.aligned_pm1))
    assert picture.kept == 0.5
    assert picture.blended is picture.blended  # made once


def test_strength_and_paint_are_fields(picture):
    keep, draw = torch.zeros(2, 1, 1, SIZE, SIZE)
    keep[..., :20], draw[..., :10] = 1, 1
    painted = replace(picture, strength=0, keep=keep, draw=draw)
    assert np.array_equal(painted.blended[:, :10], picture.aligned[:, :10])
    assert np.array_equal(painted.blended[:, 10:20], picture.photo_u8[:, 10:20])
    assert np.array_equal(painted.blended[:, 20:], picture.aligned[:, 20:])
    assert np.array_equal(replace(painted, strength=1, keep=None, draw=None).blended, picture.blended)
    with pytest.raises(samm.OptionError, match="The mask strength is -1; choose a number from 0 to 2"):
        replace(picture, strength=-1)


def test_what_follows_is_not_pickled(picture):
    blended = picture.blended
    again = pickle.loads(pickle.dumps(picture))
    assert set(again.__dict__) == {field.name for field in fields(Picture)}
    assert np.array_equal(again.blended, blended)


def test_the_whole_photo_is_pasted_at_its_own_resolution(picture):
    whole, photo = picture.whole(), picture.crop.photo.pixels
    domain, quad = picture.domain, picture.crop.quad
    expected = paste_back(photo, domain.inner(quad), domain.trim(picture.aligned), domain.trim(picture.mask))
    assert np.array_equal(whole, expected)
    assert np.array_equal(whole[:20], photo[:20])
    assert (whole != photo).any()


def test_it_is_saved_without_bars_or_within_its_photo(picture, tmp_path):
    picture.save(tmp_path / "small.png", text={"note": "hello"})
    assert np.array_equal(open_photo(tmp_path / "small.png"), picture.domain.trim(picture.blended))
    assert read_png_text(tmp_path / "small.png") == {"note": "hello"}
    picture.save(tmp_path / "whole.png", whole=True)
    assert np.array_equal(open_photo(tmp_path / "whole.png"), picture.whole())


def test_an_inversion_and_an_edit_are_pictures(small, tiny, tools, tmp_path):
    older = editing.edit(small, "age +2, mask strength 0.5", tiny, tools)
    assert older.recipe == editing.Recipe({"age": 2.0}, mask_strength=0.5)
    assert older.strength == 0.5
    for picture in (small, older):
        assert isinstance(picture, Picture)
        assert picture.crop is small.crop
        assert np.array_equal(picture.photo_pm1.numpy(), to_pm1(small.photo_u8).numpy())
    older.save(tmp_path / "older.png")
    assert load_recipe(tmp_path / "older.png") == older.recipe
    assert "lgorithmicMedia" in read_png_text(tmp_path / "older.png")["XML:com.adobe.xmp"]


def test_a_model_and_its_tools_are_loaded_once_where_none_are_given(small, tiny, tools):
    first, second = (editing.edit(small, "age +1") for _ in range(2))
    assert samm.models.shared("tiny") is samm.models.shared("tiny")
    assert np.array_equal(first.blended, second.blended)
    assert np.array_equal(first.blended, editing.edit(small, "age +1", tiny, tools).blended)


@pytest.mark.slow
def test_the_public_door(embedded, tmp_path, monkeypatch):
    for module in ("samm.inversion", "editing.edit"):  # as they would load it, were it not loaded here
        monkeypatch.setattr(import_module(module), "shared", lambda preset="mobile": embedded)
    crop = samm.open(HOPPER).faces[0]
    edited = editing.edit(samm.invert(crop), "age +2, grey hair 0.5")
    edited.save(tmp_path / "whole.png", whole=True)
    whole, photo = open_photo(tmp_path / "whole.png"), open_photo(HOPPER)
    changed = (whole != photo).any(2)
    rows, columns = np.nonzero(changed)
    low, high = crop.quad.min(0) - 1, crop.quad.max(0) + 1
    assert len(rows) > 0.1 * np.prod(high - low)
    assert low[0] <= columns.min()
    assert columns.max() <= high[0]
    assert rows.max() <= high[1]
    assert load_recipe(tmp_path / "whole.png") == editing.parse("age +2, grey hair 0.5")
