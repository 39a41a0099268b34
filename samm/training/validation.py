"""Figures on held-out pictures: PSNR, ST-LPIPS (alex), identity cosine, and what concerns codes and masks.

All are taken within the rows that hold the picture: black bars would be decibels for nothing. What is about
faces is left out where there are none.

Shapes: N batch, L style rows, H W pixels. Pictures are (N, 3, H, W) in -1…1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from samm.crop.domains import FACES, Domain
from samm.training.data import within
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
    photos, pictures = (within(x, networks.domain) for x in (photos, pictures.clamp(-1, 1)))
    psnr = 10 * math.log10(4 / float((pictures - photos).square().mean()))
    distance = in_chunks(networks.alex, pictures, photos).mean()
    figures = f"PSNR {psnr:.2f}  ST-LPIPS {distance:.4f}"
    descriptor = networks.descriptor
    if descriptor is None:
        return figures
    cosine = in_chunks(lambda a, b: (descriptor(a) * descriptor(b)).sum(1), pictures, photos).mean()
    return f"{figures}  identity {cosine:.4f}"


def code_figures(networks: Networks, photos: Tensor, renders: Tensor, w_plus: Tensor) -> str:
    """Compare renders with photos, and tell how far codes (N, L, 512) spread over their rows."""
    from_mean = (w_plus - networks.generator.w_mean).square().mean()
    return (
        f"{picture_figures(networks, photos, renders)}  "
        f"row spread {float(row_spread(w_plus)):.4f}  from mean {float(from_mean):.4f}"
    )


def mask_figures(keep_photo: Tensor, domain: Domain) -> str:
    """Tell of gathered masks (N, 1, H, W): area, area in the face, share of pixels neither 0 nor 1."""
    keep_photo = within(keep_photo, domain)
    area = f"area {float(keep_photo.mean()):.3f}"
    if domain == FACES:
        face = face_window(keep_photo.shape[-1], keep_photo.device)
        inside = (keep_photo * face).sum() / (face.sum() * len(keep_photo))
        area += f"  in the face {float(inside):.3f}"
    soft = ((keep_photo > 0.1) & (keep_photo < 0.9)).float().mean()
    return f"{area}  soft {float(soft):.3f}"
