"""How sure a mean is, and how far sets of features are apart."""

import math

import numpy as np
import pytest
import torch

from editing.evaluation.statistics import bootstrap_interval, frechet_distance


def test_an_interval_holds_the_mean_and_narrows_with_more_photos():
    values = np.random.default_rng(1).normal(20, 2, 400)
    low, high = bootstrap_interval(values.tolist())
    assert low < values.mean() < high
    # A normal mean's interval is ±1.96 σ/√n.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    few_low, few_high = bootstrap_interval(values[:25].tolist())
    assert few_high - few_low > 2 * (high - low)


def test_an_interval_is_the_same_at_every_call_and_shared_by_methods():
    values = list(np.random.default_rng(2).normal(20, 2, 12))
    low, high = bootstrap_interval(values)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval([v + 1 for v in values]) == pytest.approx((low + 1, high + 1))


@pytest.mark.parametrize(
    ("values", "expected"), [([3.0], (3, 3)), ([0.0, 1.0], (0, 1)), ([math.inf] * 3, (math.inf, math.inf))]
)
def test_intervals_that_are_known(values, expected):
    assert bootstrap_interval(values) == expected


def test_an_interval_of_a_quotient_is_of_the_means_not_of_the_photos():
    parts, wholes = [1.0, 0.0, 2.0], [2.0, 4.0, 4.0]
    low, high = bootstrap_interval(parts, wholes)
    assert low < 3 / 10 < high
    assert bootstrap_interval([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == (0.5, 0.5)
    assert bootstrap_interval(parts, [1.0] * 3) == bootstrap_interval(parts)


def test_frechet_distance_against_the_formula(generator_rng):
    a = torch.randn(40, 5, generator=generator_rng) @ torch.randn(5, 5, generator=generator_rng)
    b = 2 * torch.randn(30, 5, generator=generator_rng) + 1
    mean_a, mean_b = a.double().mean(0), b.double().mean(0)
    cov_a, cov_b = a.double().T.cov(), b.double().T.cov()
    root = torch.linalg.eigvals(cov_a @ cov_b).sqrt().real.sum()
    expected = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected.item())
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 2) == pytest.approx(5 * 4, rel=1e-5)
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(a[:1], b)
