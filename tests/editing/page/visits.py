"""Visits without a browser: one that has inverted a photo and made the face older, and parts of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from editing.edit import Edit
from editing.page import files
from editing.page.packing import pack, pack_edit
from editing.page.session import Inverted, Opened, Step
from editing.recipe.recipe import Recipe
from samm.crop.crop import Crop, Photo
from samm.inversion import Inversion

ROOT = Path(__file__).parents[3]
HOPPER = ROOT / "examples" / "hopper.jpg"
OLDER = Recipe({"age": 2.0})
SMALL = "thumbnail.jpg"  # nobody opens it here


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two pictures, in levels."""
    return int(np.abs(one.astype(int) - other).max())


def step(recipe: Recipe, control: str = "", at_s: float = 0.0) -> Step:
    """A step of the history."""
    return Step(replace(recipe, texts=()), recipe.texts, SMALL, control, at_s)


def begin(inversion: Inversion, photo: Photo, crops: tuple[Crop, ...], folder: Path) -> Inverted:
    """A visit whose first crop was inverted."""
    opened = Opened.of("first", folder, photo, crops)
    return Inverted(opened=opened, crop=opened.crops[0], inversion=pack(inversion, folder))


def older(inversion: Inversion, edited: Edit, detector, folder: Path) -> Inverted:
    """A visitor who has inverted a photo, made the face older, and looks at the result."""
    photo = Photo(files.copy_upload(HOPPER, folder))
    crops = photo.locate(inversion.domain, detector)
    shown = replace(inversion, crop=replace(crops[0], cut={}).with_pixels(inversion.photo_u8))
    visit = begin(shown, photo, crops, folder).stepped(step(Recipe()))
    visit = replace(visit, edit=pack_edit(edited)).stepped(step(OLDER, "age", 10))
    return replace(visit, after=files.save_picture(edited.blended, folder, OLDER))
