"""Out-of-domain GAN inversion with SAMM: photo → crop → inversion → edit → paste back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samm.public import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names late: `python -m samm` can then answer a stop during the seconds that takes."""
    return getattr(import_module("samm.public"), name)
