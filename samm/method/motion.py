"""Motion: where the content of one drawing lies in another drawing of the same face.

A generator that turns a head redraws all of it. Its features tell which place has become which: a coarse map
is searched for the nearest features, which follows a head's outline also before a backdrop that changes at
will, and a fine map is then followed by its slopes (Lucas & Kanade 1981), which follows lids and lips.

Shapes: C channels, r resolution of a map. A flow (1, 2, r, r), order (x, y), says how far from each place of
the second drawing its content lies in the first, in the units of `alignment.warp`: 2 is the whole edge.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.method.alignment import warp
from samm.method.regions import blur
from samm.networks.ops import scaled

__all__ = ["follow", "match"]

REACH = 5  # places of a coarse map that are searched in each direction
SHARPNESS = 60.0  # of the soft choice among them, of cosines
MATCH_PX = 0.75  # deviation of the blur of a match, at the coarse map's resolution
KINDS = 8  # fixed random mixtures of a fine map's channels that are followed
SIZES, ROUNDS = (64, 128), 3  # at which that is done, and how often at each; the following are their pixels
LOCAL = 0.06  # of the edge: deviation within which slopes are taken for one another's like
WINDOW_PX, SMOOTH_PX = 4.0, 3.0  # deviations of what moves together and of each step's blur
LEAST_CONTRAST, LEAST_SLOPE = 0.05, 0.02
LONGEST_PX = 1.5  # of a step


def match(before: Tensor, after: Tensor) -> Tensor:
    """Search the features (1, C, r, r) of one drawing near each place for those of another: a flow."""
    r, edge = before.shape[-1], 2 * REACH + 1
    center, scale = before.mean((2, 3), keepdim=True), before.std((2, 3), keepdim=True) + 1e-3
    first, second = (F.normalize((x - center) / scale, dim=1) for x in (before, after))
    first = F.pad(first, (REACH,) * 4, mode="replicate")
    alike = [
        (first[:, :, y : y + r, x : x + r] * second).sum(1) for y in range(edge) for x in range(edge)
    ]  # (1, r, r) each
    alike = blur(torch.stack(alike, 1), MATCH_PX)
    chosen = torch.softmax(SHARPNESS * alike[0], 0).view(edge, edge, r, r)  # y, x
    steps = (torch.arange(edge) - REACH).to(chosen)[:, None, None] * (2 / r)
    return torch.stack([(chosen.sum(0) * steps).sum(0), (chosen.sum(1) * steps).sum(0)])[None]


def follow(flow: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Make a flow more exact by maps (1, C, r, r) of the two drawings: at the last of `SIZES`."""
    mixture = torch.randn(KINDS, before.shape[1], 1, 1, generator=torch.Generator().manual_seed(0))
    maps = [F.conv2d(x, mixture.to(x)) for x in (before, after)]
    for size in SIZES:
        first, second = (_contrast(scaled(x, size)) for x in maps)
        flow = scaled(flow, size)
        for _ in range(ROUNDS):
            flow = blur(flow + _step(warp(first, flow), second) * (2 / size), SMOOTH_PX)
    return flow


def _contrast(x: Tensor) -> Tensor:
    """Make maps independent of color and light around each place."""
    reach = LOCAL * x.shape[-1]
    x = x / x.std((2, 3), keepdim=True).clamp_min(1e-6)
    x = x - blur(x, reach)
    return x / (blur(x.square().mean(1, keepdim=True), reach).sqrt() + LEAST_CONTRAST)


def _step(warped: Tensor, wanted: Tensor) -> Tensor:
    """Solve for the offsets (1, 2, r, r), in pixels, that bring maps nearer to others."""
    missing = wanted - warped
    across, down = _slopes(warped)
    products = [across * across, across * down, down * down, across * missing, down * missing]
    sums = blur(torch.cat([x.mean(1, keepdim=True) for x in products], 1), WINDOW_PX)
    xx, xy, yy, xm, ym = sums.split(1, 1)
    xx, yy = xx + LEAST_SLOPE, yy + LEAST_SLOPE
    offsets = torch.cat([yy * xm - xy * ym, xx * ym - xy * xm], 1) / (xx * yy - xy * xy)
    return offsets.clamp(-LONGEST_PX, LONGEST_PX)


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    x = F.pad(x, (1,) * 4, mode="replicate")
    across, down = x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2], x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]
    return across / 2, down / 2
