"""Spatial alignment: SAMM's level networks, the warp, and Algorithm 1 (paper, Algorithm 1).

At each of four resolutions SAMM compares encoder features f of the photo with generator features g and
predicts a flow and a mask. The flow warps g onto the photo's geometry where the mask is high. Flow and mask
come from one head.

Where the paper's text and the authors' code differ, or both could be better, we do this: zero flow is
exactly the identity, nothing is normalized after the head, each flow step is clipped, and levels are merged
only once, in `gathering`.

Shapes: N batch, C channels, h hidden width, r level resolution. Flows are (N, 2, r, r), order (x, y), in
normalized coordinates (2 = full width); masks are (N, 1, r, r) in 0…1, 1 keeps the photo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.method.masking import update_mask
from samm.networks.generators import Adapt

__all__ = [
    "FLOW_LIMIT",
    "SAMM",
    "Alignment",
    "Level",
    "Levels",
    "align",
    "aligner",
    "replay",
    "warp",
    "warp_masked",
]

FLOW_LIMIT = 0.08  # s in Algorithm 1: ±0.04·r pixels per axis
HIDDEN = {32: 96, 64: 64, 128: 48, 256: 32}
_PARTS = 16  # that the channels of a lone picture are sampled in


def warp(feature: Tensor, flow: Tensor) -> Tensor:
    """Sample feature (N, C, r, r) bilinearly at the identity grid plus flow (N, 2, r, r): GS(g, Δ).

    A flow of 2 is the way from the first to the last pixel (aligned corners); borders are replicated.
    """
    is_fixed = not (torch.is_grad_enabled() and (feature.requires_grad or flow.requires_grad))
    if is_fixed and feature.is_contiguous(memory_format=torch.channels_last):
        return _warp_rows(feature, flow)
    # Sampled by pixel centers, (2j + 1) / r - 1, which float32 holds exactly for powers of two: with aligned
    # corners the identity grid is rounded, and zero flow would not be exactly the identity.
    count, channels, height, width = feature.shape
    ys = (2 * torch.arange(height, device=feature.device) + 1) / height - 1
    xs = (2 * torch.arange(width, device=feature.device) + 1) / width - 1
    x_step, y_step = flow.float().unbind(1)  # (N, r, r)
    x = xs + x_step * ((width - 1) / width)
    y = ys[:, None] + y_step * ((height - 1) / height)
    grid = torch.stack([x, y], -1)  # (N, r, r, 2)
    # Threads share grid_sample out by picture, so a lone one would keep a single core busy: groups of its
    # channels pass as pictures (parts, C / parts, r, r).
    parts = math.gcd(channels, _PARTS) if count == 1 else 1
    pictures = feature.float().reshape(count * parts, -1, height, width)
    grids = grid.expand(len(pictures), -1, -1, -1)
    warped = F.grid_sample(pictures, grids, mode="bilinear", padding_mode="border", align_corners=False)
    return warped.view(feature.shape)


def _warp_rows(feature: Tensor, flow: Tensor) -> Tensor:
    """Warp a map whose memory holds a row of C channels for each pixel: four such rows weighed and added.

    A quarter of the time of `grid_sample`, which picks channel by channel.
    """
    count, channels, height, width = feature.shape
    x_step, y_step = flow.float().unbind(1)  # (N, r, r)
    x = torch.arange(width, device=flow.device) + x_step * ((width - 1) / 2)
    y = torch.arange(height, device=flow.device)[:, None] + y_step * ((height - 1) / 2)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    x, y = x - left, y - top  # how far from there, 0…1
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    first = height * width * torch.arange(count, device=flow.device)[:, None, None]  # each picture's
    places = [first + width * row.long() + column.long() for row in (top, bottom) for column in (left, right)]
    shares = [row * column for row in (1 - y, y) for column in (1 - x, x)]
    warped = F.embedding_bag(
        torch.stack(places, -1).view(-1, 4),
        feature.float().permute(0, 2, 3, 1).reshape(-1, channels),
        per_sample_weights=torch.stack(shares, -1).view(-1, 4),
        mode="sum",
    )
    return warped.view(count, height, width, channels).permute(0, 3, 1, 2)


def warp_masked(feature: Tensor, flow: Tensor, mask: Tensor) -> Tensor:
    """Warp where the mask is high and leave the feature alone where it is 0: GS(g, Δ)·M + g·(1 − M)."""
    warped = warp(feature, flow)
    # Room for a map this large costs more than the blend: where nothing is differentiated, warped's is used.
    out = None if torch.is_grad_enabled() else warped
    return torch.lerp(feature.float(), warped, mask, out=out).to(feature.dtype)


class Res(nn.Module):
    """Residual block of a level network."""

    def __init__(self, channels: int):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)
        self.n = nn.GroupNorm(max(channels // 16, 1), channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, h, r, r)."""
        return x + self.b(F.leaky_relu(self.a(F.leaky_relu(self.n(x), 0.2)), 0.2))


