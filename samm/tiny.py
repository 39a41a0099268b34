"""Networks in miniature, with seeded random weights and no file: for tests and for work on the page.

What they make is no face, but it has the shapes of one, reacts to every input and takes a fraction of a
second. `models` joins them to the presets whose names begin with "tiny".

Shapes: N batch, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.crop.domains import FACES, Domain
from samm.method.alignment import SAMM
from samm.method.paper_samm import PaperSAMM
from samm.networks.encoders.e4e import E4E
from samm.networks.encoders.residual import ResidualEncoder
from samm.networks.encoders.restyle import ReStyle
from samm.networks.generators.mobile import MobileStyleGAN
from samm.networks.generators.stylegan2 import CHANNELS, StyleGAN2
from samm.networks.ops import area_resize
from samm.networks.perceptual import Perceptual

__all__ = [
    "PixelDescriptor",
    "PixelDistance",
    "e4e",
    "mobile_stylegan",
    "paper_samm",
    "randomize",
    "residual_encoder",
    "restyle",
    "samm",
    "stylegan2",
]

_FEATURES: dict[int, int] = dict.fromkeys((32, 64, 128, 256), 16)
_WIDTHS = (16, 16, 16, 16, 32)  # four maps for SAMM, one for the heads
_DEPTHS = (1, 1, 1, 1)


def mobile_stylegan() -> MobileStyleGAN:
    """512 pixels, because a block at 256² has to exist for the finest mask."""
    return MobileStyleGAN(widths=(16,) * 7)


def residual_encoder() -> ResidualEncoder:
    """The residual encoder for `mobile_stylegan`."""
    widths = {256: 4, 128: 4, 64: 8, 32: 8, 16: 8, 8: 8}
    return ResidualEncoder(num_layers=14, widths=widths, dim=32, depth=1, heads=2)


def samm() -> SAMM:
    """The compact SAMM for both."""
    return SAMM({256: 4, 128: 4, 64: 8, 32: 8}, _FEATURES, {32: 8, 64: 8, 128: 8, 256: 4})


def stylegan2() -> StyleGAN2:
    """256 pixels, where StyleGAN2 has a block at 256² already."""
    return StyleGAN2(256, dict.fromkeys(CHANNELS, 16), adapt_after="convolution")


def e4e(domain: Domain = FACES) -> E4E:
    """The one-pass encoder for `stylegan2`."""
    return E4E(14, _WIDTHS, _DEPTHS, domain)


def restyle() -> ReStyle:
    """The iterative encoder for `stylegan2`."""
    return ReStyle(14, _WIDTHS, _DEPTHS)


def paper_samm() -> PaperSAMM:
    """The paper's SAMM for `stylegan2` and either of its encoders."""
    return PaperSAMM(_FEATURES, _FEATURES)


@torch.no_grad()
def randomize(module: nn.Module) -> None:
    """Fill what a constructor leaves empty, and make every random part react to its input.

    Parameters are told apart by the ends of their names; a new network may have to add its own.
    """
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if name.endswith("noise.weight"):
            value.fill_(0.1)
        elif name.startswith("mapping") and name.endswith("weight"):
            value.normal_(std=value.shape[1] ** -0.5)
        elif name.endswith(("mod.weight", "up.weight")):
            value.normal_(std=0.02)
        elif name.endswith(("mod.bias", "up.bias")):
            value.fill_(1.0)
        elif name.endswith(("dw", "pw", "to_img", "const", "out.weight")):
            fan_in = value[0].numel() if value.ndim > 1 else 1
            value.normal_(std=1.0 if name == "const" else fan_in**-0.5)


class PixelDistance(Perceptual):
    """In the place of ST-LPIPS: the squared error of small pictures."""

    weight: Tensor  # (1, 3, 1, 1), of the colors; as ST-LPIPS has of its channels

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(1, 3, 1, 1))

    def features(self, image_pm1: Tensor) -> list[Tensor]:
        """Give what is compared: pictures (N, 3, H, H) at 32²."""
        return [area_resize(image_pm1, 32)]

    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Give the distance (N,) of two results of `features`."""
        return (self.weight * (a[0] - b[0]).square()).mean((1, 2, 3))


class PixelDescriptor(nn.Module):
    """In the place of the face descriptor: the direction of a thumbnail."""

    def forward(self, face_pm1: Tensor) -> Tensor:
        """Map crops (N, 3, H, H) in -1…1 to unit vectors (N, 192)."""
        return F.normalize(area_resize(face_pm1, 8).flatten(1), dim=1)
