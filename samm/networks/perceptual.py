"""ST-LPIPS: a perceptual distance that forgives small shifts (Ghildyal and Liu 2022).

Refinement, training and measuring use it. Weights: PyPI stlpips-pytorch 0.0.2 (BSD-2-Clause). It is not
LPIPS: values of the two must not be compared.

Shapes: N batch, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["STLPIPS", "Perceptual", "Trunk"]


class Perceptual(nn.Module):
    """A distance of pictures by their features; a subclass supplies `features` and `distance`."""

    def features(self, image_pm1: Tensor) -> list[Tensor]:
        """Give what is compared of pictures (N, 3, H, W) in -1…1; compute it once for a fixed target."""
        raise NotImplementedError

    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Give the distance (N,) of two results of `features`."""
        raise NotImplementedError

    def forward(self, a_pm1: Tensor, b_pm1: Tensor) -> Tensor:
        """Give the distance (N,) of two pictures (N, 3, H, W) in -1…1."""
        return self.distance(self.features(a_pm1), self.features(b_pm1))


class Blur(nn.Module):
    """Binomial 3x3 low-pass with stride 2 and reflected borders."""

    filt: Tensor  # (C, 1, 3, 3)

    def __init__(self, channels: int, pad: tuple[int, int, int, int], stored: bool):
        super().__init__()
        self.pad = pad
        taps = torch.tensor([1.0, 2.0, 1.0])
        filt = (taps[:, None] * taps / 16).expand(channels, 1, 3, 3).contiguous()
        self.register_buffer("filt", filt, persistent=stored)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to about half the size."""
        return F.conv2d(F.pad(x, self.pad, mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Trunk(nn.Module):
    """A classification network cut into five slices; calling it gives the five feature maps."""

    def __init__(self, slices: Sequence[dict[str, nn.Module]]):
        super().__init__()
        for number, layers in enumerate(slices, 1):
            block = nn.Sequential()
            for name, layer in layers.items():
                block.add_module(name, layer)
            self.add_module(f"slice{number}", block)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the five feature maps of normalized pictures (N, 3, H, W), finest first."""
        maps = []
        for block in self.children():
            x = block(x)
            maps.append(x)
        return maps

    @classmethod
    def alex(cls) -> Trunk:
        """AlexNet with stride 1 in its first convolution and blurred pooling."""
        pad = (2, 2, 2, 2)
        return cls(
            [
                {"0": nn.Conv2d(3, 64, 11, padding=2), "1": Blur(64, pad, True), "2": nn.ReLU()},
                {
                    "3": nn.MaxPool2d(3, 1),
                    "4": Blur(64, pad, True),
                    "5": nn.Conv2d(64, 192, 5, padding=2),
                    "6": nn.ReLU(),
                },
                {
                    "7": nn.MaxPool2d(3, 1),
                    "8": Blur(192, pad, True),
                    "9": nn.Conv2d(192, 384, 3, padding=1),
                    "10": nn.ReLU(),
                },
                {"11": nn.Conv2d(384, 256, 3, padding=1), "12": nn.ReLU()},
                {"13": nn.Conv2d(256, 256, 3, padding=1), "14": nn.ReLU()},
            ]
        )

    @classmethod
    def vgg(cls) -> Trunk:
        """VGG-16 with blurred pooling; used for training only."""
        slices, channels, index = [], 3, 0
        for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            layers: dict[str, nn.Module] = {}
            if slices:
                layers["pool"] = nn.MaxPool2d(2, 1)
                layers["blur"] = Blur(channels, (1, 2, 1, 2), False)
                index += 2
            for _ in range(depth):
                layers[str(index)] = nn.Conv2d(channels, width, 3, padding=1)
                layers[f"relu{index}"] = nn.ReLU()
                channels, index = width, index + 2
            slices.append(layers)
        return cls(slices)


class _Linear(nn.Module):
    """Weights of one feature map's channels, under the key that the published file uses."""

    def __init__(self, channels: int):
        super().__init__()
        conv = nn.Conv2d(channels, 1, 1, bias=False)
        self.model = nn.ModuleDict({"1": conv})

    @property
    def weight(self) -> Tensor:
        """The weights as (1, C, 1, 1)."""
        return self.model.get_parameter("1.weight")


class _Scaling(nn.Module):
    """From -1…1 to mean 0 and deviation 1 over photos."""

    shift: Tensor  # (1, 3, 1, 1)
    scale: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Keep the shape (N, 3, H, W)."""
        return (image_pm1 - self.shift) / self.scale


class STLPIPS(Perceptual):
    """Distance of two pictures (N, 3, H, W) in -1…1; 0 is equal, about 0.3 a badly missed face.

    `net` is "alex" (the metric of this project) or "vgg" (sharper gradients, for training).
    """

    def __init__(self, net: str = "alex"):
        super().__init__()
        self.net = {"alex": Trunk.alex, "vgg": Trunk.vgg}[net]()
        widths = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}[net]
        for k, width in enumerate(widths):
            self.add_module(f"lin{k}", _Linear(width))
        self.scaling_layer = _Scaling()

    def features(self, image_pm1: Tensor) -> list[Tensor]:
        """Give the five feature maps, unit length in each pixel; compute them once for a fixed target."""
        maps = self.net(self.scaling_layer(image_pm1))
        return [m * torch.rsqrt(m.float().square().sum(1, keepdim=True) + 1e-8) for m in maps]

    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Give the distance (N,) of two results of `features`."""
        weights = [getattr(self, f"lin{k}").weight for k in range(len(a))]
        terms = [(w * (p - q).square()).sum(1).mean((1, 2)) for w, p, q in zip(weights, a, b, strict=True)]
        return torch.stack(terms).sum(0)
