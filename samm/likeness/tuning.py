"""Pivotal tuning: bend the generator itself to one photo (PTI; Roich et al. 2022, sections 3.2 and 3.3).

The code of an inversion, the pivot, stays where it is, which keeps it editable; a copy of the generator
learns to draw the photo from it: L = ST-LPIPS + λ_L2 · MSE + λ_id · L_id. Optionally the copy is held to the
shared generator at codes near the pivot, so that it does not forget other faces.

Different from the paper: ST-LPIPS instead of LPIPS, and a term for identity; sketches in place of drawings,
whose reader stays as it is; the end is a lack of gain instead of a fixed level; the
photo is composited into the render with the inversion's mask, as in `refinement`, so that nothing is spent on
hats and backdrops that the photo supplies; and pictures are compared at 256², because at 1024² the MSE wipes
out pores and hairs, which never lie where the photo has them.

Only weights that draw from 8² to 128² are tuned, see `Generator.tunable`. So the maps from w to styles stay,
and an edit changes the same styles by as much as before; the convolution at 4², 60 % of the other weights,
gains nothing; and finer weights, which nobody judges, go on drawing skin and hair as they do for other faces.

What is found is kept as differences to the shared generator, in float16: 2.9 MB with the embedded model, and
no pixel further than one level from what was found. A step takes as long as one of `refinement`.

Shapes: N batch (1 here), L style rows, H W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.likeness.search import search
from samm.likeness.unlikeness import Unlikeness
from samm.method.blending import blend
from samm.networks.generators import Generator
from samm.networks.identity import FaceRes
from samm.networks.perceptual import Perceptual

__all__ = ["TuneConfig", "tune_steps", "tuned_generator"]


@dataclass(frozen=True)
class TuneConfig:
    """Weights and schedule of the tuning; learning rate, λ and α are those of danielroich/PTI (MIT)."""

    lr: float = 3e-4
    mse: float = 1.0  # λ_L2
    identity: float = 0.3  # λ_id; 0 leaves it out
    patience: int = 15  # steps without a gain of 0.2 % end the tuning
    locality: float = 0.0  # λ_R, 0.1 in the paper; above 0 a step takes about twice as long
    reach: float = 30.0  # α, how far from the pivot the generator is held
    seed: int = 0  # of the directions in which it is held


def tune_steps(
    photo_pm1: Tensor,
    keep_photo: Tensor,
    generator: Generator,
    perceptual: Perceptual,
    w_plus: Tensor,
    steps: int,
    descriptor: FaceRes | None = None,
    config: TuneConfig | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Tune a copy of the generator step by step; stop iterating at any time and keep the last value.

    Args:
        photo_pm1: (1, 3, H, H) in -1…1; pictures are compared at its size.
        keep_photo: (1, 1, H, H) in 0…1, the gathered mask of the inversion.
        generator: frozen; stays as it is.
        perceptual: frozen.
        w_plus: (1, L, 512), the pivot.
        steps: at most this many; ends early when nothing is gained any more.
        descriptor: tells who a face is, for L_id; None leaves it out.
        config: weights and schedule.

    Yields:
        The best differences to the generator's weights so far, once a step; see `tuned_generator`.
    """
    config = config or TuneConfig()
    tuned = copy.deepcopy(generator)
    with torch.no_grad():
        styles = tuned.styles(w_plus)
    size = photo_pm1.shape[-1]
    unlikeness = Unlikeness(photo_pm1, perceptual, descriptor, (config.mse, 1.0, config.identity))
    weights = {name: weight.requires_grad_() for name, weight in tuned.tunable().items()}
    optimizer = torch.optim.Adam(weights.values(), lr=config.lr)  # leaves alone what gets no gradient
    random = torch.Generator().manual_seed(config.seed)

    def objective() -> Tensor:
        return unlikeness(blend(photo_pm1, tuned.sketch(styles, size).float(), keep_photo))

    def hold() -> None:
        if config.locality:
            _hold(tuned, generator, perceptual, w_plus, size, random, config)

    shared = generator.tunable()
    values = list(weights.values())
    for best in search(values, objective, optimizer, steps, config.patience, regularize=hold):
        changes = {name: value - shared[name] for name, value in zip(weights, best, strict=True)}
        yield {name: change.half() for name, change in changes.items() if change.any()}


def tuned_generator(generator: Generator, differences: Mapping[str, Tensor]) -> Generator:
    """Copy a generator with differences, from `tune_steps` and by parameter name, added to its weights."""
    with torch.inference_mode(False):  # weights made under it could not enter an optimization
        tuned = copy.deepcopy(generator)
        weights = tuned.tunable()
        for name, difference in differences.items():
            weights[name].add_(difference.to(weights[name]))
    return tuned


def _hold(
    tuned: Generator,
    shared: Generator,
    perceptual: Perceptual,
    w_plus: Tensor,
    size: int,
    random: torch.Generator,
    config: TuneConfig,
) -> None:
    """Add the gradient of the locality regularization: at α from the pivot, draw as the shared generator."""
    with torch.no_grad():
        w = shared.mapping(torch.randn(1, w_plus.shape[-1], generator=random).to(w_plus.device))
        direction = F.normalize((w[:, None] - w_plus).flatten(1)).view_as(w_plus)
        styles = shared.styles(w_plus + config.reach * direction)
        target = shared.sketch(styles, size).float()
    with torch.enable_grad():
        picture = tuned.sketch(styles, size).float()
        loss = config.locality * Unlikeness(target, perceptual, None, (config.mse, 1.0, 0.0))(picture)
    loss.backward()
