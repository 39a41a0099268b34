"""StyleGAN2, configuration f: the paper's generator (Karras et al. 2020).

Names of modules, parameters and buffers are those of rosinality/stylegan2-pytorch (MIT), so its checkpoints
load unchanged; the code is our own. NVIDIA's FFHQ weights are for non-commercial research.

W+ has 2·log2(resolution) − 2 rows, 18 at 1024 pixels: `conv1` reads row 0 and `to_rgb1` row 1; block k, at
resolution 8·2^k, reads rows 2k+1 and 2k+2 for its convolutions and row 2k+3 for `to_rgbs[k]`, which is also
the first row of the next block.

Different from that repository: noise is always the stored one, so that one code is one picture.

Shapes: N batch, L style rows, C channels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.networks.generators import STYLE_DIM, Adapt, Generator
from samm.networks.ops import EqualLinear, area_resize, modulated_conv2d, module_list, upfirdn2d

__all__ = ["CHANNELS", "MappingLayer", "PixelNorm", "StyleGAN2"]

CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
MAPPING_LAYERS = 8
MAPPING_LR = 0.01


class Blur(nn.Module):
    """The FIR filter [1, 3, 3, 1]² with gain 4, which follows up-sampling with zeros."""

    kernel: Tensor  # (4, 4)

    def __init__(self, up: int, pad: tuple[int, int]):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", torch.outer(taps, taps) / 16)  # the taps sum to 8, and 4 / 8² = 1 / 16
        self.up, self.pad = up, pad

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, up·H, up·W), less or more as `pad` says."""
        return upfirdn2d(x, self.kernel, up=self.up, pad=self.pad)


class ModulatedConv2d(nn.Module):
    """A convolution whose kernel is scaled by a style; up-sampling ones are followed by a blur."""

    def __init__(self, c_in: int, c_out: int, edge: int, demodulate: bool = True, up: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, c_out, c_in, edge, edge))
        self.modulation = EqualLinear(STYLE_DIM, c_in, bias=1.0)
        self.scale = 1 / math.sqrt(c_in * edge**2)
        self.demodulate, self.up = demodulate, up
        if up:
            self.blur = Blur(up=1, pad=(1, 1))  # 2H + 1 pixels back to 2H

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map x (N, C_in, H, H) under a style (N, C_in) to (N, C_out, H, H), or twice the size with `up`."""
        x = modulated_conv2d(x, self.scale * self.weight[0], style, self.demodulate, self.up)
        return self.blur(x) if self.up else x


class Noise(nn.Module):
    """Add a noise picture at a learned strength."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Add noise (1, 1, H, H) to x (N, C, H, H)."""
        return x + self.weight * noise


class BiasedLeakyReLU(nn.Module):
    """Bias, LeakyReLU 0.2, and a gain of √2 that keeps the variance."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, H, H)."""
        return F.leaky_relu(x + self.bias[:, None, None], 0.2) * math.sqrt(2)


class StyledConv(nn.Module):
    """A modulated 3x3 convolution, then noise, bias and activation."""

    def __init__(self, c_in: int, c_out: int, up: bool = False):
        super().__init__()
        self.conv = ModulatedConv2d(c_in, c_out, 3, up=up)
        self.noise = Noise()
        self.activate = BiasedLeakyReLU(c_out)

    def finish(self, x: Tensor, noise: Tensor) -> Tensor:
        """Apply what follows the convolution; apart from it, because a feature may be adapted between."""
        return self.activate(self.noise(x, noise))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Map x (N, C_in, H, H) under a style (N, C_in) to (N, C_out, H, H), or twice the size with `up`."""
        return self.finish(self.conv(x, style), noise)


class ToRGB(nn.Module):
    """Read a picture off a feature and add it to the up-sampled picture of the block below."""

    def __init__(self, c_in: int, up: bool = True):
        super().__init__()
        self.conv = ModulatedConv2d(c_in, 3, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.upsample = Blur(up=2, pad=(2, 1))

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        """Map x (N, C_in, H, H) and the picture `below` (N, 3, H/2, H/2) to a picture (N, 3, H, H)."""
        picture = self.conv(x, style) + self.bias
        return picture if below is None else picture + self.upsample(below)


class ConstantInput(nn.Module):
    """The learned 4x4 feature from which every picture grows."""

    def __init__(self, channels: int):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class PixelNorm(nn.Module):
    """Scale z to mean square 1."""

    def forward(self, z: Tensor) -> Tensor:
        """Keep the shape (N, 512)."""
        return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


class MappingLayer(EqualLinear):
    """A linear layer, LeakyReLU 0.2 and a gain of √2."""

    def __init__(self):
        super().__init__(STYLE_DIM, STYLE_DIM, lr_mul=MAPPING_LR)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, 512)."""
        return F.leaky_relu(super().forward(x), 0.2) * math.sqrt(2)


