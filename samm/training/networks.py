"""The networks of a training run: those of a preset, frozen but for what learns, and the loss networks.

Shapes: N batch, L style rows, r level resolution, S = 256 picture edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from samm import tiny
from samm.checkpoints import WeightFile, load_weights
from samm.crop.domains import FACES, Domain
from samm.errors import OptionError
from samm.method.alignment import Alignment, Levels, aligner
from samm.models import DESCRIPTOR, PRESETS, ST_LPIPS, ModelSpec, load
from samm.networks.encoders import Encoder
from samm.networks.encoders.residual import ResidualEncoder
from samm.networks.generators import Generator
from samm.networks.generators.mobile import MobileStyleGAN
from samm.networks.identity import FaceRes
from samm.networks.perceptual import STLPIPS
from samm.training.losses import identity_distance, perceptual_distance

__all__ = ["Compiler", "Networks", "Painter", "Perception", "load_networks", "lower_precision"]

SIZE = 256
W_SAMPLES = 16384  # from which the deviation of W is measured
Compiler = Callable[[Callable], Callable]  # torch.compile, or what leaves a function as it is
Part = TypeVar("Part", bound=nn.Module)
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
    encoder: Encoder
    samm: Levels
    alex: nn.Module  # ST-LPIPS; as is vgg
    vgg: nn.Module | None  # where a loss needs it
    descriptor: nn.Module | None  # for faces
    device: torch.device
    w_std: Tensor  # (512,), deviation of W
    domain: Domain
    samm_file: str  # name of SAMM's weights file
    samm_is_new: bool  # there was no such file to start from

    def autocast(self) -> torch.autocast:
        """Run networks in bfloat16 on a GPU; a CPU keeps float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")


class Painter:
    """The generator at training size, in bfloat16 on a GPU; compiled on request."""

    def __init__(self, networks: Networks, compiler: Compiler):
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
    """ST-LPIPS under autocast, compiled on request, and likeness."""

    def __init__(self, networks: Networks, compiler: Compiler):
        self._networks = networks
        self._judges = {"alex": networks.alex, "vgg": networks.vgg}
        self._compiled = compiler(self._distance)

    def distance(self, judge: Literal["alex", "vgg"], image: Tensor, target: Tensor) -> Tensor:
        """Give the mean ST-LPIPS of pictures (N, 3, H, W), one of the two networks judging."""
        network = self._judges[judge]
        assert network is not None, f"{judge} was not loaded"
        # Without gradient it validates, in batches of other sizes, for which compiling again would not pay.
        return (self._compiled if torch.is_grad_enabled() else self._distance)(network, image, target)

    def identity(self, image: Tensor, target: Tensor) -> Tensor:
        """Give one minus the mean cosine of the faces in pictures (N, 3, H, W)."""
        assert self._networks.descriptor is not None, "there is none for what is no face"
        return identity_distance(self._networks.descriptor, image, target)

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
    preset: str = "mobile",
    vgg: bool = True,
    fresh: str | None = None,
) -> Networks:
    """Read all networks, or make those of a tiny preset, with random weights and stand-ins for the losses.

    Args:
        weights: a folder that is looked into before $SAMM_WEIGHTS and `samm/weights`.
        device: where they go.
        preset: of `samm.models`, whose generator, encoder and SAMM they are.
        vgg: ST-LPIPS (vgg) is needed; its file does not come with the repository.
        fresh: "encoder" or "samm" starts at random instead of from its file, as does a SAMM whose file is
            not there yet.

    Raises:
        OptionError: the preset has no SAMM.
        WeightsError: a weights file is missing, damaged or belongs to another network.
    """
    device, spec = torch.device(device), PRESETS[preset]
    folders = [weights] if weights else []
    # A tiny preset has no files; what is trained of it gets a name all the same.
    unnamed = WeightFile(f"samm_{preset.replace('-', '_')}.safetensors", "", "", "")
    samm_file = spec.weights.get("samm", unnamed)
    samm_is_new = samm_file.optional and samm_file.find(*folders) is None
    if spec.weights:
        parts = _read_parts(spec, folders, vgg, "samm" if samm_is_new else fresh)
    else:
        parts = _tiny_parts(preset)
    for part in vars(parts).values():
        if part is not None:
            part.to(device).eval().requires_grad_(False)
    for part in (parts.encoder, parts.alex, parts.vgg):
        if part is not None:  # the layout in which their convolutions are fastest
            part.to(memory_format=torch.channels_last)
    generator = parts.generator
    with torch.no_grad():
        parts.encoder.prepare(generator)
        noise = torch.Generator(device).manual_seed(0)
        w = generator.mapping(torch.randn(W_SAMPLES, len(generator.w_mean), generator=noise, device=device))
    return Networks(
        **vars(parts),
        device=device,
        w_std=w.std(0),
        domain=spec.domain,
        samm_file=samm_file.name,
        samm_is_new=samm_is_new,
    )


@dataclass(frozen=True)
class _Parts:
    """The networks among the fields of `Networks`."""

    generator: Generator
    encoder: Encoder
    samm: Levels
    alex: nn.Module
    vgg: nn.Module | None
    descriptor: nn.Module | None


def _read_parts(spec: ModelSpec, folders: list[Path], vgg: bool, fresh: str | None) -> _Parts:
    def read(name: str, make: Callable[[], Part], file: WeightFile) -> Part:
        part = make()
        if name != fresh:
            load_weights(part, file, *folders)  # fp16 files become float32 parameters
        return part

    if spec.samm is None:
        raise OptionError("This preset has no SAMM to train; choose another.")
    with torch.random.fork_rng(devices=[]):  # constructors draw from the global generator
        torch.manual_seed(0)
        return _Parts(
            generator=read("generator", spec.generator, spec.weights["generator"]),
            encoder=read("encoder", spec.encoder, spec.weights["encoder"]),
            samm=read("samm", spec.samm, spec.weights["samm"]),
            alex=read("alex", STLPIPS, ST_LPIPS),
            descriptor=read("descriptor", FaceRes, DESCRIPTOR) if spec.domain == FACES else None,
            vgg=read("vgg", lambda: STLPIPS("vgg"), VGG_FILE) if vgg else None,
        )


def _tiny_parts(preset: str) -> _Parts:
    model = load(preset, "cpu")
    assert model.samm is not None
    if isinstance(model.generator, MobileStyleGAN) and isinstance(model.encoder, ResidualEncoder):
        with torch.no_grad():
            # A random head would throw codes far outside W, where the random generator explodes.
            model.encoder.head.out.weight.mul_(0.1)
            model.generator.to_img.mul_(30)  # else all its pictures are the same gray
    descriptor = tiny.PixelDescriptor() if model.domain == FACES else None
    return _Parts(
        model.generator, model.encoder, model.samm, tiny.PixelDistance(), tiny.PixelDistance(), descriptor
    )
