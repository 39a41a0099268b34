"""IR-SE-50, the face network on which e4e and ReStyle are built, and their heads.

Names of modules and parameters are those of omertov/encoder4editing (MIT) and yuval-alaluf/restyle-encoder
(MIT), which took the body from TreB1eN/InsightFace_Pytorch (MIT); the code is our own.

Shapes: N batch, L style rows, C channels, r map resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from samm.networks.generators import STYLE_DIM
from samm.networks.ops import EqualLinear

__all__ = ["DEPTHS", "IRSE", "WIDTHS", "StyleHead", "codes"]

WIDTHS = (64, 64, 128, 256, 512)  # channels at 256², 128², 64², 32² and 16²
DEPTHS = (3, 4, 14, 3)  # units of the four stages, 128² to 16²


class SqueezeExcitation(nn.Module):
    """Scale each channel by a factor read off the means of all."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, r, r)."""
        means = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))


class Unit(nn.Module):
    """A residual unit; its shortcut picks every `stride`-th pixel and, if need be, changes the width."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        if c_in == c_out:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
            nn.PReLU(c_out),
            nn.Conv2d(c_out, c_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            SqueezeExcitation(c_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, r, r) to (N, C_out, r/stride, r/stride)."""
        return self.shortcut_layer(x) + self.res_layer(x)


class IRSE(nn.Module):
    """Input layer and body; the base class of the encoders, whose files hold these keys at their root.

    Args:
        c_in: channels of the input, 3 for a photo, 6 for photo and render.
        widths: channels after the input layer and after each of the four stages.
        depths: units of each stage.
    """

    def __init__(self, c_in: int, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(c_in, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.PReLU(widths[0]),
        )
        self.body = nn.Sequential()
        for width_in, width, depth in zip(widths[:-1], widths[1:], depths, strict=True):
            self.body.append(Unit(width_in, width, stride=2))
            self.body.extend(Unit(width, width, stride=1) for _ in range(depth - 1))

    def maps(self, x: Tensor) -> dict[int, Tensor]:
        """Map (N, c_in, H, r) to the maps after the input layer and after each stage, by their widths.

        For r = 256 these are maps[256], maps[128], maps[64] and maps[32] for SAMM and maps[16] for the heads;
        at full size they have 64, 64, 128, 256 and 512 channels, and the stages end with units 2, 6, 20, 23.
        """
        x = self.input_layer(x)
        maps = {x.shape[-1]: x}
        for unit in self.body:
            x = unit(x)
            maps[x.shape[-1]] = x  # the last unit of a stage overwrites those before it
        return maps


class StyleHead(nn.Module):
    """Read one style off a map `size` pixels wide by halving it down to one pixel."""

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.convs = nn.Sequential()
        for _ in range(int(math.log2(size))):
            self.convs.extend([nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.LeakyReLU(0.01)])
        self.linear = EqualLinear(channels, STYLE_DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, size), H ≤ size, to (N, 512)."""
        return self.linear(self.convs(x)[:, :, 0, 0])


def codes(heads: Iterable[StyleHead], maps: Iterable[Tensor]) -> Tensor:
    """Give offsets from the mean code (N, L, 512): the first head's style w_0, then w_0 plus each other's."""
    styles = torch.stack([head(x) for head, x in zip(heads, maps, strict=True)], 1)  # (N, L, 512)
    return torch.cat([styles[:, :1], styles[:, :1] + styles[:, 1:]], 1)
