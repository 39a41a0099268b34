"""MobileStyleGAN: a distilled StyleGAN2-FFHQ that a CPU can run. The default generator.

Architecture and weights: bes-dev/MobileStyleGAN.pytorch and bes-dev/random_face (Apache-2.0), distilled from
NVIDIA's StyleGAN2-FFHQ (non-commercial research). W+ has 16 rows at 1024 pixels: `conv1`; for each block one
row for up-sampling and first convolution and one for the second; `to_img`. The rows mean the same as
StyleGAN2's rows 0…15.

Differences to StyleGAN2 that matter: point-wise weights come with demodulation baked in (it does not depend
on w), LeakyReLU has no gain of sqrt(2), noise is a stored buffer, and up-sampling is an inverse Haar
transform.

Shapes: N batch, L style rows, C channels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.networks.generators import STYLE_DIM, Adapt, Generator
from samm.networks.ops import area_resize, haar_up, module_list

__all__ = ["SKETCHED", "MobileStyleGAN", "Sketch"]

SKETCHED = 128  # resolution of the map that sketches are read off


class StyledConv(nn.Module):
    """Modulate, convolve (depthwise 3x3 and point-wise, or dense 3x3), add noise and bias, LeakyReLU 0.2."""

    noise: Tensor  # (1, 1, H, W)
    scale: Tensor  # ()

    def __init__(self, c_in: int, c_out: int, resolution: int, depthwise: bool = True):
        super().__init__()
        self.mod = nn.Linear(STYLE_DIM, c_in)
        if depthwise:
            self.dw = nn.Parameter(torch.empty(c_in, 1, 3, 3))
        self.pw = nn.Parameter(torch.empty(c_out, c_in, *((1, 1) if depthwise else (3, 3))))
        self.bias = nn.Parameter(torch.zeros(1, c_out, 1, 1))
        self.register_buffer("noise", torch.zeros(1, 1, resolution, resolution))
        self.register_buffer("scale", torch.ones(()))

    def style(self, w: Tensor) -> Tensor:
        """Map w (N, 512) to (N, C_in)."""
        return self.mod(w) * self.scale

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) under a style (N, C_in) to (N, C_out, H, W) in channels-last memory."""
        n, c, h, w = x.shape
        if hasattr(self, "dw"):
            # A depthwise convolution commutes with a factor per channel, so the style moves into the small
            # point-wise matrix and the large feature map is passed over once less.
            x = F.conv2d(x, self.dw, padding=1, groups=c)
            rows = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
            weight = self.pw[:, :, 0, 0] * style[:, None]  # (N, C_out, C_in)
        else:
            rows = F.unfold(x * style[:, :, None, None], 3, padding=1).mT  # (N, H·W, 9·C_in)
            weight = self.pw.flatten(1).expand(n, -1, -1)
        # Noise and bias are what the product is added to, and all is in place, since the maps are large.
        x = self.bias.view(1, 1, -1) + self.noise.view(1, -1, 1).expand(n, -1, -1)
        x = x.to(rows.dtype).baddbmm_(rows, weight.mT.to(rows.dtype))
        return F.leaky_relu(x, 0.2, inplace=True).view(n, h, w, -1).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Double the resolution: modulated inverse Haar, then two styled convolutions."""

    def __init__(self, c_in: int, c_out: int, resolution: int):
        super().__init__()
        self.resolution = resolution
        self.up = nn.Linear(STYLE_DIM, c_in)
        self.conv1 = StyledConv(c_in // 4, c_out, resolution)
        self.conv2 = StyledConv(c_out, c_out, resolution)

    def styles(self, w1: Tensor, w2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map two rows of w_plus, (N, 512) each, to the styles of `up`, `conv1` and `conv2`."""
        return self.up(w1), self.conv1.style(w1), self.conv2.style(w2)

    def forward(self, x: Tensor, styles: Sequence[Tensor], adapt: Adapt | None) -> Tensor:
        """Map x (N, C_in, H, H) under the block's three styles to (N, C_out, 2H, 2H)."""
        up, first, second = styles
        x = self.conv1(haar_up(x, up), first)
        if adapt is not None:
            x = adapt(self.resolution, x)
        return self.conv2(x, second)


