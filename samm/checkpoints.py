"""Weights files: where they lie, what they are, and how they get into a module without a surprise.

A file is looked for in the folder named by the environment variable SAMM_WEIGHTS, then beside this module in
`weights/`. Nothing is downloaded here and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from samm.errors import WeightsError

__all__ = ["EMBEDDED", "WeightFile", "load_weights", "sha256"]

EMBEDDED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class WeightFile:
    """One weights file: its name, content hash, origin and licence."""

    name: str
    sha256: str
    source: str
    licence: str

    def path(self) -> Path:
        """Find the file.

        Raises:
            WeightsError: it lies neither in $SAMM_WEIGHTS nor in `samm/weights`.
        """
        override = os.environ.get("SAMM_WEIGHTS")
        for folder in ([Path(override)] if override else []) + [EMBEDDED]:
            if (folder / self.name).is_file():
                return folder / self.name
        raise WeightsError(
            f"The model file {self.name} is missing; put it into samm/weights or into the folder that "
            "SAMM_WEIGHTS names, or check out the repository again."
        )


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_weights(module: nn.Module, file: WeightFile) -> None:
    """Fill a module from a safetensors file, every key once; values become the module's dtype.

    Raises:
        WeightsError: the file is missing, damaged, cut off, or made for another network.
    """
    path = file.path()
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"The model file {file.name} is damaged or cut off ({path.stat().st_size:,} bytes); "
            "check out the repository again or copy the file anew."
        ) from error
    differences = _differences(module.state_dict(), state)
    if differences:
        shown = "; ".join(differences[:10]) + (" …" if len(differences) > 10 else "")
        raise WeightsError(
            f"The model file {file.name} belongs to another network ({len(differences)} differences: "
            f"{shown}); use the file that came with this version."
        )
    module.load_state_dict(state)


def _differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    missing = [f"{key} is missing" for key in sorted(wanted.keys() - given.keys())]
    unknown = [f"{key} is unknown" for key in sorted(given.keys() - wanted.keys())]
    shapes = [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & given.keys())
        if given[key].shape != wanted[key].shape
    ]
    return missing + unknown + shapes
