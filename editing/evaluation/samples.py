"""Faces that the generator draws from fresh samples of W, on which sliders and scores are measured.

Shapes: N faces, L style rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from editing.moves.directions import sample_w, spread
from samm.models import Model

__all__ = ["PSI", "SEED", "VIEW_SIZE", "draw", "sample_codes"]

VIEW_SIZE = 256  # edge at which networks that judge look
PSI = 0.7
SEED = 20_000  # of fresh samples; fits use small seeds


def sample_codes(model: Model, count: int, seed: int = SEED) -> Tensor:
    """Sample codes (N, L, 512), the same at every call."""
    return spread(sample_w(model.generator, count, PSI, seed), model.generator.num_layers)


@torch.inference_mode()
def draw(w_plus: Tensor, model: Model, size: int = VIEW_SIZE) -> Tensor:
    """Draw codes (N, L, 512) without SAMM as pictures (N, 3, size, size) in -1…1."""
    with model.autocast():
        parts = [model.generator.synthesize(w.to(model.device), size=size).float() for w in w_plus.split(4)]
    return torch.cat(parts).clamp(-1, 1)
