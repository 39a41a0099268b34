"""How sure a mean over photos is, and how far two sets of pictures are apart.

Shapes: N pictures, D features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["bootstrap_interval", "frechet_distance"]


def bootstrap_interval(
    values: Sequence[float], over: Sequence[float] | None = None, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Give the 95 % percentile interval of a mean over photos (Efron 1979), the same at every call.

    Equally many values are resampled by the same draws, so that methods on the same photos vary together.

    Args:
        values: one for each photo.
        over: also one for each photo; the interval is then of the quotient of both means.
        resamples: how many.
        seed: of the draws.
    """
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    means = np.asarray(values, dtype=np.float64)[draws].mean(1)
    if over is not None:
        means = means / np.asarray(over, dtype=np.float64)[draws].mean(1)
    # Observed means instead of points between them: two infinite ones have nothing between.
    low, high = np.quantile(means, (0.025, 0.975), method="nearest")
    return float(low), float(high)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Give the distance of two sets of features (N, D) as Gaussians (Heusel et al. 2017), the FID's formula.

    The trace of (Σ_a Σ_b)^½ is the sum of the singular values of the sets' product, which is exact and small
    where there are fewer pictures than features.

    Raises:
        ValueError: a set of fewer than two pictures has no covariance.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("the distance needs two pictures in each set")
    a, b = a.double(), b.double()
    spread_a = (a - a.mean(0)) / (len(a) - 1) ** 0.5  # Σ_a = spread_aᵀ spread_a
    spread_b = (b - b.mean(0)) / (len(b) - 1) ** 0.5
    shared = torch.linalg.svdvals(spread_a @ spread_b.T).sum()  # (N, N)
    distance = (a.mean(0) - b.mean(0)).square().sum() + spread_a.square().sum() + spread_b.square().sum()
    return (distance - 2 * shared).clamp(min=0).item()
