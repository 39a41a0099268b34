"""Reading what the ways from words to an edit keep in safetensors files."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from samm.errors import WeightsError

__all__ = ["read_safetensors", "unreadable"]


def read_safetensors(path: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            # Copied: the file is mapped into memory, and may be written anew while its values are in use.
            return {key: file.get_tensor(key).clone() for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(unreadable(path)) from error


def unreadable(path: Path) -> str:
    """Say that a file cannot be read, and what to do."""
    return f"The file {path.name} is missing, damaged or cut off; copy it anew or choose another."
