"""Several people in one photo: every edited face is in the one photo that is saved."""

import io

import numpy as np
import pytest
from PIL import Image

import samm
from editing.edit import edit
from editing.people import everybody
from editing.recipe.recipe import Recipe
from samm.crop.crop import Photo


@pytest.fixture(scope="module")
def two(tiny, tools, crop):
    """A photo of two people side by side, a crop and an edit of each."""
    small = np.asarray(Image.fromarray(crop).resize((400, 400)))
    photo = Photo(pixels=np.concatenate([small, small[:, ::-1]], axis=1))
    crops = [photo.crop(200, 200, 300), photo.crop(600, 200, 300)]
    recipes = [Recipe({"age": 2.0}, mask_strength=0), Recipe({"smile": -2.0}, mask_strength=0)]
    inversions = [samm.invert(crop, tiny) for crop in crops]
    pairs = zip(inversions, recipes, strict=True)
    edits = [edit(inversion, recipe, tiny, tools) for inversion, recipe in pairs]
    return photo, dict(enumerate(edits))


def test_both_faces_are_changed_as_each_alone_and_nothing_else_is(two):
    photo, edits = two
    both = everybody(photo, edits)
    assert np.array_equal(both[:, :400], edits[0].whole()[:, :400])
    assert np.array_equal(both[:, 400:], edits[1].whole()[:, 400:])
    assert np.abs(both[100:300, 100:300].astype(int) - photo.pixels[100:300, 100:300]).mean() > 1
    assert np.abs(both[100:300, 500:700].astype(int) - photo.pixels[100:300, 500:700]).mean() > 1
    assert np.array_equal(both[:40], photo.pixels[:40])


def test_faces_without_an_edit_stay_as_they_are(two):
    photo, edits = two
    one = everybody(photo, {1: edits[1]})
    assert np.array_equal(one[:, :400], photo.pixels[:, :400])
    assert np.array_equal(everybody(photo, {}), photo.pixels)


def test_the_photo_keeps_its_opacity(two):
    photo, edits = two
    stream = io.BytesIO()
    Image.fromarray(np.dstack([photo.pixels, np.full((400, 800), 90, np.uint8)])).save(stream, "PNG")
    stream.seek(0)
    assert everybody(Photo.open(stream), edits).shape == (400, 800, 4)
