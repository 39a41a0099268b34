"""Where a photo has no hair: bald crowns and head wraps, on pictures made for it and on the examples."""

from pathlib import Path

import pytest
import torch

import samm
from editing.hair import bald_chance, bare, covered
from samm.pixels import to_pm1

EXAMPLES = Path(__file__).parents[2] / "examples"
SKIN = torch.tensor([0.5, 0.1, -0.1]).view(1, 3, 1, 1)


@pytest.fixture
def head(generator_rng):
    """A face of one hue, a smooth crown of the same and, at its right, one with the texture of hair."""
    photo = SKIN.expand(1, 3, 256, 256) + 0.02 * torch.randn(1, 3, 256, 256, generator=generator_rng)
    photo[..., :60, 128:] += 0.4 * torch.randn(1, 1, 60, 128, generator=generator_rng)
    return photo


def test_a_smooth_crown_of_the_skins_hue_is_bare(head):
    marked = bare(head, bald=0.5)
    assert marked[0, 0, 5:25, 5:55].min() > 0.9
    assert marked[0, 0, 5:20, 80:120].max() < 0.1


def test_another_hue_is_hair(head):
    head[..., :60, :128] = torch.tensor([-0.6, -0.6, -0.6]).view(1, 3, 1, 1)
    assert bare(head, bald=0.5)[0, 0, 5:20, 5:55].max() < 0.1


def test_nobody_is_bald_whom_the_scorer_gives_hair(head):
    assert not bare(head, bald=0.03).any()


def test_a_wrap_is_what_is_kept_and_drawn_in_another_hue():
    photo = torch.zeros(1, 3, 256, 256)
    drawn = photo.clone()
    photo[..., :80, :] = torch.tensor([-0.4, 0.2, 0.2]).view(1, 3, 1, 1)
    kept, drawn_well = torch.ones(1, 1, 256, 256), torch.zeros(1, 1, 256, 256)
    assert covered(photo, drawn, kept)[0, 0, :36].min() > 0.9
    assert covered(photo, drawn, kept)[0, 0, 56:].max() < 0.1
    assert not covered(photo, drawn, drawn_well).any()
    assert not covered(drawn - 0.5, drawn, kept).any()  # darker, and of the same hue


@pytest.mark.parametrize("name", ["astronaut", "scarf"])
def test_heads_with_hair_in_the_examples_are_not_bald(name):
    crop = samm.open(EXAMPLES / f"{name}.jpg").faces[0]
    assert bald_chance(to_pm1(crop.pixels(1024))) < 0.05
