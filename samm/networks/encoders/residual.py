"""The residual encoder: photo and current render in, W+ offset out. The default encoder.

The protocol is ReStyle's: start from the mean face, then repeat w ← w + E(photo, G(w)); see `iterative`.

Shapes: N batch, L style rows, T tokens, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.networks.encoders.iterative import Iterative
from samm.networks.generators import STYLE_DIM

__all__ = ["ResidualEncoder"]

WIDTHS = {256: 32, 128: 64, 64: 128, 32: 256, 16: 320, 8: 384}  # channels at each resolution
DEPTHS = {256: 1, 128: 2, 64: 2, 32: 3, 16: 2, 8: 2}  # residual blocks at each resolution


class ResBlock(nn.Module):
    """Pre-activated residual block whose branch starts near zero."""

    def __init__(self, channels: int):
        super().__init__()
        groups = max(channels // 16, 1)
        self.n1, self.c1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.g = nn.Parameter(torch.full((1, channels, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, H, W)."""
        h = self.c1(F.silu(self.n1(x)))
        return x + self.g * self.c2(F.silu(self.n2(h)))


class LatentHead(nn.Module):
    """One learned query per style row attends to the maps at 32², 16² and 8²."""

    def __init__(self, widths: Mapping[int, int], num_layers: int, dim: int, depth: int, heads: int):
        super().__init__()
        self.q = nn.Parameter(torch.randn(1, num_layers, dim) * 0.02)
        self.p32 = nn.Conv2d(widths[32], dim, 2, 2)  # 256 tokens
        self.p16 = nn.Conv2d(widths[16], dim, 1)  # 256 tokens
        self.p8 = nn.Conv2d(widths[8], dim, 1)  # 64 tokens
        self.pos = nn.Parameter(torch.randn(1, 256 + 256 + 64, dim) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                dim, heads, 1024, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm, self.out = nn.LayerNorm(dim), nn.Linear(dim, STYLE_DIM)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.weight.mul_(0.1)  # the first offsets should be small

    def forward(self, maps: dict[int, Tensor]) -> Tensor:
        """Map the pyramid to a W+ offset (N, L, 512)."""
        tokens = [self.p32(maps[32]), self.p16(maps[16]), self.p8(maps[8])]
        memory = torch.cat([t.flatten(2) for t in tokens], 2).transpose(1, 2) + self.pos  # (N, T, dim)
        queries = self.q.expand(len(memory), -1, -1)
        for layer in self.layers:
            queries = layer(queries, memory)
        return self.out(self.norm(queries))


class ResidualEncoder(Iterative):
    """Convolutional pyramid 256…8 with an attention head; 24.3 M parameters at the default widths."""

    default_steps = 2

    def __init__(
        self,
        num_layers: int = 16,
        widths: Mapping[int, int] = WIDTHS,
        dim: int = 384,
        depth: int = 3,
        heads: int = 6,
    ):
        super().__init__()
        self.widths = dict(widths)
        self.stem = nn.Conv2d(6, widths[256], 3, padding=1)
        sizes = list(widths)
        self.stages = nn.ModuleDict(
            {str(r): nn.Sequential(*[ResBlock(widths[r]) for _ in range(DEPTHS[r])]) for r in sizes}
        )
        self.downs = nn.ModuleDict(
            {str(r): nn.Conv2d(widths[2 * r], widths[r], 4, 2, 1) for r in sizes if r != self.input_size}
        )
        self.head = LatentHead(widths, num_layers, dim, depth, heads)
        self.register_buffer("mean_render", None, persistent=False)

    def pyramid(self, photo_pm1: Tensor, render_pm1: Tensor) -> dict[int, Tensor]:
        """Give maps[r] (N, widths[r], r, r) for r = 256…8 of photo and render, both (N, 3, 256, 256)."""
        x = self.stem(torch.cat([photo_pm1, render_pm1], 1))
        maps = {}
        for r, stage in self.stages.items():
            if r in self.downs:
                x = self.downs[r](x)
            maps[int(r)] = x = stage(x)
        return maps

    def forward(self, photo_pm1: Tensor, render_pm1: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Give the W+ offset (N, L, 512) and the feature maps of one pass."""
        maps = self.pyramid(photo_pm1, render_pm1)
        return self.head(maps), maps
