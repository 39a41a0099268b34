"""The public names of `samm`; the package imports this file when one of them is first asked for."""

from pathlib import Path
from typing import BinaryIO

from samm.crop.crop import Crop, Photo
from samm.errors import OptionError, PhotoError, UserError, WeightsError
from samm.inversion import Inversion, Options, draw_generated, invert, refine, tune
from samm.models import Model, load, load_descriptor, load_detector
from samm.picture import Picture

__all__ = [
    "Crop",
    "Inversion",
    "Model",
    "OptionError",
    "Options",
    "Photo",
    "PhotoError",
    "Picture",
    "UserError",
    "WeightsError",
    "draw_generated",
    "invert",
    "load",
    "load_descriptor",
    "load_detector",
    "open",
    "refine",
    "tune",
]


def open(source: str | Path | BinaryIO) -> Photo:
    """Read a photo from a path or a binary stream, and turn it upright where its faces lie on their side.

    Raises:
        PhotoError: the file is missing, unreadable, empty, damaged, too large or too small.
    """
    return Photo.open(source).upright()
