"""Presets: which generator, encoder and SAMM belong together, and where their weights lie.

A new model is a new entry in `PRESETS`. `load()` gives the embedded default, which needs no network;
`load("tiny")` a small one with seeded random weights and no file, for tests and page work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import nn

from samm.alignment import SAMM
from samm.checkpoints import WeightFile, load_weights
from samm.detector import Detector
from samm.encoders import Encoder
from samm.encoders.residual import WIDTHS, ResidualEncoder
from samm.errors import OptionError
from samm.generators import Generator
from samm.generators.mobile import MobileStyleGAN
from samm.identity import FaceDescriptor
from samm.perceptual import STLPIPS

__all__ = ["PRECISIONS", "PRESETS", "Model", "ModelSpec", "load", "load_descriptor", "load_detector"]

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_MOBILE_LICENCE = "Apache-2.0; derived from NVIDIA StyleGAN2-FFHQ: non-commercial research"
_TRAINED = "trained by this project, see README"

DETECTOR = WeightFile(
    "mtcnn.safetensors",
    "071887a46a5da50a5df3704007e3d3174b80c33a3039a6a53b1589ee8b365d93",
    "PyPI facenet-pytorch 2.6.0",
    "MIT",
)
ST_LPIPS = WeightFile(
    "st_lpips_alex.safetensors",
    "b8213b416a4fe03bdc7d455ed160f8dc2073a36892047a33e384aaf437ab8792",
    "PyPI stlpips-pytorch 0.0.2",
    "BSD-2-Clause",
)
DESCRIPTOR = WeightFile(
    "face_descriptor.safetensors",
    "0b780e80c40c9040919ab1d50a98e96f80219218eb0daac18f8fafb15316df82",
    "npm @vladmandic/face-api 1.7.15",
    "MIT",
)


@dataclass(frozen=True)
class ModelSpec:
    """How to build a model: a constructor and a weights file for each part.

    A part without a weights file is drawn at random from `seed`.
    """

    generator: Callable[[], nn.Module]
    encoder: Callable[[], nn.Module]
    samm: Callable[[], SAMM]
    perceptual: Callable[[], nn.Module] = STLPIPS
    weights: Mapping[str, WeightFile] = field(default_factory=dict)
    seed: int = 0


PRESETS: dict[str, ModelSpec] = {
    "mobile": ModelSpec(
        generator=MobileStyleGAN,
        encoder=ResidualEncoder,
        samm=lambda: SAMM(WIDTHS, {32: 512, 64: 512, 128: 256, 256: 128}),
        weights={
            "generator": WeightFile(
                "mobile_stylegan_ffhq_1024.safetensors",
                "e8d3689df9c9e7c396df1883d5b796b252c2c418f14bb2cce62bbc618eebe951",
                "PyPI random-face 2021.7.21.1",
                _MOBILE_LICENCE,
            ),
            "encoder": WeightFile(
                "encoder_residual_256.safetensors",
                "7d857c41e309bafeb1be0cfbdb833cedd20cd6b482edce6dde5e0a8b3b6bf526",
                _TRAINED,
                _MOBILE_LICENCE,
            ),
            "samm": WeightFile(
                "samm_compact.safetensors",
                "deb8a13e8c1203ba103a9ea76d34a85dc0019f028a95dfd8d29204e1b4886ef7",
                _TRAINED,
                _MOBILE_LICENCE,
            ),
            "perceptual": ST_LPIPS,
        },
    ),
    # 512 pixels, because a block at 256² has to exist for the finest mask.
    "tiny": ModelSpec(
        generator=lambda: MobileStyleGAN(widths=(16,) * 7),
        encoder=lambda: ResidualEncoder(
            num_layers=14, widths={256: 4, 128: 4, 64: 8, 32: 8, 16: 8, 8: 8}, dim=32, depth=1, heads=2
        ),
        samm=lambda: SAMM(
            {256: 4, 128: 4, 64: 8, 32: 8},
            dict.fromkeys((32, 64, 128, 256), 16),
            {32: 8, 64: 8, 128: 8, 256: 4},
        ),
    ),
}


@dataclass(frozen=True)
class Model:
    """The networks of a preset, frozen, on one device and with one precision."""

    preset: str
    generator: Generator
    encoder: Encoder
    samm: SAMM
    perceptual: STLPIPS
    device: torch.device
    precision: str

    @property
    def resolution(self) -> int:
        """The edge of the pictures it takes and makes, in pixels."""
        return self.generator.resolution

    def autocast(self) -> AbstractContextManager[None]:
        """Run the networks in the model's precision; float32 is the reference."""
        return torch.autocast(self.device.type, PRECISIONS[self.precision], enabled=self.precision != "fp32")


def load(preset: str = "mobile", device: str | torch.device | None = None, precision: str = "fp32") -> Model:
    """Build a preset on a device: "cpu", "cuda", or None for a GPU where there is one.

    Raises:
        OptionError: the preset, device or precision does not exist here.
        WeightsError: a weights file is missing, damaged or of another layout.
    """
    if preset not in PRESETS:
        raise OptionError(f"There is no preset called {preset}; choose one of {', '.join(PRESETS)}.")
    if precision not in PRECISIONS:
        raise OptionError(f"There is no precision called {precision}; choose one of {', '.join(PRECISIONS)}.")
    device = _device(device)
    spec = PRESETS[preset]
    parts = {}
    for index, name in enumerate(("generator", "encoder", "samm", "perceptual")):
        parts[name] = _build(getattr(spec, name), spec.weights.get(name), spec.seed + index, device)
    with torch.no_grad():
        parts["encoder"].prepare(parts["generator"])
    return Model(preset, **parts, device=device, precision=precision)


def load_detector(device: str | torch.device = "cpu") -> Detector:
    """Build the face finder; it is small enough for the CPU."""
    return _build(Detector, DETECTOR, 0, torch.device(device))


def load_descriptor(device: str | torch.device = "cpu") -> FaceDescriptor:
    """Build the likeness network; only measuring needs it."""
    return _build(FaceDescriptor, DESCRIPTOR, 0, torch.device(device))


def _build(
    make: Callable[[], nn.Module], file: WeightFile | None, seed: int, device: torch.device
) -> nn.Module:
    if file is None:
        # A seed of its own for each part, and the caller's random state left as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make()
            _randomize(module)
    else:
        module = make()
        load_weights(module, file)
    return module.to(device).eval().requires_grad_(False)


@torch.no_grad()
def _randomize(module: nn.Module) -> None:
    """Fill what a constructor leaves empty, and make every random part react to its input."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if name.startswith("mapping") and name.endswith("weight"):
            value.normal_(std=value.shape[1] ** -0.5)
        elif name.endswith(("mod.weight", "up.weight")):
            value.normal_(std=0.02)
        elif name.endswith(("mod.bias", "up.bias")):
            value.fill_(1.0)
        elif name.endswith(("dw", "pw", "to_img", "const", "out.weight")):
            fan_in = value[0].numel() if value.ndim > 1 else 1
            value.normal_(std=1.0 if name == "const" else fan_in**-0.5)


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