class LightConv(nn.Module):
    """Modulate, convolve (depthwise 3x3 and point-wise), add bias, LeakyReLU 0.2; of maps of any size."""

    def __init__(self, c_in: int, c_out: int, c_style: int):
        super().__init__()
        self.mod = nn.Linear(c_style, c_in)
        self.dw = nn.Parameter(torch.randn(c_in, 1, 3, 3) * 0.05)
        self.pw = nn.Parameter(torch.randn(c_out, c_in) * math.sqrt(1.5 / c_in))
        self.bias = nn.Parameter(torch.zeros(1, c_out, 1))
        _begin_alike(self.mod)
        with torch.no_grad():
            self.dw[:, :, 1, 1] += 1

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) under a style (N, C_style) to (N, C_out, H, W)."""
        rows = F.conv2d(x, self.dw, padding=1, groups=x.shape[1]).flatten(2)
        mixed = torch.baddbmm(self.bias, self.pw * self.mod(style)[:, None], rows)
        return F.leaky_relu(mixed, 0.2).unflatten(2, x.shape[2:])


class Sketch(nn.Module):
    """Read a picture off the map at 128², in place of the blocks above it, which take most of the time.

    `samm.training.sketch_trainer` teaches it to agree with the drawing at 256².
    """

    center: Tensor  # (C_style,), mean and deviation of styles
    scale: Tensor

    def __init__(self, c_in: int = 256, c_style: int = 736, width: int = 64):
        super().__init__()
        self.register_buffer("center", torch.zeros(c_style))
        self.register_buffer("scale", torch.ones(c_style))
        self.conv1, self.conv2 = LightConv(c_in, width, c_style), LightConv(width, width, c_style)
        self.mod = nn.Linear(c_style, width)
        self.to_img = nn.Parameter(torch.randn(12, width) * 0.1 / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(1, 12, 1))
        _begin_alike(self.mod)

    def forward(self, x: Tensor, styles: Sequence[Tensor]) -> Tensor:
        """Map x (N, C_in, H, H) to its picture (N, 3, 2H, 2H).

        `styles` are those of all that it replaces, one after the other (N, C_style).
        """
        style = (torch.cat(list(styles), 1) - self.center) / self.scale
        x = self.conv2(self.conv1(x, style), style)
        colors = torch.baddbmm(self.bias, self.to_img * self.mod(style)[:, None], x.flatten(2))
        return haar_up(colors.unflatten(2, x.shape[2:]))


def _begin_alike(mod: nn.Linear) -> None:
    """Let a modulation begin near 1 for every w."""
    with torch.no_grad():
        mod.weight.mul_(0.2)
        mod.bias.fill_(1.0)


class Mapping(nn.Module):
    """Eight fully connected layers from a normalized z to w."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(STYLE_DIM, STYLE_DIM) for _ in range(8)])

    def forward(self, z: Tensor) -> Tensor:
        """Map z (N, 512) to w (N, 512)."""
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)  # PixelNorm
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2) * math.sqrt(2)
        return w


