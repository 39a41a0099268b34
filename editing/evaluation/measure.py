"""Measure one inversion, and one edit of it.

Up to three pictures of each photo are measured: the generator's alone, the aligned one before blending
(x̂_in), and the blended result. Blending copies pixels, so the first two and the mask area belong beside the
third. Each edit's result is measured against the photo and against the un-edited result, and what arrives of
it against what the generator drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from editing.evaluation.judges import Judges, wanted_change
from editing.evaluation.methods import Edited, difference_mask
from editing.evaluation.samples import VIEW_SIZE
from editing.evaluation.tables import PICTURES, Figures
from editing.hats import spared
from editing.moves.scorer import signed
from editing.places import background, psnr_within, region_of, share_inside
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe
from samm.inversion import Inversion
from samm.method.regions import widen
from samm.metrics import psnr, ssim
from samm.networks.ops import area_resize, scaled
from samm.pixels import to_pm1, to_u8

__all__ = ["KEPT", "REACH_PX", "SOFT", "measure", "measure_edit"]

KEPT = 0.9  # of the mask: above it, a pixel counts as the photo's
REACH_PX = 4  # at VIEW_SIZE: what an edit changes is widened by this, for masks have soft edges
SOFT = (0.05, 0.95)  # between these a pixel of the mask is neither the photo's nor the generator's


@torch.inference_mode()
def measure(
    name: str, method: str, inversion: Inversion, pictures: Sequence[str], seconds: float, judges: Judges
) -> Figures:
    """Measure some pictures of an inversion, named as its attributes, against its crop."""
    trim, rows = inversion.domain.trim, inversion.domain.rows(VIEW_SIZE)

    def view(picture_u8: np.ndarray) -> Tensor:
        return _view(picture_u8, judges.device)[:, :, rows]

    identity, lpips, fid = judges.identity, judges.lpips.network, judges.fid.network
    crop_u8, crop = trim(inversion.photo_u8), view(inversion.photo_u8)
    target = judges.perceptual.features(crop)
    person = None if identity is None else identity(crop)
    figures: dict[str, dict[str, float]] = {}
    features: dict[str, Tensor] = {}
    for attribute in pictures:
        square_u8, label = getattr(inversion, attribute), PICTURES[attribute][0]
        picture_u8, picture = trim(square_u8), view(square_u8)
        figures[label] = {
            "psnr": psnr(crop_u8, picture_u8),
            "ssim": ssim(crop_u8, picture_u8),
            "st_lpips": judges.perceptual.distance(target, judges.perceptual.features(picture)).item(),
        }
        if identity is not None and person is not None:
            figures[label]["identity"] = (identity(picture) * person).sum().item()
        if lpips is not None:
            figures[label]["lpips"] = lpips(crop, picture).item()
        if fid is not None:
            features[label] = fid(_bytes(picture_u8, judges.device)).float().cpu()  # (1, D)
    if fid is not None:
        features["photo"] = fid(_bytes(crop_u8, judges.device)).float().cpu()
    if "blended" in pictures:
        keep_photo = inversion.keep_photo[:, :, inversion.domain.rows(inversion.size)]
        figures["blended"] |= {"mask_area": inversion.kept, "mask_soft": soft_share(keep_photo)}
    return Figures(name, method, figures, seconds, features=features)


def soft_share(keep_photo: Tensor) -> float:
    """Give the share of a mask's pixels, (1, 1, H, W), that are neither kept nor drawn."""
    return float(((keep_photo > SOFT[0]) & (keep_photo < SOFT[1])).float().mean())


def _bytes(picture_u8: np.ndarray, device: torch.device) -> Tensor:
    """Turn a picture (H, W, 3) into (1, 3, H, W), uint8."""
    return torch.tensor(picture_u8).permute(2, 0, 1)[None].to(device)


@torch.inference_mode()
def measure_edit(edited: Edited, recipe: Recipe, judges: Judges) -> dict[str, float]:
    """Measure an edited face by the metrics of `editing.evaluation.tables.EDIT_METRICS`, but for seconds.

    "kept_psnr" is left out where the mask before the edit kept nothing, "outside" where the edit changes the
    drawing everywhere.
    """
    return {
        **_attributes_seen(edited, recipe, judges),
        **_likeness(edited, judges),
        **_places(edited, recipe),
        "edit_mask_area": float(edited.after.keep_photo.mean()),
        "edit_mask_soft": soft_share(edited.after.keep_photo),
    }


