"""Evaluation: what inversions are worth, in figures, method beside method on the same files.

Up to three pictures of each photo are measured: the generator's alone, the aligned one before blending
(x̂_in), and the blended result. Blending copies pixels, so the first two and the mask area belong beside the
third. Whoever reads a figure needs the protocol with it, so `protocol` states it for each table.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from samm.cars import center_quad, crop_car
from samm.domains import FACES, Domain
from samm.errors import PhotoError
from samm.faces import crop_face
from samm.identity import FaceDescriptor
from samm.inversion import Inversion, Progress
from samm.methods import Method, Settings
from samm.metrics import Published, bootstrap_interval, frechet_distance, load_fid, load_lpips, psnr, ssim
from samm.models import Model, load_descriptor
from samm.ops import area_resize
from samm.perceptual import STLPIPS
from samm.photo import open_photo, to_pm1

__all__ = [
    "Figures",
    "Judges",
    "Mean",
    "Summary",
    "differences",
    "evaluate",
    "load_judges",
    "measure",
    "open_crop",
    "plain",
    "protocol",
    "summarize",
    "table",
    "to_csv",
]

VIEW_SIZE = 256  # edge at which the learned metrics look
# Attribute of Inversion -> name in files, title in tables.
PICTURES = {
    "generated": ("generator", "generator only"),
    "aligned": ("aligned", "aligned, un-blended"),
    "blended": ("blended", "blended"),
}
# Metric -> title, decimals.
METRICS = {
    "psnr": ("PSNR dB", 2),
    "ssim": ("SSIM", 3),
    "st_lpips": ("ST-LPIPS", 3),
    "lpips": ("LPIPS", 3),
    "identity": ("identity", 3),
}


@dataclass(frozen=True)
class Judges:
    """The networks that measure, on one device.

    `descriptor` is for faces only; `lpips` and `fid` may be not available.
    """

    perceptual: STLPIPS
    descriptor: FaceDescriptor | None
    lpips: Published
    fid: Published


@dataclass(frozen=True)
class Figures:
    """Figures of one photo under one method.

    Attributes:
        name: of the photo.
        method: its name.
        pictures: metric by picture, named as in `PICTURES`.
        mask_area: mean of the mask that the result was blended with; None where nothing is blended.
        seconds: from crop to pictures, on the wall.
        features: by picture, and by "photo", Inception features (1, D); empty where FID is not available.
    """

    name: str
    method: str
    pictures: dict[str, dict[str, float]]
    mask_area: float | None
    seconds: float
    features: dict[str, Tensor] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Mean:
    """A mean over photos and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One method over all photos; see `Figures`. `fid` is by picture, and empty where not available."""

    method: str
    photos: int
    pictures: dict[str, dict[str, Mean]]
    mask_area: Mean | None
    seconds: Mean
    fid: dict[str, float]


def load_judges(model: Model) -> Judges:
    """Load what measures: the project's own networks, and LPIPS and FID where they are at hand."""
    device = model.device
    descriptor = load_descriptor(device) if model.domain == FACES else None
    return Judges(model.perceptual, descriptor, load_lpips(device), load_fid(device))


def open_crop(path: Path, size: int, domain: Domain = FACES) -> np.ndarray:
    """Open a photo that is cropped already, scaled to uint8 (size, size, 3), with bars where the domain has.

    Raises:
        PhotoError: it cannot be read, or has not the sides of the domain's pictures.
    """
    photo = open_photo(path)
    height, width = photo.shape[:2]
    if domain != FACES:
        if height != round(width * domain.height):
            raise PhotoError(
                f"{path.name} is {width}×{height} pixels and thus not cropped; evaluation takes "
                f"{domain.name}s of 4:3, so crop it first or use invert."
            )
        return crop_car(photo, center_quad(photo), size)
    if height != width:
        raise PhotoError(
            f"{path.name} is {width}×{height} pixels and thus not cropped; evaluation takes square FFHQ "
            "crops, so crop it first or use invert."
        )
    if height == size:
        return photo
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]], dtype=np.float64) - 0.5
    return crop_face(photo, corners, size)


