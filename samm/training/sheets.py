"""Contact sheets: what a network makes of held-out photos, as one PNG to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from samm.networks.ops import area_resize

__all__ = ["mask_picture", "save_sheet"]

CELL_PX = 128


def mask_picture(mask: Tensor, size: int) -> Tensor:
    """Show masks (N, 1, r, r) in 0…1 as gray pictures (N, 3, size, size) in -1…1, pixels as they are."""
    return torch.nn.functional.interpolate(mask.float() * 2 - 1, size=size, mode="nearest").expand(
        -1, 3, -1, -1
    )


def save_sheet(rows: Sequence[Tensor], path: Path, columns: int = 12) -> None:
    """Write one row of cells per entry (N, 3, S, S) in -1…1, of which the first `columns` are shown."""
    strips = [torch.cat(list(area_resize(row[:columns].float(), CELL_PX)), 2) for row in rows]
    sheet = torch.cat(strips, 1).clamp(-1, 1).add(1).mul(127.5).round().byte()  # (3, rows·cell, columns·cell)
    Image.fromarray(sheet.permute(1, 2, 0).cpu().numpy()).save(path)
