"""ReStyle on e4e (Alaluf et al. 2021): the iterative flavor, five passes as published.

Names of modules and parameters are those of yuval-alaluf/restyle-encoder (MIT), so the `encoder.*` part of
its checkpoints loads unchanged; the code is our own. Different from that repository: renders are drawn with
the generator's stored noise.

Shapes: N batch, L style rows, C channels, r map resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from samm.networks.encoders.ir_se import DEPTHS, IRSE, WIDTHS, StyleHead, codes
from samm.networks.encoders.iterative import Iterative
from samm.networks.generators import STYLE_DIM, Generator
from samm.networks.ops import module_list

__all__ = ["ReStyle"]


class ReStyle(Iterative, IRSE):
    """IR-SE-50 over photo and render, and one head for each style row, all on the 16² map."""

    default_steps = 5
    latent_avg: Tensor  # (L, 512)

    def __init__(self, num_layers: int = 18, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS):
        super().__init__(6, widths, depths)
        self.styles = module_list(StyleHead(widths[-1], 16) for _ in range(num_layers))
        self.register_buffer("latent_avg", torch.zeros(num_layers, STYLE_DIM))
        self.register_buffer("mean_render", None, persistent=False)

    def start(self, generator: Generator) -> Tensor:
        """Give the mean code (1, L, 512) that the encoder was trained from."""
        return self.latent_avg[None]

    def pyramid(self, photo_pm1: Tensor, render_pm1: Tensor) -> dict[int, Tensor]:
        """Give maps[r] (N, C_r, r, r) for r = 256…16 of photo and render, both (N, 3, 256, 256)."""
        return self.maps(torch.cat([photo_pm1, render_pm1], 1))

    def forward(self, photo_pm1: Tensor, render_pm1: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Give the W+ offset (N, L, 512) and the maps of one pass."""
        maps = self.pyramid(photo_pm1, render_pm1)
        return codes(self.styles, [maps[16]] * len(self.styles)), maps
