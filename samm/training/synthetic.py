"""Synthetic photos: codes with known truth, pasted occluders, degradation.

Everything is drawn on the device, all rows at once, and each row has its own parameters.

Shapes: N batch, L style rows, K kinds, S picture edge in pixels. Pictures are (N, 3, S, S) in -1…1; occluder
masks are (N, 1, S, S) in 0…1, 1 where something covers the photo. Coordinates run from -1 (left, top) to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.method.blending import blend
from samm.networks.generators import Generator
from samm.networks.ops import area_resize
from samm.training.dice import Dice

__all__ = ["coordinates", "degrade", "jitter", "occluders", "paste", "sample_w_plus", "textures"]


# Codes ------------------------------------------------------------------------------------------------------


def sample_w(generator: Generator, psi: Tensor, dice: Dice) -> Tensor:
    """Sample w (N, 512), truncated toward the mean by psi (N, 1)."""
    w = generator.mapping(dice.normal(len(psi), len(generator.w_mean)))
    return generator.w_mean + psi * (w - generator.w_mean)


def sample_w_plus(generator: Generator, n: int, dice: Dice) -> Tensor:
    """Sample w_plus (n, L, 512) with truncation ψ ~ U(.45, 1).

    35 %: the rows after a random cut move toward a second code (style mixing). 20 %: every row moves a
    little toward it on its own. Otherwise one code in all rows.
    """
    rows = generator.num_layers
    psi = dice.uniform(n, 1, low=0.45, high=1.0)
    one, other = sample_w(generator, psi, dice), sample_w(generator, psi, dice)
    reach = dice.uniform(n, 1)
    cut = 2 + dice.below(rows - 3, n, 1)
    mixed = (torch.arange(rows, device=psi.device) >= cut) * reach  # (n, L)
    wavering = dice.uniform(n, rows, high=0.3) * reach
    kind = dice.uniform(n, 1)
    share = torch.where(kind < 0.35, mixed, torch.where(kind < 0.55, wavering, 0.0))
    return one[:, None] + share[:, :, None] * (other - one)[:, None]


# Occluders --------------------------------------------------------------------------------------------------


def coordinates(size: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Give x and y, each (1, 1, size, size) in -1…1."""
    line = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return x[None, None], y[None, None]


@dataclass(frozen=True)
class _Canvas:
    """Where shapes are drawn: picture coordinates, and the same turned about a random point of each row."""

    n: int
    x: Tensor  # (1, 1, S, S)
    y: Tensor
    along: Tensor  # (N, 1, S, S)
    across: Tensor
    dice: Dice

    @classmethod
    def random(cls, n: int, size: int, dice: Dice) -> _Canvas:
        x, y = coordinates(size, dice.device)
        angle = dice.uniform(n, 1, 1, 1, high=math.pi)
        from_x = x - dice.uniform(n, 1, 1, 1, low=-0.8, high=0.8)
        from_y = y - dice.uniform(n, 1, 1, 1, low=-0.9, high=0.9)
        along = from_x * angle.cos() + from_y * angle.sin()
        across = from_y * angle.cos() - from_x * angle.sin()
        return cls(n, x, y, along, across, dice)

    def size(self, low: float, high: float) -> Tensor:
        """Draw a length for each row, (N, 1, 1, 1)."""
        return self.dice.uniform(self.n, 1, 1, 1, low=low, high=high)

    def waves(self, cells: int) -> Tensor:
        """Draw smooth noise of unit strength with about `cells` bumps across, (N, 1, S, S)."""
        return _smooth_noise(self.n, 1, cells, self.x.shape[-1], self.dice)


def _ellipse(c: _Canvas) -> Tensor:
    return (c.along / c.size(0.08, 0.45)).square() + (c.across / c.size(0.08, 0.45)).square() < 1


def _rectangle(c: _Canvas) -> Tensor:
    return (c.along.abs() < c.size(0.05, 0.4)) & (c.across.abs() < c.size(0.05, 0.4))


def _bar(c: _Canvas) -> Tensor:
    """A microphone, an arm: long, and leaving the picture on one side."""
    return (c.across.abs() < c.size(0.02, 0.1)) & (c.along > -c.size(0.2, 1.5))


def _blob(c: _Canvas) -> Tensor:
    return (c.waves(6) > 0.4) & (c.along.square() + c.across.square() < c.size(0.1, 0.5))


def _hat(c: _Canvas) -> Tensor:
    return c.y + 0.15 * c.waves(4) < -c.size(0.35, 0.8)


def _side(c: _Canvas) -> Tensor:
    return c.along + 0.2 * c.waves(4) > c.size(0.45, 0.9)


