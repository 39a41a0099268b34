"""Models that several test modules share: the tiny preset without files, and the embedded default."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import samm
from editing.kept import kept
from editing.moves.moves import Moves
from samm.crop.faces import find_faces
from samm.crop.photo import open_photo
from samm.crop.quad import crop_face

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


# Small networks gain nothing from threads, and threads that wait for one another take the cores from other
# workers, from the browser and from the programs that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


# What starts a program that serves, or a browser.
SERVING = {"address", "browser", "far_gpu", "serve_page", "site", "welcome"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what uses a page or a browser."""
    for item in items:
        if SERVING & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


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
def drawn_face() -> Callable[[tuple[int, int, int]], np.ndarray]:
    """Draws a face of flat color, given its skin, which the detector finds all the same."""

    def draw(skin: tuple[int, int, int]) -> np.ndarray:
        picture = Image.new("RGB", (600, 600), (230, 240, 200))
        pen = ImageDraw.Draw(picture)
        pen.ellipse((140, 100, 460, 500), fill=skin, outline="black", width=4)
        pen.pieslice((140, 70, 460, 400), 180, 360, fill=(60, 40, 20))
        for x in (240, 360):
            pen.ellipse((x - 32, 248, x + 32, 292), fill="white", outline="black", width=3)
            pen.ellipse((x - 12, 258, x + 12, 282), fill=(40, 80, 150))
        pen.line((300, 290, 285, 350, 310, 352), fill="brown", width=4)
        pen.arc((235, 340, 365, 430), 20, 160, fill=(180, 20, 40), width=8)
        return np.asarray(picture)

    return draw


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


@pytest.fixture(scope="session")
def example(embedded) -> Callable[[str], samm.Inversion]:
    """A function that opens the inversion that an example is shipped with, by its name."""

    @cache
    def open_(name: str) -> samm.Inversion:
        opened = kept(name, embedded)
        assert opened is not None
        return opened.inversion

    return open_


@pytest.fixture(scope="session")
def quick(tiny) -> samm.Model:
    """The tiny model, by the name that searches know it by."""
    return tiny


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
