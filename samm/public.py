"""The public names of `samm`; the package imports this file when one of them is first asked for."""

from samm.errors import OptionError, PhotoError, UserError, WeightsError
from samm.inversion import Inversion, Options, invert, refine, tune
from samm.models import Model, load, load_descriptor, load_detector

__all__ = [
    "Inversion",
    "Model",
    "OptionError",
    "Options",
    "PhotoError",
    "UserError",
    "WeightsError",
    "invert",
    "load",
    "load_descriptor",
    "load_detector",
    "refine",
    "tune",
]
