"""Models that several test modules share: the tiny preset without files, and the embedded default."""

from pathlib import Path

import numpy as np
import pytest
import torch

import samm
from samm.faces import crop_face, find_faces
from samm.photo import open_photo

ROOT = Path(__file__).parent.parent
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


@pytest.fixture
def generator_rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)
