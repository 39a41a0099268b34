"""Hats in the eight examples: seen where they are worn, and only there; and edits leave them alone."""

from pathlib import Path

import numpy as np
import pytest

import samm
from editing.edit import edit
from editing.hats import spared

EXAMPLES = Path(__file__).parents[2] / "examples"
WORN = {"cap": True, "hopper": True, "sunglasses": False, "face_paint": False, "scarf": False}


@pytest.fixture(scope="module")
def inversions(embedded) -> dict[str, samm.Inversion]:
    return {name: samm.invert(samm.open(EXAMPLES / f"{name}.jpg").faces[0], embedded) for name in WORN}


@pytest.mark.parametrize("name", WORN)
def test_hats_of_the_examples(name, inversions):
    marked = spared(inversions[name])
    assert marked.shape == (1, 1, 128, 128)
    assert 0 <= float(marked.min()) <= float(marked.max()) <= 1
    assert (float(marked[0, 0, 5, 64]) > 0.9) == WORN[name]
    assert marked[0, 0, 60:90, 45:83].max() < 0.05  # the face never is
    assert marked[0, 0, 8, 2] > 0.9  # the backdrop always
    assert spared(inversions[name]) is marked  # seen once


@pytest.mark.parametrize("recipe", ["age +2", "blond hair +2"])
def test_a_hat_stays_to_the_level(recipe, inversions, embedded):
    edited = edit(inversions["cap"], recipe, embedded)
    change = np.abs(edited.blended.astype(int) - inversions["cap"].photo_u8).mean(2)
    assert change[:200, 300:700].max() <= 2
    assert change.max() > 30
