"""Evaluation: what an inversion is worth, in figures.

Three pictures of each photo are measured: the generator's alone, the aligned one before blending (x̂_in), and
the blended result. Blending copies pixels, so the first two and the mask area belong beside the third.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from samm.errors import PhotoError
from samm.faces import crop_face
from samm.identity import FaceDescriptor
from samm.inversion import Inversion, Options, invert
from samm.models import Model
from samm.ops import area_resize
from samm.perceptual import STLPIPS
from samm.photo import open_photo, to_pm1

__all__ = ["PROTOCOL", "Figures", "evaluate", "measure", "open_crop", "summarize", "table"]

# Name in the table -> attribute of Inversion.
PICTURES = {"generator": "generated", "aligned": "aligned", "blended": "blended"}
METRICS = ("psnr", "ssim", "st_lpips", "identity")
PROTOCOL = (
    "PSNR and SSIM on 8-bit RGB at full size, no border crop; ST-LPIPS (AlexNet) in -1…1 at 256²; identity "
    "is the cosine of a dlib-type descriptor on the fixed box of an FFHQ crop; mask area is the mean of the "
    "gathered mask; seconds are encode → blend, first photo excluded where there are several."
)


@dataclass(frozen=True)
class Figures:
    """Figures of one photo: metric by picture, mask area, seconds."""

    name: str
    pictures: dict[str, dict[str, float]]
    mask_area: float
    seconds: float


def open_crop(path: Path, size: int) -> np.ndarray:
    """Open a photo that is cropped already, scaled to uint8 (size, size, 3).

    Raises:
        PhotoError: it cannot be read, or is not square.
    """
    photo = open_photo(path)
    height, width = photo.shape[:2]
    if height != width:
        raise PhotoError(
            f"{path.name} is {width}×{height} pixels and thus not cropped; evaluation takes square FFHQ "
            "crops, so crop it first or use invert."
        )
    if height == size:
        return photo
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]], dtype=np.float64) - 0.5
    return crop_face(photo, corners, size)


@torch.inference_mode()
def measure(name: str, inversion: Inversion, perceptual: STLPIPS, descriptor: FaceDescriptor) -> Figures:
    """Measure one inversion against its crop; networks on the CPU or one device."""
    device = next(perceptual.buffers()).device

    def view(picture_u8: np.ndarray) -> torch.Tensor:
        return area_resize(to_pm1(picture_u8).to(device), 256)

    crop = view(inversion.crop)
    target, likeness = perceptual.features(crop), descriptor(crop)
    report = inversion.report
    pictures = {}
    for label, attribute in PICTURES.items():
        picture = view(getattr(inversion, attribute))
        pictures[label] = {
            "psnr": report["psnr"][attribute],
            "ssim": report["ssim"][attribute],
            "st_lpips": perceptual.distance(target, perceptual.features(picture)).item(),
            "identity": (descriptor(picture) * likeness).sum().item(),
        }
    return Figures(name, pictures, report["kept"]["gathered"], sum(inversion.seconds.values()))


def evaluate(
    paths: Iterable[Path],
    model: Model,
    descriptor: FaceDescriptor,
    options: Options | None = None,
    on_error: Callable[[Path, PhotoError], None] | None = None,
) -> list[Figures]:
    """Invert and measure cropped photos; a bad one goes to `on_error` (raised if None) and is left out."""
    results = []
    for path in paths:
        try:
            crop = open_crop(path, model.resolution)
        except PhotoError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        results.append(measure(path.stem, invert(crop, model, options), model.perceptual, descriptor))
    return results


def summarize(results: list[Figures]) -> dict[str, Any]:
    """Average figures over photos, as plain values for JSON."""
    if not results:
        raise PhotoError("No photo could be measured; check the files named above.")
    means: dict[str, Any] = {
        label: {metric: fmean(r.pictures[label][metric] for r in results) for metric in METRICS}
        for label in PICTURES
    }
    means["mask_area"] = fmean(r.mask_area for r in results)
    means["seconds"] = fmean(r.seconds for r in results[1:] or results)
    return means


def table(means: dict[str, Any], photos: int) -> str:
    """Lay the means out as a Markdown table."""
    titles = {"generator": "generator only", "aligned": "aligned, un-blended", "blended": "blended"}
    lines = ["| picture | PSNR dB | SSIM | ST-LPIPS | identity |", "|---|---|---|---|---|"]
    for label, title in titles.items():
        m = means[label]
        lines.append(
            f"| {title} | {m['psnr']:.2f} | {m['ssim']:.3f} | {m['st_lpips']:.3f} | {m['identity']:.3f} |"
        )
    lines.append("")
    lines.append(f"{photos} photos; mask area {means['mask_area']:.3f}; {means['seconds']:.2f} s a photo.")
    return "\n".join(lines)
