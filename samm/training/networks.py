"""The networks of a training run: a preset's stack, frozen but for what learns, and the loss networks.

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

from samm.checkpoints import WeightFile, load_weights
from samm.crop.domains import FACES, Domain
from samm.method.alignment import Alignment, Levels, aligner
from samm.models import DESCRIPTOR, PRESETS, ST_LPIPS, ModelSpec, load
from samm.networks.encoders.e4e import E4E
from samm.networks.encoders.iterative import Iterative
from samm.networks.generators import Generator
from samm.networks.generators.mobile import MobileStyleGAN
from samm.networks.identity import FaceRes
from samm.networks.ops import area_resize
from samm.networks.perceptual import STLPIPS
from samm.training.losses import perceptual_distance

__all__ = ["Networks", "Painter", "Perception", "load_networks", "lower_precision"]

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

    generator: Generator
    encoder: Iterative | E4E
    samm: Levels
    alex: nn.Module  # ST-LPIPS; as is vgg
    vgg: nn.Module | None  # where a loss needs it
    descriptor: nn.Module | None  # for faces
    device: torch.device
    w_std: Tensor  # (512,), deviation of W
    domain: Domain
    samm_file: str  # name of SAMM's weights file
    samm_is_new: bool  # there was no such file to start from

    def autocast(self) -> AbstractContextManager[None]:
        """Run networks in bfloat16 on a GPU; a CPU keeps float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")


class Painter:
    """The generator at training size, in bfloat16 on a GPU; compiled on request."""

    def __init__(self, networks: Networks, compiler: Callable[[Callable], Callable]):
        self._networks = networks
        self._generator = deepcopy(networks.generator)
        if networks.device.type == "cuda":
            lower_precision(self._generator)
        self._draw, self._draw_aligned = compiler(self._synthesize), compiler(self._synthesize_aligned)

    def draw(self, w_plus: Tensor) -> Tensor:
        """Draw w_plus (N, L, 512) as (N, 3, S, S) float32."""
        return self._draw(w_plus).float()

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


class Perception:
    """ST-LPIPS under autocast; compiled on request."""

    def __init__(self, networks: Networks, compiler: Callable[[Callable], Callable]):
        self._networks = networks
        self._compiled = compiler(self._distance)

    def __call__(self, network: nn.Module, image: Tensor, target: Tensor) -> Tensor:
        """Give the mean distance of pictures (N, 3, H, W), the networks' `alex` or `vgg` judging."""
        # Without gradient it validates, in batches of other sizes, for which compiling again would not pay.
        return (self._compiled if torch.is_grad_enabled() else self._distance)(network, image, target)

    def _distance(self, network: nn.Module, image: Tensor, target: Tensor) -> Tensor:
        with self._networks.autocast():
            return perceptual_distance(network, image, target)


def lower_precision(generator: nn.Module) -> None:
    """Cast weights and noise to bfloat16, for drawing under autocast.

    Under autocast alone the float32 noise, or its strength (1,), would lift every feature to float32. Gains
    without a dimension lift nothing and stay: their rounding errors would multiply from layer to layer.
    """
    for value in [*generator.parameters(), *generator.buffers()]:
        value.data = value.data.bfloat16() if value.ndim else value.data


def load_networks(
    weights: Path | None,
    device: torch.device | str,
    stack: str = "mobile",
    vgg: bool = True,
    fresh: str | None = None,
) -> Networks:
    """Read all networks, or make those of a tiny stack, with random weights and stand-ins for the losses.

    Args:
        weights: a folder that is looked into before $SAMM_WEIGHTS and `samm/weights`.
        device: where they go.
        stack: the preset of `samm.models` whose generator, encoder and SAMM they are.
        vgg: ST-LPIPS (vgg) is needed; its file does not come with the repository.
        fresh: "encoder" or "samm" starts at random instead of from its file, as does a SAMM whose file is
            not there yet.

    Raises:
        WeightsError: a weights file is missing, damaged or belongs to another network.
    """
    device, spec = torch.device(device), PRESETS[stack]
    folders = [weights] if weights else []
    # A tiny stack has no files; what is trained of it gets a name all the same.
    unnamed = WeightFile(f"samm_{stack.replace('-', '_')}.safetensors", "", "", "")
    samm_file = spec.weights.get("samm", unnamed)
    samm_is_new = samm_file.optional and samm_file.find(*folders) is None
    if spec.weights:
        parts = _read_networks(spec, folders, vgg, "samm" if samm_is_new else fresh)
    else:
        parts = _tiny_networks(stack)
    parts = {name: part and part.to(device).eval().requires_grad_(False) for name, part in parts.items()}
    for name in ("encoder", "alex", "vgg"):  # the layout in which their convolutions are fastest
        if parts[name]:
            parts[name].to(memory_format=torch.channels_last)
    generator = parts["generator"]
    with torch.no_grad():
        parts["encoder"].prepare(generator)
        noise = torch.Generator(device).manual_seed(0)
        w = generator.mapping(torch.randn(16384, len(generator.w_mean), generator=noise, device=device))
    return Networks(
        **parts,
        device=device,
        w_std=w.std(0),
        domain=spec.domain,
        samm_file=samm_file.name,
        samm_is_new=samm_is_new,
    )


def _read_networks(
    spec: ModelSpec, folders: list[Path], vgg: bool, fresh: str | None
) -> dict[str, nn.Module | None]:
    makers = {name: (getattr(spec, name), spec.weights[name]) for name in ("generator", "encoder", "samm")}
    makers["alex"] = (STLPIPS, ST_LPIPS)
    if spec.domain == FACES:
        makers["descriptor"] = (FaceRes, DESCRIPTOR)
    if vgg:
        makers["vgg"] = (lambda: STLPIPS("vgg"), VGG_FILE)
    parts: dict[str, nn.Module | None] = {"vgg": None, "descriptor": None}
    with torch.random.fork_rng(devices=[]):  # constructors draw from the global generator
        torch.manual_seed(0)
        for name, (make, file) in makers.items():
            parts[name] = make()
            if name != fresh:
                load_weights(parts[name], file, *folders)  # fp16 files become float32 parameters
    return parts


def _tiny_networks(stack: str) -> dict[str, nn.Module | None]:
    model = load(stack, "cpu")
    if isinstance(model.generator, MobileStyleGAN):
        with torch.no_grad():
            # A random head would throw codes far outside W, where the random generator explodes.
            model.encoder.head.out.weight.mul_(0.1)
            model.generator.to_img.mul_(30)  # else all its pictures are the same gray
    parts = {"generator": model.generator, "encoder": model.encoder, "samm": model.samm}
    descriptor = _PixelDescriptor() if model.domain == FACES else None
    return parts | {"alex": _PixelDistance(), "vgg": _PixelDistance(), "descriptor": descriptor}


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