def evaluate(
    paths: Iterable[Path],
    model: Model,
    judges: Judges,
    methods: Mapping[str, Method],
    settings: Settings | None = None,
    on_error: Callable[[Path, PhotoError], None] | None = None,
    progress: Progress | None = None,
) -> list[Figures]:
    """Invert and measure cropped photos by each method, photo after photo.

    Args:
        paths: of the photos.
        model: inverts.
        judges: measure.
        methods: by name, from `choose`.
        settings: shared by all methods.
        on_error: takes a photo that cannot be used, which is then left out for all methods; raised if None.
        progress: told of each stage, which begins with the method's name.
    """
    settings, results = settings or Settings(), []
    for path in paths:
        try:
            crop = open_crop(path, model.resolution, model.domain)
        except PhotoError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        for name, method in methods.items():
            start = time.perf_counter()
            inversion = method.run(crop, model, settings, _named(progress, name))
            seconds = time.perf_counter() - start
            results.append(measure(path.stem, name, inversion, method.pictures, seconds, judges))
    return results


def _named(progress: Progress | None, name: str) -> Progress | None:
    return progress and (lambda stage, done, total: progress(f"{name}: {stage}", done, total))


@torch.inference_mode()
def measure(
    name: str, method: str, inversion: Inversion, pictures: Sequence[str], seconds: float, judges: Judges
) -> Figures:
    """Measure some pictures of an inversion, named as its attributes, against its crop."""
    device = next(judges.perceptual.buffers()).device
    trim, rows = inversion.domain.trim, inversion.domain.rows(VIEW_SIZE)

    def view(picture_u8: np.ndarray) -> Tensor:
        return area_resize(to_pm1(picture_u8).to(device), VIEW_SIZE)[:, :, rows]

    crop_u8, crop = trim(inversion.crop), view(inversion.crop)
    target = judges.perceptual.features(crop)
    likeness = judges.descriptor(crop) if judges.descriptor else None
    figures, features = {}, {}
    for attribute in pictures:
        square_u8, label = getattr(inversion, attribute), PICTURES[attribute][0]
        picture_u8, picture = trim(square_u8), view(square_u8)
        figures[label] = {
            "psnr": psnr(crop_u8, picture_u8),
            "ssim": ssim(crop_u8, picture_u8),
            "st_lpips": judges.perceptual.distance(target, judges.perceptual.features(picture)).item(),
        }
        if likeness is not None:
            figures[label]["identity"] = (judges.descriptor(picture) * likeness).sum().item()
        if judges.lpips.network is not None:
            figures[label]["lpips"] = judges.lpips.network(crop, picture).item()
        if judges.fid.network is not None:
            features[label] = _inception(judges.fid, picture_u8, device)
    if judges.fid.network is not None:
        features["photo"] = _inception(judges.fid, crop_u8, device)
    area = inversion.kept if "blended" in pictures else None
    return Figures(name, method, figures, area, seconds, features)


def _inception(fid: Published, picture_u8: np.ndarray, device: torch.device) -> Tensor:
    """Give the features (1, D) of a picture."""
    return fid.network(torch.tensor(picture_u8).permute(2, 0, 1)[None].to(device)).float().cpu()


def summarize(results: Sequence[Figures]) -> list[Summary]:
    """Average each method over its photos, in the order in which methods first appear.

    Raises:
        PhotoError: there is nothing to average.
    """
    if not results:
        raise PhotoError("No photo could be measured; check the files named above.")
    return [_summary(method, figures) for method, figures in _by_method(results).items()]


def differences(results: Sequence[Figures], against: str) -> list[Figures]:
    """Subtract a method's figures from the others', photo by photo and picture by picture.

    Summarized, their intervals are free of what the photos differ by, and one without 0 is a difference.
    Pictures that only one of the two methods has are left out.
    """
    by_method = _by_method(results)
    base = by_method.pop(against)
    return [_minus(a, b) for others in by_method.values() for a, b in zip(others, base, strict=True)]


