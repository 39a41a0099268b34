"""No edit shows a rectangle in the whole photo: the step across the crop's border stays the photo's own.

`python -m pytest -m long -s tests/editing/test_border_step.py` measures all attributes on all examples.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import samm
from editing.edit import edit
from editing.moves.moves import Moves
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.line import describe
from editing.recipe.recipe import Recipe
from samm.crop.quad import manual_quad

EXAMPLES = Path(__file__).parents[2] / "examples"
PARTS = 8  # of each side of the crop, measured by themselves: long hair crosses but one of them
STRENGTH = 3.0
REACHES = (0.0, 0.01, 0.02)  # pixels side by side, and up to 4 % of the crop's edge apart
LIMIT = 3.0  # levels


@pytest.fixture(scope="module")
def embedded_tools(embedded) -> Moves:
    return Moves(embedded)


def border_step(photo_u8: np.ndarray, pasted_u8: np.ndarray, quad: np.ndarray, reach: float) -> float:
    """Measure the step that pasting has added at the border of a crop, in levels of 255.

    It is the mean absolute difference of pixels that face each other across the border, less that of the
    photo itself; of the part of the border where it is largest.

    Args:
        photo_u8: (H, W, 3).
        pasted_u8: (H, W, 3).
        quad: (4, 2), see `samm.crop.faces`.
        reach: how far the pixels lie from the border, as a fraction of the crop's edge; 1 px at least.
    """
    steps = []
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        along = end - start
        inward = np.array([along[1], -along[0]])  # corners go round counterclockwise, y down
        inward = inward / np.hypot(*inward) * max(reach * np.hypot(*along), 1.0)
        places = start + np.linspace(0.02, 0.98, PARTS * 50)[:, None] * along
        inner, outer = np.rint(places + inward).astype(int), np.rint(places - inward).astype(int)
        height, width = photo_u8.shape[:2]
        seen = [((p >= 0) & (p < (width, height))).all(1) for p in (inner, outer)]
        across = [
            np.abs(
                picture[inner[:, 1].clip(0, height - 1), inner[:, 0].clip(0, width - 1)].astype(float)
                - picture[outer[:, 1].clip(0, height - 1), outer[:, 0].clip(0, width - 1)]
            ).mean(1)
            for picture in (pasted_u8, photo_u8)
        ]
        added, seen = (across[0] - across[1]).reshape(PARTS, -1), (seen[0] & seen[1]).reshape(PARTS, -1)
        steps += [part[shown].mean() for part, shown in zip(added, seen, strict=True) if shown.sum() >= 10]
    return max(steps, default=0.0)


def pasted(
    inversion: samm.Inversion, model: samm.Model, tools: Moves, attributes: Iterable[str]
) -> dict[str, float]:
    """Give the largest step of each edit, by its recipe."""
    photo, quad = inversion.crop.photo, inversion.crop.quad
    assert photo is not None
    recipes = [Recipe(), *(Recipe({one: sign * STRENGTH}) for one in attributes for sign in (-1, 1))]
    wholes = ((recipe, edit(inversion, recipe, model, tools).whole()) for recipe in recipes)
    return {
        describe(recipe): max(border_step(photo.pixels, whole, quad, reach) for reach in REACHES)
        for recipe, whole in wholes
    }


def test_the_measure_sees_a_rectangle_and_nothing_where_there_is_none():
    photo = np.random.default_rng(0).integers(90, 110, (300, 400, 3)).astype(np.uint8)
    for turn_deg in (0, 30):
        quad = manual_quad((199.5, 149.5), 160, turn_deg)
        assert [border_step(photo, photo, quad, reach) for reach in REACHES] == [0, 0, 0]
        filled = Image.fromarray(photo)
        ImageDraw.Draw(filled).polygon([tuple(corner) for corner in quad], fill=(140, 140, 140))
        assert all(30 < border_step(photo, np.asarray(filled), quad, reach) < 40 for reach in REACHES[1:])


@pytest.mark.parametrize(("name", "attributes"), [("hopper", ("makeup", "yaw")), ("microphone", ("yaw",))])
def test_an_edit_shows_no_step_at_the_border(name, attributes, example, embedded, embedded_tools):
    steps = pasted(example(name), embedded, embedded_tools, attributes)
    assert len(steps) == 2 * len(attributes) + 1
    assert steps.pop("no changes") <= 1
    assert max(steps.values()) <= LIMIT, steps


@pytest.mark.long
@pytest.mark.parametrize(
    "name", sorted(path.stem for path in EXAMPLES.glob("*.jpg") if path.stem != "result")
)
def test_no_attribute_shows_a_step_on_any_example(name, example, embedded, embedded_tools):
    steps = pasted(example(name), embedded, embedded_tools, ATTRIBUTES)
    worst = max(steps, key=steps.__getitem__)
    print(f"{name}: at most {steps[worst]:.2f} levels ({worst}), un-edited {steps['no changes']:.2f}")
    assert steps.pop("no changes") <= 1
    assert max(steps.values()) <= LIMIT, steps
