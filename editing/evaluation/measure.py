"""Evaluation: what inversions and their edits are worth, in figures, method beside method on the same files.

Up to three pictures of each photo are measured: the generator's alone, the aligned one before blending
(x̂_in), and the blended result. Blending copies pixels, so the first two and the mask area belong beside the
third. Each edit's result is measured against the photo and against the un-edited result. Whoever reads a
figure needs the protocol with it, so `protocol` states it for each table.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from editing.evaluation.methods import Change, Edited, Method, Settings
from editing.evaluation.metrics import (
    FACE,
    PSNR_LIMIT,
    Published,
    background,
    load_fid,
    load_lpips,
    psnr_within,
)
from editing.evaluation.tables import PICTURES, Figures, Summary
from samm.crop.cars import center_quad, crop_car
from samm.crop.domains import FACES, Domain
from samm.crop.photo import open_photo
from samm.crop.quad import crop_face
from samm.errors import PhotoError, UserError
from samm.inversion import Inversion, Progress
from samm.metrics import psnr, ssim
from samm.models import Model, load_descriptor
from samm.networks.identity import FaceDescriptor
from samm.networks.ops import area_resize
from samm.networks.perceptual import Perceptual
from samm.pixels import to_pm1

__all__ = [
    "Comparison",
    "Judges",
    "evaluate",
    "load_judges",
    "measure",
    "measure_edit",
    "open_crop",
    "protocol",
    "signatures",
]

VIEW_SIZE = 256  # edge at which the learned metrics look
KEPT = 0.9  # of the mask: above it, a pixel counts as the photo's


@dataclass(frozen=True)
class Judges:
    """The networks that measure, on one device.

    `descriptor` is for faces only; `lpips` and `fid` may be not available.
    """

    perceptual: Perceptual
    descriptor: FaceDescriptor | None
    lpips: Published
    fid: Published

    @property
    def device(self) -> torch.device:
        """Where they are."""
        network = self.perceptual if self.descriptor is None else self.descriptor
        return next(network.buffers()).device


@dataclass(frozen=True)
class Comparison:
    """What is compared, and by what: methods by name, from `choose`, that share a model and settings."""

    methods: Mapping[str, Method]
    model: Model
    judges: Judges
    settings: Settings = field(default_factory=Settings)


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
    comparison: Comparison,
    on_error: Callable[[Path, UserError], None] | None = None,
    progress: Progress | None = None,
    skip: Container[tuple[str, str]] = (),
) -> Iterator[Figures]:
    """Invert, edit and measure cropped photos by each method, photo after photo.

    Args:
        paths: of the photos.
        comparison: the methods, and what measures.
        on_error: takes a photo that cannot be used, or that a method fails on, which ends its turn; raised if
            None.
        progress: told of each stage, which begins with the method's name.
        skip: photos' and methods' names that need not be measured again.

    Yields:
        The figures of each photo and method as soon as they are known.
    """
    model, made_with = comparison.model, signatures(comparison)
    for path in paths:
        rest = [name for name in comparison.methods if (path.stem, name) not in skip]
        try:
            crop = open_crop(path, model.resolution, model.domain) if rest else None
            for name in rest:
                figures = _try(path.stem, crop, name, comparison, progress or (lambda *stage: None))
                yield replace(figures, settings=made_with[name])
        except UserError as error:
            if on_error is None:
                raise
            on_error(path, error)


def _try(photo: str, crop: np.ndarray, name: str, comparison: Comparison, tell: Progress) -> Figures:
    """Invert a photo by one method, apply all edits, and measure."""
    method, settings, judges = comparison.methods[name], comparison.settings, comparison.judges
    start = time.perf_counter()
    inversion, drawn_by = method.run(
        crop, comparison.model, settings, lambda stage, done, total: tell(f"{name}: {stage}", done, total)
    )
    seconds = time.perf_counter() - start
    figures = measure(photo, name, inversion, method.pictures, seconds, judges)
    edits = {}
    for change in settings.changes:
        tell(f"{name}: {change.name}", 0, 1)
        start = time.perf_counter()
        edited = method.edit(inversion, drawn_by, change)
        seconds = time.perf_counter() - start
        edits[change.name] = {**measure_edit(edited, change, judges), "seconds": seconds}
    return replace(figures, edits=edits)


@torch.inference_mode()
def measure(
    name: str, method: str, inversion: Inversion, pictures: Sequence[str], seconds: float, judges: Judges
) -> Figures:
    """Measure some pictures of an inversion, named as its attributes, against its crop."""
    device = judges.device
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
    return Figures(name, method, figures, area, seconds, features=features)


def _inception(fid: Published, picture_u8: np.ndarray, device: torch.device) -> Tensor:
    """Give the features (1, D) of a picture."""
    return fid.network(torch.tensor(picture_u8).permute(2, 0, 1)[None].to(device)).float().cpu()


@torch.inference_mode()
def measure_edit(edited: Edited, change: Change, judges: Judges) -> dict[str, float]:
    """Measure an edited face against the photo and against the result before the edit.

    "kept_psnr" is left out where the mask before the edit kept nothing.
    """
    device = judges.device
    photo, before, after = edited.before.crop, edited.before.blended, edited.picture
    views = torch.cat([area_resize(to_pm1(p).to(device), VIEW_SIZE) for p in (photo, before, after)])
    likeness = judges.descriptor(views)  # (3, 128)
    outside = torch.from_numpy(background(VIEW_SIZE)).to(device)
    around = judges.perceptual.features(views[::2] * outside)  # of photo and edit, their faces grey
    a, b = zip(*(feature.split(1) for feature in around), strict=True)
    kept = (edited.before.keep_photo[0, 0] > KEPT).numpy()
    return {
        **change.score(photo, before, after),
        "identity": (likeness[2] * likeness[0]).sum().item(),
        "identity_before": (likeness[2] * likeness[1]).sum().item(),
        "background_psnr": psnr_within(photo, after, background(len(photo))),
        "background_st_lpips": judges.perceptual.distance(a, b).item(),
        **({"kept_psnr": psnr_within(photo, after, kept)} if kept.any() else {}),
    }


def protocol(summaries: Sequence[Summary], comparison: Comparison, asked: int) -> str:
    """State how the figures of a table came about, as Markdown; `asked` photos were to be measured."""
    model, judges, settings = comparison.model, comparison.judges, comparison.settings
    options, domain = settings.options, model.domain
    sides, view = _sides(model.resolution, domain), _sides(VIEW_SIZE, domain)
    machine = f"CPU threads: {torch.get_num_threads()}" if model.device.type == "cpu" else model.device.type
    if judges.lpips.network is not None:
        lpips = f"LPIPS: AlexNet of torchmetrics, RGB in -1…1, area-averaged to {view}."
    else:
        lpips = f"LPIPS: not available ({judges.lpips.reason})."
    if judges.fid.network is not None and not any(summary.fid for summary in summaries):
        fid = "FID: left out (it needs two photos, all of them measured in this run)."
    elif judges.fid.network is not None:
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
    kind = "square FFHQ crops" if domain == FACES else f"pictures of {domain.name}s, 4:3,"
    photos = f"{summaries[0].photos}"
    if summaries[0].photos < asked:
        photos += f" of {asked}, the others not measured by all methods:"
    lines = [
        f"Photos: {photos} {kind} at {sides}, others scaled to it; 8-bit RGB.",
        f"Model: preset {model.preset}, {model.precision}; {options.encoder_steps} encoder passes, "
        f"N = {options.iterations}, {options.refine_steps} refinement and {options.tune_steps} tuning "
        f"steps, mask strength {options.mask_strength:g}, where a method does not say otherwise.",
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
    if settings.changes:
        lines += _edit_protocol(settings.changes, model.resolution)
    for name, method in comparison.methods.items():
        lines.append(f"{name}: {method.description} ({method.source}){_details(name, method, settings)}.")
    return "\n".join(f"- {line}" for line in lines)


def _edit_protocol(changes: Sequence[Change], size: int) -> list[str]:
    """State how edits were measured."""
    return [
        f"Edits: {'; '.join(change.name for change in changes)}; each starts from the photo's inversion. "
        "Generator-only methods draw the moved code; the others also blend it, with the flows and masks of "
        "the inversion where their lines do not say otherwise.",
        "Identity of an edit: of its result to the photo, and to the method's own result without the edit. "
        "An edit of age, gender or glasses is meant to change the face, so read it beside the target: what "
        "changes nothing keeps identity best.",
        f"Background: outside the ellipse (x / {FACE[0]:g})² + (y / {FACE[1]:g})² = 1 of a crop that spans "
        f"-1…1, {background(VIEW_SIZE).mean():.0%} of it and the same for all methods: wall, shoulders, ends "
        f"of long hair. PSNR of edit and photo there at {size}², at most {PSNR_LIMIT:.1f} dB, which rounding "
        "costs; ST-LPIPS of both with the ellipse painted grey.",
        f"Kept PSNR: edit and photo where the mask of the result without the edit exceeds {KEPT:g}; photos "
        "of which it keeps nothing are left out. It tells whether an edit breaks into what was kept; each "
        "method keeps something else, so compare only those with equal masks.",
        "Seconds of an edit: from the inversion to the picture, the first photo left out where there are "
        "more.",
        *dict.fromkeys(change.meaning for change in changes),
    ]


def _sides(size: int, domain: Domain) -> str:
    """Write the sides of a square without its bars."""
    rows = domain.rows(size)
    return f"{size}²" if domain.height == 1 else f"{size}×{rows.stop - rows.start}"


def signatures(comparison: Comparison) -> dict[str, str]:
    """Say in a line for each method what its figures depend on; only equal ones may be put together."""
    model, settings = comparison.model, comparison.settings
    options, lpips = settings.options, "; with LPIPS" if comparison.judges.lpips.network else ""
    shared = (
        f"{model.preset} {_fingerprint(model)}, {model.precision}, {model.device.type}; "
        f"{options.encoder_steps} passes, N {options.iterations}, {options.refine_steps} refinement and "
        f"{options.tune_steps} tuning steps, mask strength {options.mask_strength:g}{lpips}"
    )
    return {name: shared + _details(name, m, settings) for name, m in comparison.methods.items()}


def _fingerprint(model: Model) -> str:
    """Tell weights from others, eight hexadecimal digits."""
    digits = 0
    for part in (model.generator, model.encoder, model.samm):
        for tensor in part.state_dict().values() if part is not None else ():
            digits = zlib.crc32(tensor.cpu().numpy().tobytes(), digits)
    return f"{digits:08x}"


def _details(name: str, method: Method, settings: Settings) -> str:
    """Say what of the settings counts for one method alone."""
    if method.searches:
        return f"; at most {' + '.join([str(settings.search_steps)] * method.searches)} steps"
    if name == "difference-mask":
        return f"; its own picture under the mask of {settings.changes[0].name}"
    return ""
