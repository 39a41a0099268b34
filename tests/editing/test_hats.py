"""Hats in the eight examples: seen where they are worn, and only there."""

from pathlib import Path

import pytest

import samm
from editing.hats import hat
from samm.pixels import to_pm1

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "worn"),
    [("cap", True), ("hopper", True), ("sunglasses", False), ("face_paint", False), ("scarf", False)],
)
def test_hats_of_the_examples(name, worn):
    crop = samm.open(EXAMPLES / f"{name}.jpg").faces[0]
    marked = hat(to_pm1(crop.pixels(1024)), 128)
    assert marked.shape == (1, 1, 128, 128)
    assert (float(marked[0, 0, 5, 64]) > 0.9) == worn
    assert marked[0, 0, 60:].max() < 0.05  # eyes and below are never a hat's
