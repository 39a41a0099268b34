"""Where in a crop things are."""

import math

import numpy as np
import pytest
import torch

from editing.places import (
    PSNR_LIMIT,
    REGIONS,
    background,
    psnr_within,
    region_of,
    share_inside,
)
from editing.recipe.attributes import ATTRIBUTES
from samm.metrics import psnr


def test_the_background_is_the_corners_of_a_crop():
    outside = background(256)
    assert outside.mean() == pytest.approx(1 - math.pi / 4 * 0.85, abs=0.003)
    assert np.array_equal(outside, outside[::-1, ::-1])
    assert not outside[30:226, 60:196].any()  # eyes, mouth, chin, forehead
    assert outside[:, :18].all()
    assert not outside[0, 120:136].any()  # it reaches the upper edge


def test_psnr_within_a_region_sees_nothing_else_and_stays_finite():
    photo = np.random.default_rng(3).integers(20, 200, (64, 64, 3), np.uint8)
    edited, outside = photo.copy(), background(64)
    edited[~outside] += 30  # the face alone
    assert psnr_within(photo, edited, outside) == PSNR_LIMIT == pytest.approx(58.92, abs=0.01)
    assert psnr_within(photo, edited, ~outside) == pytest.approx(20 * math.log10(255 / 30))
    assert psnr_within(photo, edited, np.ones((64, 64), bool)) == psnr(photo, edited)
    with pytest.raises(ValueError, match="no pixel"):
        psnr_within(photo, edited, np.zeros((64, 64), bool))


def test_every_slider_has_a_region_within_the_picture():
    assert REGIONS.keys() == ATTRIBUTES.keys()
    areas = {name: region.holds(128).mean() for name, region in REGIONS.items()}
    assert min(areas.values()) > 0.01
    assert max(areas.values()) < 0.7
    assert areas["lipstick"] < areas["smile"] < areas["age"]


def test_regions_lie_where_the_crop_has_their_part():
    eye, mouth, hair = (119, 96), (180, 127), (20, 127)  # rows and columns of 256
    seen = {
        name: [bool(region.holds(256)[place]) for place in (eye, mouth, hair)]
        for name, region in REGIONS.items()
    }
    assert seen["eyes_open"] == seen["glasses"] == [True, False, False]
    assert seen["smile"] == seen["lipstick"] == seen["beard"] == [False, True, False]
    assert seen["blond_hair"] == [False, False, True]
    assert seen["age"] == [True, True, True]
    both = region_of(["lipstick", "blond_hair"], 256)
    assert [bool(both[place]) for place in (eye, mouth, hair)] == [False, True, True]


def test_the_share_of_change_inside_a_region():
    before, region = torch.zeros(3, 3, 64, 64), np.zeros((64, 64), bool)
    region[:16] = True
    after = before.clone()
    after[0, :, :16] = 0.5
    after[1] = 0.25
    assert share_inside(before, after, region).tolist() == pytest.approx([1, 0.25, 1])