def align(g: Tensor, compare: Callable[[Tensor], Tensor], iterations: int) -> tuple[Tensor, Tensor]:
    """Run Algorithm 1 for a generator feature g (N, C, r, r); return flow Δ and mask M.

    `compare` maps the feature as aligned so far to (N, 3, r, r): flow step before tanh, mask before sigmoid.
    `warp_masked(g, Δ, M)` is the aligned feature that takes g's place in the generator.
    """
    aligned = g
    flow, mask = (torch.zeros(len(g), channels, *g.shape[2:], device=g.device) for channels in (2, 1))
    for iteration in range(iterations):
        out = compare(aligned).float()
        step, proposal = FLOW_LIMIT * torch.tanh(out[:, :2]), torch.sigmoid(out[:, 2:])
        flow = (flow + step).clamp(-FLOW_LIMIT, FLOW_LIMIT)
        mask = update_mask(mask, proposal) if iteration else proposal
        aligned = warp_masked(g, flow, mask)  # always the original g, so bilinear blur does not add up
    return flow, mask


class Level(nn.Module):
    """SAMM at one resolution: the difference of f and g gives a flow step and a mask proposal."""

    def __init__(self, f_channels: int, g_channels: int, hidden: int):
        super().__init__()
        self.f = nn.Conv2d(f_channels, hidden, 1)
        self.g = nn.Conv2d(g_channels, hidden, 1)
        self.body = nn.Sequential(
            nn.Conv2d(2 * hidden, hidden, 3, padding=1), Res(hidden), Res(hidden), nn.LeakyReLU(0.2)
        )
        self.out = nn.Conv2d(hidden, 3, 3, padding=1)
        nn.init.zeros_(self.out.weight)  # start with zero flow and a mask of sigmoid(-1) = 0.27
        self.out.bias = nn.Parameter(torch.tensor([0.0, 0.0, -1.0]))

    def forward(self, f: Tensor, g: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Run Algorithm 1 for encoder feature f and generator feature g; return flow Δ and mask M."""
        f_code = F.instance_norm(self.f(f).float())

        def compare(aligned: Tensor) -> Tensor:
            g_code = F.instance_norm(self.g(aligned).float())
            return self.out(self.body(torch.cat([f_code - g_code, f_code], 1)))

        return align(g, compare, iterations)

    def last_parameters(self) -> list[nn.Parameter]:
        """List what has the last word on the three outputs, one row for each: flow, flow, mask."""
        return list(self.out.parameters())


class Levels(nn.Module):
    """Level networks keyed by resolution, coarsest first; what `aligner` works with.

    A level network is `forward(f, g, iterations) → (Δ, M)`, as `Level` is.
    """

    def __init__(self, levels: Mapping[int, nn.Module]):
        super().__init__()
        self.levels = nn.ModuleDict({str(r): level for r, level in levels.items()})

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The resolutions at which SAMM works, coarsest first."""
        return tuple(int(r) for r in self.levels)


class SAMM(Levels):
    """The four compact level networks; 1.04 M parameters at the default widths."""

    def __init__(
        self, f_channels: Mapping[int, int], g_channels: Mapping[int, int], hidden: Mapping[int, int] = HIDDEN
    ):
        super().__init__({r: Level(f_channels[r], g_channels[r], width) for r, width in hidden.items()})


@dataclass(frozen=True)
class Alignment:
    """Flows and masks by resolution, coarsest first; filled while the generator runs."""

    flows: dict[int, Tensor]
    masks: dict[int, Tensor]


def aligner(samm: Levels, features: Mapping[int, Tensor], iterations: int) -> tuple[Adapt, Alignment]:
    """Let SAMM align a generator's features to a photo's `features` while it draws.

    Returns:
        The callback for `Generator.synthesize`, and the `Alignment` that it fills level by level.
    """
    alignment = Alignment({}, {})

    def adapt(resolution: int, g: Tensor) -> Tensor:
        if resolution not in samm.resolutions:
            return g
        flow, mask = samm.levels[str(resolution)](features[resolution], g, iterations)
        alignment.flows[resolution], alignment.masks[resolution] = flow, mask
        return warp_masked(g, flow, mask)

    return adapt, alignment


def replay(alignment: Alignment) -> Adapt:
    """Apply one photo's stored flows and masks instead of predicting them, to any number of pictures.

    An unchanged code so repeats the inversion exactly.
    """

    def adapt(resolution: int, g: Tensor) -> Tensor:
        if resolution not in alignment.flows:
            return g
        flow, mask = alignment.flows[resolution].to(g.device), alignment.masks[resolution].to(g.device)
        return warp_masked(g, flow.expand(len(g), -1, -1, -1), mask)

    return adapt
