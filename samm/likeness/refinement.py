"""Refinement: optimize w_plus for one photo, between encoder and SAMM.

An encoder's code is a start; Adam through the frozen generator brings the likeness of equation 5. The photo
is composited into the render with the mask of the first pass, so nothing is spent on hats and backdrops that
the photo supplies. Renders are sketches at 128², with which a step takes two fifths of the time.

Shapes: N batch (1 here), L style rows, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samm.likeness.search import search
from samm.likeness.unlikeness import Unlikeness
from samm.method.blending import blend
from samm.networks.generators import Generator
from samm.networks.identity import FaceRes
from samm.networks.ops import area_resize
from samm.networks.perceptual import Perceptual

__all__ = ["RefineConfig", "refine_steps"]


@dataclass(frozen=True)
class RefineConfig:
    """Weights and schedule of the optimization; see the module's docstring for where they come from."""

    size: int = 128  # pictures are compared at this edge
    lr: float = 0.03
    betas: tuple[float, float] = (0.9, 0.95)
    warm_up: int = 8  # steps
    perceptual: float = 0.7
    identity: float = 0.3  # L_id; 0 leaves it out
    pull_start: float = 0.02  # toward the encoder's code
    pull_common: float = 0.05  # of all rows toward one w: keeps the code editable
    patience: int = 15  # steps without a gain of 0.2 % end the search


def refine_steps(
    photo_pm1: Tensor,
    keep_photo: Tensor,
    generator: Generator,
    perceptual: Perceptual,
    w_start: Tensor,
    steps: int,
    descriptor: FaceRes | None = None,
    config: RefineConfig | None = None,
) -> Iterator[Tensor]:
    """Improve w_start (1, L, 512) step by step; stop iterating at any time and keep the last value.

    Args:
        photo_pm1: (1, 3, H, H) in -1…1, H ≥ `config.size`.
        keep_photo: (1, 1, H, H) in 0…1, the gathered mask of the first pass.
        generator: frozen.
        perceptual: frozen.
        w_start: the encoder's code.
        steps: at most this many; ends early when nothing is gained any more.
        descriptor: tells who a face is, for L_id; None leaves it out.
        config: weights and schedule.

    Yields:
        The best w_plus so far, once a step.
    """
    config = config or RefineConfig()
    with torch.no_grad():
        photo_pm1, keep_photo = (area_resize(x, config.size) for x in (photo_pm1, keep_photo))
    unlikeness = Unlikeness(photo_pm1, perceptual, descriptor, (1.0, config.perceptual, config.identity))
    w_plus = w_start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([w_plus], lr=config.lr, betas=config.betas)

    def objective() -> Tensor:
        render = generator.sketch(generator.styles(w_plus), config.size).float()
        return (
            unlikeness(blend(photo_pm1, render, keep_photo))
            + config.pull_start * (w_plus - w_start).square().mean()
            + config.pull_common * (w_plus - w_plus.mean(1, keepdim=True)).square().mean()
        )

    def schedule(step: int) -> float:
        return _schedule(step, steps, config.warm_up)

    for (best,) in search([w_plus], objective, optimizer, steps, config.patience, schedule):
        yield best


def _schedule(step: int, steps: int, warm_up: int) -> float:
    """Rise linearly over `warm_up` steps, then fall on a cosine to a tenth."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / warm_up) * (0.1 + 0.9 * cosine)
