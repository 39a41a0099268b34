"""Figures on held-out faces: PSNR, ST-LPIPS (alex), identity cosine, and what concerns codes and masks.

Shapes: N batch, L style rows, H W pixels. Pictures are (N, 3, H, W) in -1…1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from samm.training.losses import face_window, row_spread
from samm.training.networks import Networks

__all__ = ["code_figures", "in_chunks", "mask_figures", "picture_figures"]

CHUNK = 12


def in_chunks(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Apply a function of one or more batches to a few rows at a time."""
    return torch.cat(
        [function(*rows) for rows in zip(*(value.split(CHUNK) for value in inputs), strict=True)]
    )


def picture_figures(networks: Networks, photos: Tensor, pictures: Tensor) -> str:
    """Compare pictures with photos. The PSNR comes from the squared error pooled over the set."""
    pictures = pictures.clamp(-1, 1)
    psnr = 10 * math.log10(4 / float((pictures - photos).square().mean()))
    distance = in_chunks(networks.alex, pictures, photos).mean()
    cosine = in_chunks(
        lambda a, b: (networks.descriptor(a) * networks.descriptor(b)).sum(1), pictures, photos
    ).mean()
    return f"PSNR {psnr:.2f}  ST-LPIPS {distance:.4f}  identity {cosine:.4f}"


def code_figures(networks: Networks, photos: Tensor, renders: Tensor, w_plus: Tensor) -> str:
    """Compare renders with photos, and tell how far codes (N, L, 512) spread over their rows."""
    from_mean = (w_plus - networks.generator.w_mean).square().mean()
    return (
        f"{picture_figures(networks, photos, renders)}  "
        f"row spread {float(row_spread(w_plus)):.4f}  from mean {float(from_mean):.4f}"
    )


def mask_figures(keep_photo: Tensor) -> str:
    """Tell of gathered masks (N, 1, H, W): area, area in the face, share of pixels neither 0 nor 1."""
    face = face_window(keep_photo.shape[-1], keep_photo.device)
    inside = (keep_photo * face).sum() / (face.sum() * len(keep_photo))
    soft = ((keep_photo > 0.1) & (keep_photo < 0.9)).float().mean()
    return f"area {float(keep_photo.mean()):.3f}  in the face {float(inside):.3f}  soft {float(soft):.3f}"
