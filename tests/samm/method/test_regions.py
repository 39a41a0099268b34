"""Regions: morphology against slow or obvious forms, and what it is made for."""

import pytest
import torch
import torch.nn.functional as F

from samm.method.regions import close, median, open_, widen


@pytest.mark.parametrize("px", [0, 1, 2, 5])
def test_widening_is_a_maximum_over_a_square(px, generator_rng):
    mask = torch.rand(2, 3, 33, 48, generator=generator_rng)
    assert torch.equal(widen(mask, px), F.max_pool2d(mask, 2 * px + 1, 1, px))
    assert torch.equal(widen(-mask, px), F.max_pool2d(-mask, 2 * px + 1, 1, px))  # an outline moved inward


def test_a_median_drops_lines_and_keeps_areas():
    picture = torch.zeros(1, 2, 40, 40)
    picture[:, 0, :, 20:] = 0.5  # an area
    picture[:, 1, 10:12] = picture[:, 1, :, 30:32] = -0.8  # lines
    smooth = median(picture, 4)
    assert torch.equal(smooth[:, 0], picture[:, 0])
    assert not smooth[:, 1].any()


def test_opening_drops_what_is_too_small_and_keeps_every_other_outline():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 5:8, 5:40] = 1  # three pixels high
    mask[..., 20:50, 10:50] = 0.7
    mask[..., 30, 50:60] = 0.7  # a thin arm of the large one
    opened = open_(mask, 2)
    assert not opened[..., :10, :].any()
    assert torch.equal(opened[..., 15:, :], mask[..., 15:, :])
    assert torch.equal(close(1 - mask, 2), 1 - opened)


def test_opening_reaches_round_corners_however_far():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :8, :8] = 1  # holds a square; a path of one pixel winds away from it
    for row in range(10, 64, 4):
        mask[..., row, :] = 1
        mask[..., row - 4 : row, 63 if row // 4 % 2 else 0] = 1
    mask[..., :11, 0] = 1
    assert torch.equal(open_(mask, 3), mask)