def _glasses(c: _Canvas) -> Tensor:
    """Rims around both eyes of an FFHQ crop."""
    radius, eye_x, eye_y = 0.17, 0.28, -0.10
    rims = [
        (((c.x - side * eye_x) / radius).square() + ((c.y - eye_y) / (0.8 * radius)).square() - 1).abs()
        < 0.25
        for side in (-1, 1)
    ]
    return (rims[0] | rims[1]).expand_as(c.along)


_KINDS = (_ellipse, _rectangle, _bar, _blob, _hat, _side, _glasses)


def occluders(n: int, size: int, dice: Dice) -> Tensor:
    """Draw n occluder masks (n, 1, size, size) with edges softened 3x3; 30 % show two shapes."""
    canvas = _Canvas.random(n, size, dice)
    shapes = torch.stack([kind(canvas) for kind in _KINDS], 1)  # (n, K, 1, S, S)
    row = torch.arange(n, device=dice.device)
    first = shapes[row, dice.below(len(_KINDS), n)]
    second = shapes[row, dice.below(len(_KINDS), n)] & dice.chance(0.3, n, 1, 1, 1)
    return F.avg_pool2d(F.pad((first | second).float(), (1, 1, 1, 1), mode="replicate"), 3, 1)


def textures(photos: Tensor, dice: Dice) -> Tensor:
    """Make occluder surfaces (N, 3, S, S): enlarged patches of other photos, flat color, smooth noise."""
    n, channels, size = photos.shape[:3]
    zoom = dice.uniform(n, low=0.25, high=0.75)  # 64…192 pixels of 256
    mirror = torch.where(dice.chance(0.5, n), -1.0, 1.0)
    transform = torch.zeros(n, 2, 3, device=photos.device)
    transform[:, 0, 0], transform[:, 1, 1] = zoom, zoom * mirror
    transform[:, :, 2] = dice.uniform(n, 2, low=-1.0) * (1 - zoom[:, None])
    # Rows lend their faces in pairs: none covers itself with its own, and pairs stay within a process.
    neighbor = torch.arange(n, device=photos.device).bitwise_xor(1).clamp(max=n - 1)
    patches = _sample(photos[neighbor], transform)
    flat = dice.uniform(n, channels, 1, 1, low=-1.0)
    patch_share = dice.uniform(n, 1, 1, 1, high=1.2).clamp(max=1)
    noise = _smooth_noise(n, channels, dice.choose((4, 16, 64)), size, dice) * dice.uniform(
        n, 1, 1, 1, high=0.4
    )
    return (blend(patches, flat, patch_share) + noise).clamp(-1, 1)


def paste(photos: Tensor, probability: float, dice: Dice) -> tuple[Tensor, Tensor]:
    """Cover photos with occluders, each row with the given probability; give them and the occluder masks."""
    n, size = len(photos), photos.shape[-1]
    mask = occluders(n, size, dice) * dice.chance(probability, n, 1, 1, 1)
    return blend(textures(photos, dice), photos, mask), mask


# Degradation ------------------------------------------------------------------------------------------------


def degrade(photos: Tensor, dice: Dice) -> Tensor:
    """Make input photos worse: 40 % lose resolution, 30 % gain noise of σ ≤ .04."""
    n, size = len(photos), photos.shape[-1]
    low = area_resize(photos, dice.choose((3, 4, 5)) * size // 8)  # 96, 128 or 160 of 256
    soft = F.interpolate(low, size=size, mode="bicubic", align_corners=False)
    photos = torch.where(dice.chance(0.4, n, 1, 1, 1), soft, photos)
    strength = dice.uniform(n, 1, 1, 1, high=0.04) * dice.chance(0.3, n, 1, 1, 1)
    return (photos + strength * dice.normal(*photos.shape)).clamp(-1, 1)


def jitter(photos: Tensor, dice: Dice) -> Tensor:
    """Crop again, not quite the same way: rotation ±.03 rad, scale ±3 %, shift ±2 % of the half width."""
    n = len(photos)
    angle = dice.uniform(n, low=-0.03, high=0.03)
    scale = dice.uniform(n, low=0.97, high=1.03)
    transform = torch.zeros(n, 2, 3, device=photos.device)
    transform[:, 0, 0] = transform[:, 1, 1] = scale * angle.cos()
    transform[:, 1, 0] = scale * angle.sin()
    transform[:, 0, 1] = -transform[:, 1, 0]
    transform[:, :, 2] = dice.uniform(n, 2, low=-0.02, high=0.02)
    return _sample(photos, transform)


def _sample(photos: Tensor, transform: Tensor) -> Tensor:
    grid = F.affine_grid(transform, list(photos.shape), align_corners=False)
    return F.grid_sample(photos, grid, padding_mode="reflection", align_corners=False)


def _smooth_noise(n: int, channels: int, cells: int, size: int, dice: Dice) -> Tensor:
    return F.interpolate(
        dice.normal(n, channels, cells, cells), size=size, mode="bicubic", align_corners=False
    )