def _minus(a: Figures, b: Figures) -> Figures:
    shared = [picture for picture in a.pictures if picture in b.pictures]
    return Figures(
        name=a.name,
        method=f"{a.method} − {b.method}",
        pictures={p: {m: value - b.pictures[p][m] for m, value in a.pictures[p].items()} for p in shared},
        mask_area=None if a.mask_area is None or b.mask_area is None else a.mask_area - b.mask_area,
        seconds=a.seconds - b.seconds,
    )


def _by_method(results: Iterable[Figures]) -> dict[str, list[Figures]]:
    groups: dict[str, list[Figures]] = {}
    for figures in results:
        groups.setdefault(figures.method, []).append(figures)
    return groups


def _summary(method: str, results: list[Figures]) -> Summary:
    first = results[0]
    areas = [r.mask_area for r in results if r.mask_area is not None]
    return Summary(
        method=method,
        photos=len(results),
        pictures={
            picture: {metric: _mean([r.pictures[picture][metric] for r in results]) for metric in metrics}
            for picture, metrics in first.pictures.items()
        },
        mask_area=_mean(areas) if areas else None,
        seconds=_mean([r.seconds for r in results[1:] or results]),
        fid={
            picture: frechet_distance(
                *(torch.cat([r.features[p] for r in results]) for p in ("photo", picture))
            )
            for picture in first.features
            if picture != "photo" and len(results) > 1
        },
    )


def _mean(values: Sequence[float]) -> Mean:
    return Mean(fmean(values), *bootstrap_interval(values))


def table(summaries: Sequence[Summary], sign: str = "") -> str:
    """Lay methods and their pictures out as one Markdown table: mean [95 % interval]; sign "+" shows both."""
    metrics = [m for m in METRICS if m in next(iter(summaries[0].pictures.values()))]
    fid = any(summary.fid for summary in summaries)
    titles = ["method", "picture", *(METRICS[m][0] for m in metrics)]
    titles += [*(["FID"] if fid else []), "mask area", "seconds"]
    lines = [_row(titles), "|" + "---|" * len(titles)]
    for summary in summaries:
        for picture, means in summary.pictures.items():
            title = next(title for name, title in PICTURES.values() if name == picture)
            cells = [
                summary.method,
                title,
                *(_cell(means[m], sign, METRICS[m][1], summary.photos) for m in metrics),
            ]
            if fid:
                cells.append(f"{summary.fid[picture]:.1f}" if picture in summary.fid else "–")
            area = summary.mask_area if picture == "blended" else None
            cells.append(_cell(area, sign, 3, summary.photos) if area else "–")
            cells.append(_cell(summary.seconds, sign, 2, summary.photos - 1))
            lines.append(_row(cells))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(mean: Mean, sign: str, decimals: int, count: int) -> str:
    """Write a mean, and its interval where more than one value makes one."""
    value, low, high = (f"{number:{sign}.{decimals}f}" for number in (mean.value, mean.low, mean.high))
    return f"{value} [{low}, {high}]" if count > 1 else value