def _attributes_seen(edited: Edited, recipe: Recipe, judges: Judges) -> dict[str, float]:
    """Give what scores say of the edit, in their deviations, and the years by which a face looks older."""
    identity, scores = judges.of_faces
    before = edited.before
    shown = scores([before.photo_u8, before.blended, edited.after.blended])
    pictures = (before.aligned, edited.after.aligned)
    drawn = scores([*pictures, *(_with_hat(picture, before) for picture in pictures)])
    wanted = recipe.attributes
    others = {a.score for a in ATTRIBUTES.values()} - {ATTRIBUTES[name].score for name in wanted}
    leaks = [abs((signed(shown, score)[2] - signed(shown, score)[1]).item()) for score in sorted(others)]
    views = torch.cat([_view(p, judges.device) for p in (before.blended, edited.after.blended)])
    age = identity.read(views).age
    return {
        "target": wanted_change(shown, wanted, 1, 2),
        "target_photo": wanted_change(shown, wanted, 0, 2),
        "target_drawn": wanted_change(drawn, wanted, 0, 1),
        "target_open": wanted_change(drawn, wanted, 2, 3),
        "leak": fmean(leaks),
        "years": (age[1] - age[0]).item(),
    }


def _with_hat(picture_u8: np.ndarray, inversion: Inversion) -> np.ndarray:
    """Put what no edit changes, such as a hat, back into a drawing: uint8 (S, S, 3)."""
    if not inversion.masks:
        return picture_u8
    stays = scaled(spared(inversion), inversion.size)
    return to_u8(torch.lerp(to_pm1(picture_u8), inversion.photo_pm1, stays))


def _likeness(edited: Edited, judges: Judges) -> dict[str, float]:
    """Compare the result with the photo and with the result before the edit: identity and background."""
    identity, _ = judges.of_faces
    photo, before, after = edited.before.photo_u8, edited.before.blended, edited.after.blended
    views = torch.cat([_view(p, judges.device) for p in (photo, before, after)])
    faces = identity(views)  # (3, 1024)
    outside = torch.from_numpy(background(VIEW_SIZE)).to(judges.device)
    around = judges.perceptual.features(views[::2] * outside)  # of photo and edit, their faces grey
    a, b = zip(*(feature.split(1) for feature in around), strict=True)
    kept = edited.before.mask > KEPT
    return {
        "identity": (faces[2] * faces[0]).sum().item(),
        "identity_before": (faces[2] * faces[1]).sum().item(),
        "background_psnr": psnr_within(photo, after, background(len(photo))),
        "background_st_lpips": judges.perceptual.distance(list(a), list(b)).item(),
        **({"kept_psnr": psnr_within(photo, after, kept)} if kept.any() else {}),
    }


def _places(edited: Edited, recipe: Recipe) -> dict[str, float]:
    """Say where the edit changes pixels: inside the attributes' region, and where it had no reason to."""
    crop, before, drawn, picture = (
        area_resize(to_pm1(p), VIEW_SIZE)
        for p in (edited.before.photo_u8, edited.before.aligned, edited.after.aligned, edited.after.blended)
    )
    # A result is drawn from the photo as well, and asks for no change where it shows either of them.
    changed = 1 - difference_mask(before, drawn).maximum(difference_mask(crop, drawn))
    unchanged = 1 - widen(changed, REACH_PX)
    difference = (picture - crop).abs().mean(1, keepdim=True) * 127.5
    region = region_of(recipe.attributes, VIEW_SIZE)
    outside = {"outside": float((difference * unchanged).sum() / unchanged.sum())} if unchanged.any() else {}
    return {
        **outside,
        "changed": 1 - float(unchanged.mean()),
        "inside": float(share_inside(before, drawn, region)[0]),
    }


def _view(picture_u8: np.ndarray, device: torch.device) -> Tensor:
    """Average a picture to (1, 3, `VIEW_SIZE`, `VIEW_SIZE`) in -1…1."""
    return area_resize(to_pm1(picture_u8).to(device), VIEW_SIZE)
