"""Fit GANSpace's components: the principal component analysis of W (Härkönen et al. 2020).

The original fits incrementally from batches; W has only 512 dimensions, so mean and covariance are summed up
in float64 and decomposed once, which is exact.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from editing.moves.components import Components
from samm.errors import OptionError
from samm.networks.generators import STYLE_DIM, Generator

__all__ = ["fit_components", "save_components"]

_log = logging.getLogger(__name__)


@torch.no_grad()
def fit_components(
    generator: Generator,
    samples: int = 1_000_000,
    count: int = 80,
    seed: int = 0,
    batch: int = 10_000,
    device: torch.device | str = "cpu",
) -> Components:
    """Fit the first `count` principal components of W from `samples` draws of z.

    A component's sign is chosen so that its entry of largest magnitude is positive. The draws are the same on
    every device and for every `batch`.

    Args:
        generator: lies on `device`.
        samples: M; more than `count`.
        count: K, 1…512.
        seed: of z.
        batch: draws that are mapped at once.
        device: where z is mapped.

    Raises:
        OptionError: `count` and `samples` do not go together.
    """
    if not 1 <= count <= min(STYLE_DIM, samples - 1):
        raise OptionError(
            f"{count} components cannot be fitted to {samples} samples; choose 1 to {STYLE_DIM} components "
            "and more samples than components."
        )
    noise = torch.Generator().manual_seed(seed)
    total = torch.zeros(STYLE_DIM, dtype=torch.float64)
    products = torch.zeros(STYLE_DIM, STYLE_DIM, dtype=torch.float64)
    with tqdm(total=samples, unit="w", desc="Sampling W", disable=None, leave=False) as bar:
        for start in range(0, samples, batch):
            z = torch.randn(min(batch, samples - start), STYLE_DIM, generator=noise)
            w = generator.mapping(z.to(device)).cpu().double()
            total += w.sum(0)
            products += w.T @ w
            bar.update(len(w))
    mean = total / samples
    covariance = (products - samples * mean.outer(mean)) / (samples - 1)
    variances, vectors = torch.linalg.eigh(covariance)  # ascending; vectors are columns
    variances, vectors = variances.flip(0)[:count].clamp(min=0), vectors.flip(1).T[:count]
    _log.info(
        "Variance of W %.2f, of which %d components hold %.1f %%",
        covariance.trace(),
        count,
        100 * variances.sum() / covariance.trace(),
    )
    return Components(mean.float(), _fix_signs(vectors).float(), variances.sqrt().float())


def save_components(path: str | Path, components: Components, metadata: Mapping[str, Any]) -> None:
    """Write components as safetensors (mean, vectors, sigma); `metadata` is stored as JSON under "about"."""
    tensors = {"mean": components.mean, "vectors": components.vectors, "sigma": components.sigma}
    save_file(
        {key: value.float().cpu().contiguous() for key, value in tensors.items()},
        path,
        {"about": json.dumps(metadata, sort_keys=True)},
    )


def _fix_signs(vectors: Tensor) -> Tensor:
    """Turn rows (K, 512), of either sign by nature, so that the entry of largest magnitude is positive."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))  # (K, 1)
    return vectors * largest.sign()
