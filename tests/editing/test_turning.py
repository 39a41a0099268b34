"""A head that turns: which recipes it concerns, what moves with it and what stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from editing.edit import edit, edit_all
from editing.recipe.recipe import Recipe
from editing.turning import FINE, STRETCH, _bounded, head_flow, split, still, turned
from samm.pixels import to_pm1

TURN = Recipe({"yaw": 1.5})


def test_only_an_adaptive_edit_of_a_face_with_masks_turns_its_pixels(small):
    both = Recipe({"yaw": 1.5, "smile": 1.0}, mask_strength=0.5)
    assert split(both, small) == (Recipe({"smile": 1.0}, mask_strength=0.5), TURN)
    assert split(Recipe({"smile": 1.0}), small) == (Recipe({"smile": 1.0}), None)
    assert split(replace(both, masks="reuse"), small) == (replace(both, masks="reuse"), None)
    assert split(both, replace(small, masks={}, flows={})) == (both, None)


def test_no_flow_leaves_every_pixel():
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(1, 2, FINE, FINE)
    assert torch.equal(turned(picture, flow), picture)
    assert still(flow, 64).min() == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_nothing_is_stretched_beyond_its_limit(axis):
    ramp = torch.linspace(1, 0, 9) * (2 / FINE) * 8  # a pixel of way less with each pixel
    flow = torch.zeros(1, 2, FINE, FINE)
    flow[:, axis] = torch.cat([ramp[:1].expand(40), ramp, torch.zeros(FINE - 49)])
    flow = flow if axis == 0 else flow.mT
    bounded = _bounded(flow)
    assert torch.allclose(bounded, STRETCH * flow)
    assert torch.equal(_bounded(0.5 * flow), 0.5 * flow)
    assert torch.equal(_bounded(-0.5 * flow), -0.5 * flow)


def test_a_flow_says_where_each_pixel_comes_from():
    picture = torch.zeros(1, 1, 64, 64)
    picture[0, 0, 20, 40] = 1
    flow = torch.zeros(1, 2, FINE, FINE)
    flow[:, 0] = 2 * 8 / 63  # from eight pixels to the right
    moved = turned(picture, flow)
    assert moved[0, 0, 20, 32] == pytest.approx(1, abs=1e-4)
    assert still(flow, 64).max() == 0


def test_a_turn_keeps_the_corners_of_the_photo_to_the_bit(small, tiny, tools):
    result = edit(small, TURN, tiny, tools)
    corners = [(y, x) for y in (slice(0, 8), slice(-8, None)) for x in (slice(0, 8), slice(-8, None))]
    assert all(np.array_equal(result.blended[at], small.photo_u8[at]) for at in corners)
    assert not np.array_equal(result.blended, small.photo_u8)
    assert result.recipe == TURN


def test_beyond_what_is_drawn_the_motion_is_lengthened(small, tiny, tools):
    flows = [head_flow(small, Recipe({"yaw": strength}), tiny, tools) for strength in (2.0, 3.0)]
    assert torch.allclose(flows[1], 1.5**0.5 * flows[0], atol=1e-5)


def test_the_rest_of_a_recipe_is_drawn_first_and_then_turned(small, tiny, tools):
    both, smile = edit_all(small, [Recipe({"yaw": 1.5, "smile": 2.0}), Recipe({"smile": 2.0})], tiny, tools)
    bent = turned(to_pm1(smile.blended), head_flow(small, TURN, tiny, tools))
    assert float((to_pm1(both.aligned) - bent).abs().mean()) < 0.01


def test_the_code_of_a_turn_is_that_of_all_its_recipe(small, tiny, tools):
    there, back = (edit(small, Recipe({"yaw": s}), tiny, tools).w_plus for s in (1.5, -1.5))
    assert torch.allclose(there + back, 2 * small.w_plus, atol=1e-5)
    assert not torch.equal(there, small.w_plus)
