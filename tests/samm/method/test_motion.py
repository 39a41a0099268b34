"""Motion between two drawings: what has moved is found again, and how far."""

import pytest
import torch

from samm.method.alignment import warp
from samm.method.motion import SIZES, follow, match
from samm.method.regions import blur, spread

INNER = (..., slice(12, -12), slice(12, -12))


def _features(size, channels=24):
    """Smooth random features, of different sizes of detail in each channel."""
    noise = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(1))
    return blur(noise, 1.5)


def test_shifted_features_are_found_where_they_were():
    before = _features(48)
    after = torch.roll(before, (2, -3), (2, 3))  # two down, three to the left
    flow = match(before, after)[INNER] * 24  # in pixels
    assert flow[:, 0].mean() == pytest.approx(3, abs=0.1)
    assert flow[:, 1].mean() == pytest.approx(-2, abs=0.1)


def test_what_stays_has_no_flow():
    before = _features(48)
    assert match(before, before)[INNER].abs().max() * 24 < 0.1
    still = follow(torch.zeros(1, 2, 32, 32), _features(SIZES[-1]), _features(SIZES[-1]))
    assert still.abs().max() < 1e-6


def test_following_makes_a_flow_exact():
    before = blur(_features(SIZES[-1]), 3.0)
    truth = torch.zeros(1, 2, SIZES[-1], SIZES[-1])
    truth[:, 0] = 2 * 1.6 / (SIZES[-1] - 1)
    flow = follow(torch.zeros(1, 2, 32, 32), before, warp(before, truth))
    assert (flow - truth)[INNER].abs().mean() < 0.15 * truth[:, 0].max()


def test_a_fill_keeps_what_holds_and_is_smooth_between():
    values, weight = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    weight[..., :8] = weight[..., -8:] = 1
    values[..., -8:] = 1
    filled = spread(values, weight)
    assert torch.equal(filled[..., :8], values[..., :8])
    assert torch.equal(filled[..., -8:], values[..., -8:])
    middle = filled[0, 0, 16, 8:24]
    assert (middle.diff() > -0.02).all()
    assert 0.3 < float(middle.mean()) < 0.7
