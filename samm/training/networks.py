"""The networks of a training run: frozen generator and loss networks, and the two that learn.

Shapes: N batch, L style rows, r level resolution, S = 256 picture edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from samm.alignment import SAMM, Alignment, Levels, aligner
from samm.checkpoints import WeightFile, load_weights
from samm.encoders.residual import ResidualEncoder
from samm.generators.mobile import MobileStyleGAN
from samm.identity import FaceDescriptor
from samm.models import DESCRIPTOR, PRESETS, ST_LPIPS, load
from samm.ops import area_resize
from samm.perceptual import STLPIPS

__all__ = ["Networks", "Painter", "load_networks"]

SIZE = 256
VGG_FILE = WeightFile(
    "st_lpips_vgg.safetensors",
    "",
    "PyPI stlpips-pytorch 0.0.2",
    "BSD-2-Clause",
)


@dataclass(frozen=True)
class Networks:
    """All networks on one device, frozen until a trainer wakes its own."""

    generator: MobileStyleGAN
    encoder: ResidualEncoder
    samm: SAMM
    alex: nn.Module  # ST-LPIPS; as is vgg
    vgg: nn.Module | None  # where a loss needs it
    descriptor: nn.Module
    device: torch.device
    w_std: Tensor  # (512,), deviation of W

    def autocast(self) -> AbstractContextManager[None]:
        """Run networks in bfloat16 on a GPU; a CPU keeps float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")


class Painter:
    """The generator at training size, in bfloat16 on a GPU; passes with gradient are compiled on request.

    Weights and noise are cast once: under autocast alone the float32 noise would lift every feature to
    float32. Scalar gains stay as they are: their rounding errors would multiply from layer to layer.
    """

    def __init__(self, networks: Networks, compiler: Callable[[Callable], Callable]):
        self._networks = networks
        self._generator = deepcopy(networks.generator)
        if networks.device.type == "cuda":
            for value in [*self._generator.parameters(), *self._generator.buffers()]:
                value.data = value.data.bfloat16() if value.ndim else value.data
        self._draw, self._draw_aligned = compiler(self._synthesize), compiler(self._synthesize_aligned)

    def draw(self, w_plus: Tensor) -> Tensor:
        """Draw w_plus (N, L, 512) as (N, 3, S, S) float32."""
        # Without gradient the drawing is cheap, and every graph takes half a minute to compile.
        draw = self._draw if torch.is_grad_enabled() else self._synthesize
        return draw(w_plus).float()

    def draw_aligned(
        self, w_plus: Tensor, samm: Levels, features: Mapping[int, Tensor], iterations: int
    ) -> tuple[Tensor, Alignment]:
        """Draw w_plus with features aligned to the photo's; give x̂_in (N, 3, S, S), flows and masks."""
        picture, flows, masks = self._draw_aligned(w_plus, samm, features, iterations)
        return picture.float(), Alignment(flows, masks)

    def _synthesize(self, w_plus: Tensor) -> Tensor:
        with self._networks.autocast():
            return self._generator.synthesize(w_plus, size=SIZE)

    def _synthesize_aligned(
        self, w_plus: Tensor, samm: Levels, features: Mapping[int, Tensor], iterations: int
    ) -> tuple[Tensor, dict[int, Tensor], dict[int, Tensor]]:
        with self._networks.autocast():
            adapt, alignment = aligner(samm, features, iterations)
            picture = self._generator.synthesize(w_plus, adapt, size=SIZE)
        return picture, alignment.flows, alignment.masks


def load_networks(
    weights: Path | None,
    device: torch.device | str,
    tiny: bool = False,
    vgg: bool = True,
    fresh: str | None = None,
) -> Networks:
    """Read all networks, or make the tiny ones with random weights.

    Args:
        weights: a folder that is looked into before $SAMM_WEIGHTS and `samm/weights`.
        device: where they go.
        tiny: small random networks that need no file.
        vgg: ST-LPIPS (vgg) is needed; its file does not come with the repository.
        fresh: "encoder" or "samm" starts at random instead of from its file.

    Raises:
        WeightsError: a weights file is missing, damaged or belongs to another network.
    """
    device = torch.device(device)
    parts = _tiny_networks() if tiny else _read_networks([weights] if weights else [], vgg, fresh)
    parts = {name: part and part.to(device).eval().requires_grad_(False) for name, part in parts.items()}
    generator = parts["generator"]
    with torch.no_grad():
        parts["encoder"].prepare(generator)
        noise = torch.Generator(device).manual_seed(0)
        w = generator.mapping(torch.randn(16384, len(generator.w_mean), generator=noise, device=device))
    return Networks(**parts, device=device, w_std=w.std(0))


def _read_networks(folders: list[Path], vgg: bool, fresh: str | None) -> dict[str, nn.Module | None]:
    spec = PRESETS["mobile"]
    makers = {name: (getattr(spec, name), spec.weights[name]) for name in ("generator", "encoder", "samm")}
    makers |= {"alex": (STLPIPS, ST_LPIPS), "descriptor": (FaceDescriptor, DESCRIPTOR)}
    if vgg:
        makers["vgg"] = (lambda: STLPIPS("vgg"), VGG_FILE)
    parts: dict[str, nn.Module | None] = {"vgg": None}
    with torch.random.fork_rng(devices=[]):  # constructors draw from the global generator
        torch.manual_seed(0)
        for name, (make, file) in makers.items():
            parts[name] = make()
            if name != fresh:
                load_weights(parts[name], file, *folders)  # fp16 files become float32 parameters
    return parts


def _tiny_networks() -> dict[str, nn.Module | None]:
    model = load("tiny", "cpu")
    with torch.no_grad():
        # A random head would throw codes far outside W, where the random generator explodes.
        model.encoder.head.out.weight.mul_(0.1)
        model.generator.to_img.mul_(30)  # else all its pictures are the same gray
    parts = {"generator": model.generator, "encoder": model.encoder, "samm": model.samm}
    return parts | {"alex": _PixelDistance(), "vgg": _PixelDistance(), "descriptor": _PixelDescriptor()}


class _PixelDistance(nn.Module):
    """A stand-in for ST-LPIPS in tiny runs: squared error of small pictures."""

    def features(self, image_pm1: Tensor) -> list[Tensor]:
        return [area_resize(image_pm1, 32)]

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        return (a[0] - b[0]).square().mean((1, 2, 3))

    def forward(self, a_pm1: Tensor, b_pm1: Tensor) -> Tensor:
        return self.distance(self.features(a_pm1), self.features(b_pm1))


class _PixelDescriptor(nn.Module):
    """A stand-in for the face descriptor in tiny runs: the direction of a thumbnail."""

    def forward(self, face_pm1: Tensor) -> Tensor:
        return nn.functional.normalize(area_resize(face_pm1, 8).flatten(1), dim=1)