def protocol(
    summaries: Sequence[Summary],
    methods: Mapping[str, Method],
    model: Model,
    judges: Judges,
    settings: Settings,
) -> str:
    """State how the figures of a table came about, as Markdown."""
    options, domain = settings.options, model.domain
    sides, view = _sides(model.resolution, domain), _sides(VIEW_SIZE, domain)
    kind = "square FFHQ crops" if domain == FACES else f"pictures of {domain.name}s, 4:3,"
    machine = f"CPU threads: {torch.get_num_threads()}" if model.device.type == "cpu" else model.device.type
    if judges.lpips.network is not None:
        lpips = f"LPIPS: AlexNet of torchmetrics, RGB in -1…1, area-averaged to {view}."
    else:
        lpips = f"LPIPS: not available ({judges.lpips.reason})."
    if judges.fid.network is not None:
        fid = (
            f"FID: 2048 Inception features of torch-fidelity, 8-bit pictures of {sides} in its own bilinear "
            f"scaling to 299², against the same photos; with {summaries[0].photos} photos it is strongly "
            "biased and no figure to compare with those of thousands."
        )
    else:
        fid = f"FID: not available ({judges.fid.reason})."
    identity = (
        f"Identity: cosine of a dlib-type descriptor at 150² on the fixed box of the crop at {VIEW_SIZE}²; "
        "not ArcFace, and different people score about .89."
    )
    lines = [
        f"Photos: {summaries[0].photos} {kind} at {sides}, others scaled to it; 8-bit RGB.",
        f"Model: preset {model.preset}, {model.precision}; {options.encoder_steps} encoder passes, "
        f"N = {options.iterations}, {options.refine_steps} refinement steps, mask strength "
        f"{options.mask_strength:g}, where a method does not say otherwise.",
        f"PSNR and SSIM: pictures rounded to 8 bits (0…255), {sides}, all three channels, no border cropped; "
        "SSIM with an 11×11 Gaussian of σ 1.5, valid region.",
        f"ST-LPIPS: AlexNet, RGB in -1…1, area-averaged to {view}; not LPIPS.",
        lpips,
        fid,
        *([identity] if judges.descriptor else []),
        "Mask area: mean of the mask of the blended picture. Blending copies pixels, so read blended rows "
        "beside it.",
        f"Seconds: a photo from crop to pictures, one run ({machine}), the first photo left out where there "
        "are more.",
        "Brackets: 95 % percentile bootstrap over photos (2,000 resamples, fixed seed). All methods see the "
        "same photos, so intervals that overlap may hide a difference that every photo shows; a table of "
        "differences, photo by photo, tells.",
    ]
    for name, method in methods.items():
        lines.append(f"{name}: {method.description} ({method.source}){_details(name, settings)}.")
    return "\n".join(f"- {line}" for line in lines)


def _sides(size: int, domain: Domain) -> str:
    """Write the sides of a square without its bars."""
    rows = domain.rows(size)
    return f"{size}²" if domain.height == 1 else f"{size}×{rows.stop - rows.start}"


def _details(name: str, settings: Settings) -> str:
    steps = settings.search_steps
    details = {
        "optimization": f"; at most {steps} steps",
        "pti": f"; at most {steps} + {steps} steps",
        "difference-mask": f"; here {settings.edit}",
    }
    return details.get(name, "")


def to_csv(results: Sequence[Figures]) -> str:
    """Write one line for each photo, method and picture, methods together and photos in their order."""
    metrics = [m for m in METRICS if m in next(iter(results[0].pictures.values()))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "photo", "picture", *metrics, "mask_area", "seconds"])
    order = list(dict.fromkeys(r.method for r in results))
    for r in sorted(results, key=lambda r: order.index(r.method)):
        for picture, figures in r.pictures.items():
            area = f"{r.mask_area:.5f}" if picture == "blended" else ""
            values = [f"{figures[m]:.5f}" for m in metrics]
            writer.writerow([r.method, r.name, picture, *values, area, f"{r.seconds:.3f}"])
    return text.getvalue()


def plain(results: Sequence[Figures], summaries: Sequence[Summary]) -> dict[str, Any]:
    """Give all figures as plain values for JSON; `means` is the first method's."""
    methods = {
        s.method: {"means": _values(s, _value), "intervals": _values(s, _interval), "fid": s.fid}
        for s in summaries
    }
    photos = [
        {
            "name": r.name,
            "method": r.method,
            "pictures": r.pictures,
            "mask_area": r.mask_area,
            "seconds": r.seconds,
        }
        for r in results
    ]
    return {"means": methods[summaries[0].method]["means"], "methods": methods, "photos": photos}


def _values(summary: Summary, read: Callable[[Mean], Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        picture: {metric: read(mean) for metric, mean in means.items()}
        for picture, means in summary.pictures.items()
    }
    values["mask_area"] = read(summary.mask_area) if summary.mask_area else None
    values["seconds"] = read(summary.seconds)
    return values


def _value(mean: Mean) -> float:
    return mean.value


def _interval(mean: Mean) -> list[float]:
    return [mean.low, mean.high]
