"""Faces drawn from samples of W, and what the scorer sees in them.

Shapes: M samples, K scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm

from editing.moves.directions import spread
from samm.networks.generators import Generator

__all__ = ["draw_faces", "score_faces"]

RENDER_SIZE = 256


def draw_faces(generator: Generator, w: Tensor, batch: int = 32, size: int = RENDER_SIZE) -> Iterator[Tensor]:
    """Draw w (M, 512) or w_plus (M, L, 512) in batches (N, 3, size, size) in -1…1."""
    device = generator.w_mean.device
    for part in tqdm(w.split(batch), unit="batch", disable=None, leave=False):
        rows = part.to(device) if part.ndim == 3 else spread(part.to(device), generator.num_layers)
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"),
        ):
            yield generator.synthesize(rows, size=size).float().clamp(-1, 1)


@torch.inference_mode()
def score_faces(scorer: nn.Module, pictures: Iterator[Tensor]) -> Tensor:
    """Score pictures as they are drawn: (M, K) on the CPU."""
    return torch.cat([scorer(picture).float().cpu() for picture in pictures])