class StyleGAN2(Generator):
    """Synthesis (28.3 M parameters at 1024 pixels) and mapping (2.1 M) networks; see `Generator`.

    Args:
        resolution: edge of the picture, a power of two; 1024 for FFHQ, 512 for cars.
        channels: width of the features at each resolution from 4 up.
        adapt_after: where `adapt` meets the first convolution of a block: after its "activation", as our
            SAMM does, or after the "convolution" and its blur, before noise, bias and activation, as the
            paper's authors do.
    """

    def __init__(
        self,
        resolution: int = 1024,
        channels: Mapping[int, int] = CHANNELS,
        adapt_after: Literal["convolution", "activation"] = "activation",
    ):
        super().__init__()
        self.resolution = resolution
        self.adapt_after = adapt_after
        self.style = nn.Sequential(PixelNorm(), *[MappingLayer() for _ in range(MAPPING_LAYERS)])
        self.input = ConstantInput(channels[4])
        self.conv1 = StyledConv(channels[4], channels[4])
        self.to_rgb1 = ToRGB(channels[4], up=False)
        convs, to_rgbs = [], []
        noises = nn.Module()
        noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        for r in (2**i for i in range(3, int(math.log2(resolution)) + 1)):
            convs += [
                StyledConv(channels[r // 2], channels[r], up=True),
                StyledConv(channels[r], channels[r]),
            ]
            to_rgbs.append(ToRGB(channels[r]))
            for i in (len(convs) - 1, len(convs)):
                noises.register_buffer(f"noise_{i}", torch.randn(1, 1, r, r))
        self.convs, self.to_rgbs, self.noises = module_list(convs), module_list(to_rgbs), noises
        self.num_layers = len(convs) + 2
        self.register_buffer("w_mean", torch.zeros(STYLE_DIM))  # `latent_avg` of the published files

    def mapping(self, z: Tensor) -> Tensor:
        """Map (N, 512) Gaussian noise to w (N, 512)."""
        return self.style(z)

    @property
    def rgb_styles(self) -> tuple[int, ...]:
        """Indices of the styles of the ToRGB layers; see `Generator`."""
        return tuple(range(1, 3 * len(self.to_rgbs) + 2, 3))

    def tunable(self) -> dict[str, nn.Parameter]:
        """Give the weights of the convolutions from 8² to 128²; see `Generator`."""
        return {
            name: weight
            for index, conv in enumerate(self.convs[:10])
            for name, weight in conv.named_parameters(prefix=f"convs.{index}")
        }

    def styles(self, w_plus: Tensor) -> tuple[Tensor, ...]:
        """Map w_plus (N, L, 512) to s: first and second convolution and ToRGB at each resolution."""
        if w_plus.ndim != 3 or w_plus.shape[1:] != (self.num_layers, STYLE_DIM):
            raise ValueError(f"w_plus must be (N, {self.num_layers}, {STYLE_DIM}), got {tuple(w_plus.shape)}")
        rows = w_plus.unbind(1)
        styles = [self.conv1.conv.modulation(rows[0]), self.to_rgb1.conv.modulation(rows[1])]
        for k, to_rgb in enumerate(self.to_rgbs):
            layers = (*self.convs[2 * k : 2 * k + 2], to_rgb)
            own = rows[2 * k + 1 : 2 * k + 4]
            styles += [layer.conv.modulation(w) for layer, w in zip(layers, own, strict=True)]
        return tuple(styles)

    def draw(self, styles: Sequence[Tensor], adapt: Adapt | None = None, size: int | None = None) -> Tensor:
        """Draw s as (N, 3, size, size), about -1…1, not clamped; see `Generator`."""
        noises = list(self.noises.buffers())
        x = self.conv1(self.input.input.expand(len(styles[0]), -1, -1, -1), styles[0], noises[0])
        picture = self.to_rgb1(x, styles[1])
        for k, to_rgb in enumerate(self.to_rgbs):
            first, second = self.convs[2 * k : 2 * k + 2]
            style1, style2, style_rgb = styles[3 * k + 2 : 3 * k + 5]
            x = first.conv(x, style1)
            if adapt is not None and self.adapt_after == "convolution":
                x = adapt(8 * 2**k, x)
            x = first.finish(x, noises[2 * k + 1])
            if adapt is not None and self.adapt_after == "activation":
                x = adapt(8 * 2**k, x)
            x = second(x, style2, noises[2 * k + 2])
            picture = to_rgb(x, style_rgb, picture)
        return area_resize(picture, size or self.resolution)
