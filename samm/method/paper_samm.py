"""The paper's own SAMM at full size: 43.75 M parameters in four level networks, 0.22 M before them.

Widths, blocks and normalization follow the paper's authors; the warp, Algorithm 1 and what leaves the head
are those of `alignment`, with its corrections, and the authors' blur of flow and mask is left out because it
shifts both by half a pixel. Convolutions start as theirs do (Xavier), so masks start as noise around ½.

Weights are not public, hence the key layout is our own: `levels.<r>.feats.{weight,bias}` for the 1x1
convolution f → C, `levels.<r>.{a,b}.residual.<0…4>` for the two residual blocks in the order
norm · conv · PReLU · conv · norm, and `levels.<r>.b.shortcut.<0,1>` for conv · norm.

Shapes: N batch, C generator channels, r level resolution.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.method.alignment import Levels, align

__all__ = ["F_CHANNELS", "G_CHANNELS", "PaperLevel", "PaperSAMM"]

F_CHANNELS = {32: 256, 64: 128, 128: 64, 256: 64}  # of IR-SE-50
G_CHANNELS = {32: 512, 64: 512, 128: 256, 256: 128}  # of StyleGAN2


class ResidualBlock(nn.Module):
    """norm · conv · PReLU · conv · norm beside a shortcut; norms are instance norms with affine."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.InstanceNorm2d(c_in, affine=True),
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
            nn.PReLU(c_out),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.InstanceNorm2d(c_out, affine=True),
        )
        self.shortcut = nn.Identity()
        if c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, bias=False), nn.InstanceNorm2d(c_out, affine=True)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, r, r) to (N, C_out, r, r)."""
        return self.shortcut(x) + self.residual(x)


class PaperLevel(nn.Module):
    """SAMM at one resolution; 72C² + 74C + 96 parameters without the convolution `feats`."""

    def __init__(self, f_channels: int, g_channels: int):
        super().__init__()
        self.feats = nn.Conv2d(f_channels, g_channels, 1)
        self.a = ResidualBlock(2 * g_channels, 2 * g_channels)
        self.b = ResidualBlock(2 * g_channels, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, f: Tensor, g: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Run Algorithm 1 for encoder feature f and generator feature g; return flow Δ and mask M."""
        f_code = F.instance_norm(self.feats(f).float())

        def compare(aligned: Tensor) -> Tensor:
            g_code = F.instance_norm(aligned.float())
            return self.b(self.a(torch.cat([g_code - f_code, f_code], 1)))  # 2C channels to 3

        return align(g, compare, iterations)

    def last_parameters(self) -> list[nn.Parameter]:
        """List what has the last word on the three outputs: those of the two norms whose maps are added."""
        lasts = [list(branch.children())[-1] for branch in (self.b.residual, self.b.shortcut)]
        return [parameter for last in lasts for parameter in last.parameters()]


class PaperSAMM(Levels):
    """The paper's four level networks, coarsest first."""

    def __init__(
        self, f_channels: Mapping[int, int] = F_CHANNELS, g_channels: Mapping[int, int] = G_CHANNELS
    ):
        super().__init__({r: PaperLevel(f_channels[r], g_channels[r]) for r in sorted(g_channels)})
