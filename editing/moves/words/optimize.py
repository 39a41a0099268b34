"""StyleCLIP's latent optimization: search a w_plus for one picture and one phrase.

Patashnik et al. 2021, section 4 (orpatashnik/StyleCLIP, MIT). The distance to the first code is a mean where
upstream has a sum, so that it does not depend on the number of rows.

Shapes: L style rows, D width of the text model's space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from editing.moves.words.model import TextModel
from samm.inversion import Inversion, Progress, drawing_model
from samm.method.alignment import Alignment, replay
from samm.models import Model
from samm.networks.generators import Adapt, Generator
from samm.networks.identity import FaceRes

__all__ = ["OptimizeConfig", "optimize", "search"]

SEARCH_STEPS = 40  # on two CPU cores a step takes about two seconds
SEARCH_IDENTITY = 1.0  # λ_id


@dataclass(frozen=True)
class OptimizeConfig:
    """Weights and schedule of the latent optimization; upstream's values."""

    steps: int = 300
    size: int = 256  # the picture is compared at this edge
    lr: float = 0.1
    ramp_up: float = 0.05  # share of the steps
    ramp_down: float = 0.25
    pull: float = 74.0  # λ2 of a mean: upstream's 0.008 of a sum over 18 × 512 values
    identity: float = 0.0  # λ_id


def optimize(
    w_plus: Tensor,
    target: str,
    text_model: TextModel,
    generator: Generator,
    identity: FaceRes | None = None,
    config: OptimizeConfig | None = None,
    adapt: Adapt | None = None,
) -> Iterator[Tensor]:
    """Move w_plus (1, L, 512) toward a phrase; stop iterating at any time and keep the last value.

    Args:
        w_plus: where to start; its difference to the result is a `Move`.
        target: what the picture should show.
        text_model: frozen.
        generator: frozen.
        identity: frozen; needed if its weight is not 0.
        config: weights and schedule.
        adapt: enters every drawing, as the features stored with an inversion do.

    Yields:
        The w_plus so far, once a step.

    Raises:
        ValueError: identity has a weight but no network.
    """
    config = config or OptimizeConfig()
    if identity is None and config.identity:
        raise ValueError("a weight on identity needs a network for it")
    judge = identity if config.identity else None
    w_start = w_plus.detach().clone()
    w_plus = w_start.clone().requires_grad_()
    optimizer = torch.optim.Adam([w_plus], lr=config.lr)
    with torch.no_grad():
        # Cloned, since a tensor made under inference mode cannot enter a gradient.
        words = text_model.embed_texts([target]).clone()  # (1, D)
        person = judge(generator.synthesize(w_start, adapt, config.size)) if judge else None

    for step in range(config.steps):
        with torch.enable_grad():
            picture = generator.synthesize(w_plus, adapt, config.size)
            loss = 1 - F.cosine_similarity(text_model.embed_images(picture), words).mean()
            loss = loss + config.pull * (w_plus - w_start).square().mean()
            if judge and person is not None:
                loss = loss + config.identity * (1 - F.cosine_similarity(judge(picture), person).mean())
            optimizer.zero_grad()
            loss.backward()
        optimizer.param_groups[0]["lr"] = config.lr * _schedule((step + 0.5) / config.steps, config)
        optimizer.step()
        yield w_plus.detach().clone()


def _schedule(t: float, config: OptimizeConfig) -> float:
    """Rise linearly and fall on a cosine, for t in 0…1; the factor of the learning rate."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / config.ramp_down))
    return fall * min(1.0, t / config.ramp_up)


def search(
    model: Model,
    text_model: TextModel,
    target: str,
    inversion: Inversion,
    identity: FaceRes | None,
    progress: Progress | None = None,
) -> Tensor:
    """Search a change of w_plus (1, L, 512) that makes one inverted face fit a phrase.

    Args:
        model: of the inversion.
        text_model: see `optimize`.
        target: see `optimize`.
        inversion: the face, drawn with its own flows, masks and tuned weights.
        identity: None leaves identity out.
        progress: told of each step; its answer True ends the search with what it has.
    """
    generator, device = drawing_model(model, inversion).generator, model.device
    with torch.inference_mode(False):
        # Clones made outside of inference mode can enter a gradient.
        start = inversion.w_plus.clone().to(device)
        stored = Alignment(
            {r: flow.clone() for r, flow in inversion.flows.items()},
            {r: mask.clone() for r, mask in inversion.masks.items()},
        )
        config = OptimizeConfig(SEARCH_STEPS, identity=SEARCH_IDENTITY if identity else 0.0)
        best = start
        states = optimize(start, target, text_model, generator, identity, config, replay(stored))
        for step, state in enumerate(states, 1):
            best = state
            if progress and progress("Searching", step, SEARCH_STEPS):
                break
        return best - start
