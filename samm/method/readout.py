"""The read-out: match the drawn picture to one photo in closed form, with the generator's own features.

After alignment the generator's feature maps know where nose, lid and jaw of this photo are; what is missing
is how *this* photo renders them. So each map gets one more linear layer to color, as StyleGAN2's ToRGB
layers are, fitted to the photo and added to the picture. It is pivotal tuning (Roich et al. 2022, PTI) with
one linear layer for each resolution in place of all weights, solved exactly in place of gradient steps. Our
addition to the paper.

At resolution r, with X (P, C) the centered and scaled features of the P = r² pixels, R (P, 3) what is still
missing of the photo there, D the diagonal of each pixel's weight (1 − m + ε, as the rest is the photo's own,
and more within a face, by which people are told apart), and X_p the features of the same pixels after probe p
of n, a move of the code as an edit makes it:

    W = argmin ‖D^½ (X W − R)‖² + λ tr(D) ‖W‖² + (μ / n) Σ_p ‖D^½ (X_p − X) W‖²
      = (Xᵀ D X + λ tr(D) I + (μ / n) Σ_p (X_p − X)ᵀ D (X_p − X))⁻¹ Xᵀ D R

This is solved twice. With μ = 0 and a small λ the layers are free: nothing draws this photo better, and they
draw the inversion. With μ > 0 they may use only what a change of the code leaves alone: they draw edits,
which the free layers would mottle wherever a feature leaves the range that it has in the photo. Coarse maps
come first, each fits what the others leave (a few rounds of block Gauss–Seidel, which reuse the
factorizations), and the finest ones, which carry detail and no shape, follow once without probes.

Shapes: N pictures, L style rows, C channels of a map, r its resolution, P pixels, S edge of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.networks.generators import Adapt, Generator
from samm.networks.ops import area_resize, scaled

__all__ = ["Fit", "Head", "Readout", "fit_readout", "probe_codes", "probe_maps", "record"]

COARSE = (16, 32, 64, 128)  # resolutions that carry shape and color
FINE = (256, 512)  # and those that carry detail; a generator that lacks some does without
PROBED = 64  # the finest map that probes are drawn up to
PROBES = 6  # n, along as many axes of W
REACH = 3.0  # deviations that a probe moves
SAMPLES = 4096  # of W
ROUNDS = 3
HOLD = 1.0  # μ of the layers that draw edits
FREE_RIDGE = {"coarse": 1e-5, "fine": 2.5e-6}  # λ of the layers that draw the inversion
HELD_RIDGE = {"coarse": 2e-4, "fine": 5e-5}  # and of those that draw edits
KEPT_WEIGHT = 0.1  # ε
EDGE = 512  # a map's products are formed on at most EDGE² of its pixels, evenly spaced
LEAST_SCALE = 1e-3


@dataclass(frozen=True)
class Head:
    """The linear layer of one map: color = (feature − center) / scale · weight + bias.

    Attributes:
        center, scale: (C,) float16, of the photo's features.
        weight: (C, 3) float16.
        bias: (3,) float16.
    """

    center: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __call__(self, feature: Tensor) -> Tensor:
        """Map features (N, C, r, r) to colors (N, 3, r, r)."""
        center, scale, weight, bias = (
            part.to(feature.device, torch.float32)
            for part in (self.center, self.scale, self.weight, self.bias)
        )
        with torch.autocast(feature.device.type, enabled=False):
            kernel = (weight / scale[:, None]).T  # (3, C)
            return F.conv2d(feature.float(), kernel[:, :, None, None], bias - kernel @ center)


@dataclass(frozen=True)
class Readout:
    """What one photo adds to the drawn picture, by resolution; plain CPU data, about 25 kB."""

    heads: Mapping[int, Head]

    def __call__(self, maps: Mapping[int, Tensor], size: int) -> Tensor:
        """Give the correction (N, 3, size, size) of pictures whose features are `maps`, see `record`."""
        return _sum([head(maps[r]) for r, head in self.heads.items()], size)

    def follow(self, adapt: Adapt | None) -> tuple[Adapt, Callable[[int], Tensor]]:
        """Read a drawing while it runs, which keeps no map.

        Args:
            adapt: what the features go through first.

        Returns:
            The callback for `Generator.draw`, and a function that gives the correction at a size after it.
        """
        colors: dict[int, Tensor] = {}

        def read(resolution: int, feature: Tensor) -> Tensor:
            feature = adapt(resolution, feature) if adapt else feature
            if resolution in self.heads:
                colors[resolution] = self.heads[resolution](feature)
            return feature

        return read, lambda size: _sum(list(colors.values()), size)


@dataclass(frozen=True)
class Fit:
    """Both read-outs of a photo.

    Attributes:
        free: draws the inversion.
        held: draws edits, held still under the probes.
    """

    free: Readout
    held: Readout


class _Enough(Exception):
    """Ends a drawing whose maps are all there."""


def record(adapt: Adapt | None = None, top: int | None = None) -> tuple[Adapt, dict[int, Tensor]]:
    """Keep the maps that a read-out uses while a generator draws.

    Args:
        adapt: what the features go through first, so that aligned ones are kept.
        top: end the drawing at this resolution, by an exception that `probe_maps` expects.

    Returns:
        The callback for `Generator.draw`, and the maps (N, C, r, r) by resolution, which it fills.
    """
    maps: dict[int, Tensor] = {}

    def keep(resolution: int, feature: Tensor) -> Tensor:
        feature = adapt(resolution, feature) if adapt else feature
        if resolution in COARSE + FINE:
            maps[resolution] = feature
        if resolution == top:
            raise _Enough
        return feature

    return keep, maps


def probe_codes(generator: Generator, w_plus: Tensor) -> Tensor:
    """Move a code (1, L, 512) as edits do, along the main axes of W: `PROBES` codes (n, L, 512)."""
    return w_plus + _main_axes(generator).to(w_plus)[:, None]


@lru_cache(maxsize=4)  # a model's, and those tuned from it
def _main_axes(generator: Generator) -> Tensor:
    """Give the first principal components of W, each as long as `REACH` deviations: (PROBES, 512)."""
    noise = torch.randn(SAMPLES, len(generator.w_mean), generator=torch.Generator().manual_seed(0))
    w = generator.mapping(noise.to(generator.w_mean.device))
    w = w - w.mean(0)
    variances, axes = torch.linalg.eigh(w.T @ w / SAMPLES)  # ascending
    return (axes * variances.clamp_min(0).sqrt()).T[-PROBES:] * REACH


def probe_maps(
    generator: Generator, codes: Tensor, adapt: Adapt | None, top: int = PROBED
) -> dict[int, Tensor]:
    """Draw the maps of codes (N, L, 512) up to a resolution and no further."""
    keep, maps = record(adapt, top)
    with suppress(_Enough):
        generator.synthesize(codes, keep)
    return maps


def fit_readout(
    maps: Mapping[int, Tensor],
    missing: Tensor,
    keep_photo: Tensor,
    probes: Mapping[int, Tensor],
    importance: Tensor | float = 1.0,
) -> Fit:
    """Fit a photo's read-outs.

    Args:
        maps: of the inversion's drawing, by resolution, (1, C, r, r).
        missing: photo minus drawn picture, (1, 3, S, S).
        keep_photo: (1, 1, S, S) in 0…1, what need not be drawn.
        probes: maps of the probes, (n, C, r, r); a resolution without any is held by λ alone.
        importance: (1, 1, S, S), how many times each place counts.
    """
    weight = importance * (1 - keep_photo + KEPT_WEIGHT)
    levels = {r: _Level(maps[r], missing, weight) for r in COARSE + FINE if r in maps}
    free = {r: level.factor(FREE_RIDGE) for r, level in levels.items()}
    held = {r: level.factor(HELD_RIDGE, probes.get(r)) for r, level in levels.items()}
    return Fit(*(_solve(levels, factors, maps) for factors in (free, held)))


def _solve(
    levels: Mapping[int, _Level], factors: Mapping[int, Tensor], maps: Mapping[int, Tensor]
) -> Readout:
    """Fit each level to what the others leave, coarse ones in turn and the fine ones once."""
    coarse = [r for r in levels if r in COARSE]
    fine = [r for r in levels if r in FINE]
    heads: dict[int, Head] = {}
    colors: dict[int, Tensor] = {}
    for r in coarse * ROUNDS + fine:
        others = [color for other, color in colors.items() if other != r]
        heads[r] = levels[r].fit(factors[r], _sum(others, r) if others else None)
        colors[r] = heads[r](maps[r])
    return Readout({r: heads[r] for r in levels})


class _Level:
    """The normal equations of one map."""

    def __init__(self, feature: Tensor, missing: Tensor, weight: Tensor):
        r = feature.shape[-1]
        self._step = max(r // EDGE, 1)
        self._missing = self._rows(area_resize(missing, r))
        weights = self._rows(area_resize(weight, r))  # (P, 1)
        weights = weights / weights.sum()  # tr(D) is 1
        self._root = weights.sqrt()
        x = self._rows(feature)
        self._center = (weights.T @ x)[0].half().float()
        # Of all that follows, one matrix is kept, √D X: at 512² it has a quarter of a million rows.
        x = (x - self._center).mul_(self._root)
        self._scale = (x.norm(dim=0) + LEAST_SCALE).half().float()
        self._x = x.div_(self._scale)
        self._products = self._x.T @ self._x
        self._kind = "coarse" if r in COARSE else "fine"

    def factor(self, ridge: Mapping[str, float], probes: Tensor | None = None) -> Tensor:
        """Factorize the products with λ, and with the changes (n, C, r, r) that probes bring, if any."""
        products = self._products.clone()
        products.diagonal().add_(ridge[self._kind])
        if probes is not None:
            for probe in probes:
                change = (self._rows(probe[None]) - self._center).div_(self._scale).mul_(self._root)
                change.sub_(self._x)
                products.addmm_(change.T, change, alpha=HOLD / len(probes))
        return torch.linalg.cholesky(products)

    def fit(self, factor: Tensor, others: Tensor | None) -> Head:
        """Fit what the other levels' color (1, 3, r, r) leaves."""
        target = self._missing if others is None else self._missing - self._rows(others)
        bias = (target * self._root.square()).sum(0)
        # Xᵀ D R, whose three columns are quick as rows.
        products = (((target - bias) * self._root).T @ self._x).T
        weight = torch.cholesky_solve(products, factor)
        parts = (self._center, self._scale, weight, bias)
        return Head(*(part.half().cpu() for part in parts))

    def _rows(self, maps: Tensor) -> Tensor:
        """Turn (1, C, r, r) into a row for each pixel that is used, (P, C)."""
        return maps[0, :, :: self._step, :: self._step].flatten(1).T.float()


def _sum(colors: Sequence[Tensor], size: int) -> Tensor:
    """Add pictures (N, 3, r, r) of several resolutions at one size."""
    return torch.stack([scaled(color, size) for color in colors]).sum(0)
