"""Pivotal tuning: bend the generator itself to one photo (PTI; Roich et al. 2022, sections 3.2 and 3.3).

The code of an inversion, the pivot, stays where it is, which keeps it editable; a copy of the generator
learns to draw the photo from it: L = ST-LPIPS + λ_L2 · MSE. Optionally the copy is held to the shared
generator at codes near the pivot, so that it does not forget other faces.

Different from the paper: ST-LPIPS at 256² instead of LPIPS; the end is a lack of gain instead of a fixed
level; and where the inversion has masks, the photo is composited into the render with them, as in
`refinement`, so that nothing is spent on hats and backdrops that the photo supplies.

Measured with the embedded model at 1024²: a step takes 3.7 s of one CPU core, as an optimization step of the
code does, and the process peaks at 2.3 GB instead of 2.0 GB; the tuned generator takes 40 MB.

Shapes: N batch (1 here), L style rows, H W pixels.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.blending import blend
from samm.errors import OptionError
from samm.generators import Generator
from samm.inversion import Inversion, Progress, refine
from samm.models import Model
from samm.ops import area_resize
from samm.perceptual import STLPIPS

__all__ = ["MAX_STEPS", "TuneConfig", "tune"]

MAX_STEPS = 500


@dataclass(frozen=True)
class TuneConfig:
    """Weights and schedule of the tuning; learning rate, λ and α are those of danielroich/PTI (MIT)."""

    lr: float = 3e-4
    mse: float = 1.0  # λ_L2
    perceptual_size: int = 256  # edge at which ST-LPIPS compares
    patience: int = 15  # steps without a gain of 0.2 % end the tuning
    locality: float = 0.0  # λ_R, 0.1 in the paper; above 0 a step takes about twice as long
    reach: float = 30.0  # α, how far from the pivot the generator is held
    seed: int = 0  # of the directions in which it is held


def tune(
    inversion: Inversion,
    model: Model,
    steps: int,
    progress: Progress | None = None,
    config: TuneConfig | None = None,
) -> tuple[Inversion, Generator]:
    """Tune a copy of the generator to one photo, then align, mask and blend again with it.

    Args:
        inversion: from `invert` or, better, `refine` with the same model; its code is the pivot.
        model: stays as it is. Edits of the result have to draw with
            `dataclasses.replace(model, generator=tuned)`.
        steps: at most this many, 1…500; ends early when nothing is gained any more.
        progress: told of every step; its answer True ends the tuning with the best generator so far.
        config: weights and schedule.

    Returns:
        The inversion as drawn by the tuned generator, and that generator, frozen.

    Raises:
        OptionError: `steps` outside 1…500.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise OptionError(f"The number of tuning steps is {steps}; choose a value from 1 to {MAX_STEPS}.")
    tell = progress or (lambda stage, done, total: None)
    start = perf_counter()
    tell("Tuning", 0, steps)
    # Tensors made under inference mode cannot enter a gradient; copies made outside can.
    with torch.inference_mode(False):
        tuned = copy.deepcopy(model.generator)
        _improve(tuned, inversion, model, steps, tell, config or TuneConfig())
    spent = inversion.seconds.get("Tuning", 0.0) + perf_counter() - start
    # A refinement of no steps draws the code as it is, and aligns, masks and blends.
    pivot = replace(inversion, seconds={**inversion.seconds, "Tuning": spent})
    drawn = refine(pivot, replace(model, generator=tuned), 0)
    return replace(drawn, options=inversion.options), tuned


def _improve(
    tuned: Generator, inversion: Inversion, model: Model, steps: int, tell: Progress, config: TuneConfig
) -> None:
    """Give `tuned`, a copy of the model's generator, the best weights that the steps find; frozen again."""
    photo_pm1, w_plus = (x.to(model.device).clone() for x in (inversion.photo_pm1, inversion.w_plus))
    keep_photo = inversion.gathered.to(model.device).clone()
    likeness = _Likeness(photo_pm1, model.perceptual, config)
    weights = [weight.requires_grad_() for weight in tuned.parameters()]
    optimizer = torch.optim.Adam(weights, lr=config.lr)
    random = torch.Generator().manual_seed(config.seed)
    best, best_loss, waited = weights, math.inf, 0
    for step in range(steps + 1):  # the extra round only judges the last step
        with torch.enable_grad():
            loss = likeness(blend(photo_pm1, tuned.synthesize(w_plus).float(), keep_photo))
        waited = 0 if loss.item() < 0.998 * best_loss else waited + 1
        if loss.item() < best_loss:
            best, best_loss = [weight.detach().clone() for weight in weights], loss.item()
        stop = step > 0 and tell("Tuning", step, steps)
        if stop or step == steps or waited > config.patience:
            break
        optimizer.zero_grad()
        loss.backward()
        if config.locality:
            _hold(tuned, model, w_plus, random, config)
        optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        for weight, value in zip(weights, best, strict=True):
            weight.requires_grad_(False).copy_(value)


class _Likeness:
    """ST-LPIPS + λ_L2 · MSE of pictures (1, 3, H, H) in -1…1 to one target."""

    def __init__(self, target_pm1: Tensor, perceptual: STLPIPS, config: TuneConfig):
        self._target, self._perceptual, self._config = target_pm1, perceptual, config
        with torch.no_grad():
            self._features = perceptual.features(area_resize(target_pm1, config.perceptual_size))

    def __call__(self, picture_pm1: Tensor) -> Tensor:
        features = self._perceptual.features(area_resize(picture_pm1, self._config.perceptual_size))
        distance = self._perceptual.distance(self._features, features).mean()
        return distance + self._config.mse * F.mse_loss(picture_pm1, self._target)


def _hold(
    tuned: Generator, model: Model, w_plus: Tensor, random: torch.Generator, config: TuneConfig
) -> None:
    """Add the gradient of the locality regularization: at α from the pivot, draw as the shared generator."""
    with torch.no_grad():
        w = model.generator.mapping(torch.randn(1, w_plus.shape[-1], generator=random).to(w_plus.device))
        direction = F.normalize((w[:, None] - w_plus).flatten(1)).view_as(w_plus)
        near = w_plus + config.reach * direction
        target = model.generator.synthesize(near).float()
    with torch.enable_grad():
        loss = config.locality * _Likeness(target, model.perceptual, config)(tuned.synthesize(near).float())
    loss.backward()