class MobileStyleGAN(Generator):
    """The synthesis and mapping networks; widths[i] is the channel count at resolution 4·2^i."""

    def __init__(self, widths: Sequence[int] = (512, 512, 512, 512, 512, 256, 128, 64)):
        super().__init__()
        blocks = len(widths) - 1
        self.num_layers = 2 * blocks + 2
        self.resolution = 4 * 2 ** (blocks + 1)  # the last doubling is the Haar transform of `to_img`
        self.mapping = Mapping()
        self.const = nn.Parameter(torch.zeros(1, widths[0], 4, 4))
        self.conv1 = StyledConv(widths[0], widths[0], 4, depthwise=False)
        self.blocks = module_list(Block(widths[i], widths[i + 1], 8 * 2**i) for i in range(blocks))
        self.to_img_mod = nn.Linear(STYLE_DIM, widths[-1])
        self.to_img = nn.Parameter(torch.empty(12, widths[-1], 1, 1))
        self.to_img_bias = nn.Parameter(torch.zeros(1, 12, 1, 1))
        self.register_buffer("to_img_scale", torch.ones(()))
        self.register_buffer("w_mean", torch.zeros(STYLE_DIM))

    @property
    def rgb_styles(self) -> tuple[int, ...]:
        """Index of the last style, that of `to_img`; see `Generator`."""
        return (3 * len(self.blocks) + 1,)

    def tunable(self) -> dict[str, nn.Parameter]:
        """Give the weights of the blocks from 8² to 128²; see `Generator`."""
        return {
            name: weight
            for index, block in enumerate(self.blocks[:5])
            for name, weight in block.named_parameters(prefix=f"blocks.{index}")
        }

    def styles(self, w_plus: Tensor) -> tuple[Tensor, ...]:
        """Map w_plus (N, L, 512) to s: `conv1`, three styles for each block, `to_img`."""
        if w_plus.ndim != 3 or w_plus.shape[1:] != (self.num_layers, STYLE_DIM):
            raise ValueError(f"w_plus must be (N, {self.num_layers}, {STYLE_DIM}), got {tuple(w_plus.shape)}")
        rows = w_plus.unbind(1)
        styles = [self.conv1.style(rows[0])]
        for i, block in enumerate(self.blocks):
            styles += block.styles(rows[2 * i + 1], rows[2 * i + 2])
        return (*styles, self.to_img_mod(rows[-1]) * self.to_img_scale)

    def draw(self, styles: Sequence[Tensor], adapt: Adapt | None = None, size: int | None = None) -> Tensor:
        """Draw s as (N, 3, size, size), about -1…1, not clamped; see `Generator`."""
        size = self.resolution if size is None else size
        x = self._maps(styles, adapt, self.resolution // 2)
        if size > self.resolution // 2:
            return area_resize(haar_up(self._colors(x, styles[-1], 12)), size)
        # Averaging 2x2 pixels of an inverse Haar transform leaves LL / 2: the high bands need not be
        # computed.
        return area_resize(0.5 * self._colors(x, styles[-1], 3), size)

    def sketch(self, styles: Sequence[Tensor], size: int) -> Tensor:
        """Read s off the map at 128², or draw what is larger; see `Generator`."""
        if self.reader is None or size > 2 * SKETCHED:
            return super().sketch(styles, size)
        return area_resize(self.reader(*self.sketched(styles)), size)

    def sketched(self, styles: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """Give what sketches are read off: the map (N, C, 128, 128), and the styles of the layers above."""
        used = 1 + 3 * sum(block.resolution <= SKETCHED for block in self.blocks)
        return self._maps(styles, None, SKETCHED), styles[used:]

    def _maps(self, styles: Sequence[Tensor], adapt: Adapt | None, top: int) -> Tensor:
        """Draw the map (N, C, top, top) that the blocks up to this resolution give."""
        x = self.conv1(self.const.expand(len(styles[0]), -1, -1, -1), styles[0])
        for i, block in enumerate(self.blocks):
            if block.resolution <= top:
                x = block(x, styles[3 * i + 1 : 3 * i + 4], adapt)
        return x

    def _colors(self, x: Tensor, style: Tensor, bands: int) -> Tensor:
        """Read the first bands of the picture off the last map: (N, bands, H, W)."""
        weight = self.to_img[:bands, :, 0, 0] * style[:, None]  # (N, bands, C)
        colors = torch.baddbmm(self.to_img_bias[:, :bands, :, 0], weight, x.flatten(2))
        return colors.unflatten(2, x.shape[2:])
