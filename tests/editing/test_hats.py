"""Hats in the eight examples: seen where they are worn, and only there; and edits leave them alone."""

import numpy as np
import pytest
import torch

from editing import hats
from editing.edit import edit
from editing.hats import spared

WORN = {"cap": True, "hopper": True, "sunglasses": False, "face_paint": False, "scarf": False}


@pytest.mark.parametrize("name", WORN)
def test_hats_of_the_examples(name, example, monkeypatch):
    marked = spared(example(name))
    assert marked.shape == (1, 1, 128, 128)
    assert 0 <= float(marked.min()) <= float(marked.max()) <= 1
    assert (float(marked[0, 0, 5, 64]) > 0.9) == WORN[name]
    assert marked[0, 0, 60:90, 45:83].max() < 0.05  # the face never is
    assert marked[0, 0, 8, 2] > 0.9  # the backdrop always
    monkeypatch.setattr(hats, "parts_of", None)  # seen once
    assert torch.equal(spared(example(name)), marked)
    outline = spared(example(name), of_hair=False)
    assert (outline >= marked - 1e-6).all()
    assert (outline.mean() > marked.mean()) == (not WORN[name])  # more of it only where there may be hair


@pytest.mark.parametrize("recipe", ["age +2", "blond hair +2"])
def test_a_hat_stays_to_the_level(recipe, example, embedded):
    edited = edit(example("cap"), recipe, embedded)
    change = np.abs(edited.blended.astype(int) - example("cap").photo_u8).mean(2)
    assert change[:200, 300:700].max() <= 2
    assert change.max() > 30
