"""Out-of-domain GAN inversion with SAMM: photo → crop → inversion → edit → paste back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samm.public import (
        Crop,
        Inversion,
        Model,
        OptionError,
        Options,
        Photo,
        PhotoError,
        Picture,
        UserError,
        WeightsError,
        draw_generated,
        invert,
        load,
        load_descriptor,
        load_detector,
        open,
        refine,
        tune,
    )

__version__ = "0.1.0"

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


def __getattr__(name: str) -> Any:
    """Import the public names late: `python -m samm` can then answer a stop during the seconds that takes."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("samm.public"), name)
