"""Models that several test modules share: the tiny preset without files, and the embedded default."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import samm
from editing.moves.moves import Moves
from samm.crop.faces import find_faces
from samm.crop.photo import open_photo
from samm.crop.quad import crop_face
from samm.networks.ops import area_resize

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def tiny() -> samm.Model:
    return samm.load("tiny", "cpu")


@pytest.fixture(scope="session")
def embedded() -> samm.Model:
    return samm.load(device="cpu")


@pytest.fixture(scope="session")
def detector():
    return samm.load_detector()


@pytest.fixture(scope="session")
def crop(detector) -> np.ndarray:
    """The 1024² crop of the astronaut, a real photo in the public domain."""
    photo = open_photo(EXAMPLES / "astronaut.jpg")
    return crop_face(photo, find_faces(photo, detector)[0].quad, 1024)


@pytest.fixture(scope="session")
def tiny_crop(crop) -> np.ndarray:
    return np.ascontiguousarray(crop[::2, ::2])


@pytest.fixture(scope="session")
def inversion(crop, embedded) -> samm.Inversion:
    return samm.invert(crop, embedded)


class Coarse(nn.Module):
    """A perceptual distance that costs nothing: pictures at 32²."""

    def features(self, image_pm1: Tensor) -> list[Tensor]:
        return [area_resize(image_pm1, 32)]

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        return (a[0] - b[0]).square().mean((1, 2, 3))


@pytest.fixture(scope="session")
def quick(tiny) -> samm.Model:
    """The tiny model with that distance, for searches."""
    return replace(tiny, perceptual=Coarse())


@pytest.fixture(scope="session")
def small(tiny, tiny_crop) -> samm.Inversion:
    """An inversion by the tiny model."""
    return samm.invert(tiny_crop, tiny)


@pytest.fixture(scope="session")
def tools(tiny) -> Moves:
    return Moves(tiny)


@pytest.fixture
def generator_rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory) -> Callable[[str, int], Path]:
    """A function that fills a folder with pictures that a tiny stack can draw, for training."""
    from samm.training import synthetic
    from samm.training.dice import Dice
    from samm.training.networks import load_networks

    def fill(stack: str, count: int) -> Path:
        folder = tmp_path_factory.mktemp("drawn")
        generator = load_networks(None, "cpu", stack).generator
        with torch.no_grad():
            drawn = generator.synthesize(synthetic.sample_w_plus(generator, count, Dice(5, "cpu")), size=256)
        for number, picture in enumerate(drawn.clamp(-1, 1).add(1).mul(127.5).round().byte()):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / f"{number}.png")
        return folder

    return fill
