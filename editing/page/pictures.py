"""What the page shows of a visit: views, masks, thumbnails, the strip of faces. Plain arrays in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from editing.edit import Edit, undrawn
from editing.page.packing import ready, unpack, unpack_crop, unpack_edit
from editing.page.sentences import BLENDED, GENERATED, KEPT, WHOLE
from editing.page.session import Inverted
from editing.people import everybody
from editing.recipe.line import describe
from editing.recipe.recipe import Recipe
from samm.crop.crop import Crop
from samm.networks.ops import area_resize
from samm.pixels import mask_to_u8, shrunk

__all__ = [
    "Shown",
    "face_strip",
    "kept_mask",
    "kept_on_black",
    "kept_share",
    "mask_items",
    "overlay",
    "painted",
    "placed",
    "present",
    "thinned",
    "thumbnail",
    "view_of",
    "whole",
]

MASK_PX = 512  # the gathered mask is shown at this size; the download has it in full
FACE_PX = 160
THUMBNAIL_PX = 128
PLACED_PX = 512  # edge of the photo on which a crop is placed, or up to twice that
OUTSIDE = 0.4  # what is left of the light outside the crop
DRAWN_RGB = np.array((255, 96, 0), np.float32)  # tint of what the generator draws
DRAWN_ALPHA = 0.55


@dataclass(frozen=True)
class Shown:
    """A picture, uint8 (H, W, 3), with the words that stand for it."""

    picture: np.ndarray
    alt: str


def present(visit: Inverted, recipe: Recipe | None = None) -> Edit:
    """Blend the visit's last drawing with its paint, at the mask strength of `recipe` or its own."""
    recipe = recipe or visit.recipe
    if visit.edit is None:
        edited = undrawn(unpack(visit.inversion), recipe)
    else:
        edited = unpack_edit(visit.edit, unpack_crop(visit.inversion))
        edited = replace(edited, recipe=replace(edited.recipe, mask_strength=recipe.mask_strength))
    return painted(visit, edited)


def painted(visit: Inverted, edited: Edit) -> Edit:
    """Blend a drawing of any size with what a visit has painted and protects."""
    keep, draw = visit.paint.at(edited.size) if visit.paint else (None, None)
    protected = visit.regions and visit.regions.at(edited.size, visit.protected)
    if protected is not None:
        keep = protected if keep is None else keep.maximum(protected)
    return edited if keep is None and draw is None else replace(edited, keep=keep, draw=draw)


def view_of(visit: Inverted, edited: Edit) -> Shown:
    """Give the one picture of the visit's view; `COMPARE` shows the same as `EDITED`, beside the crop."""
    name = visit.view
    if name == BLENDED:
        plain = present(replace(visit, edit=None))
        return Shown(plain.blended, "Reconstructed portrait, not edited: photo and drawing blended")
    if name == GENERATED:
        return Shown(edited.aligned, "What the AI draws, before blending")
    if name == KEPT:
        return Shown(kept_on_black(edited), "What is kept from the photo, on black")
    if name == WHOLE:
        return Shown(whole(visit, edited), f"Whole photo with the {_named(visit.recipe)}")
    return Shown(edited.blended, _named(visit.recipe).capitalize())


def whole(visit: Inverted, edited: Edit) -> np.ndarray:
    """Give the whole photo with the present picture, and those of the other faces that were worked on."""
    others = {number: present(other) for number, other in visit.people.items() if number != visit.face}
    if not others:
        return edited.whole()
    return everybody(ready(visit.crop).photo, {**others, visit.face: edited})


def overlay(edited: Edit) -> Shown:
    """Tint what the generator draws, over the photo's crop."""
    alpha = DRAWN_ALPHA * (1 - edited.mask[..., None])
    tinted = edited.photo_u8 * (1 - alpha) + DRAWN_RGB * alpha
    return Shown(tinted.round().astype(np.uint8), "Your photo; what the AI draws is tinted orange")


def kept_share(edited: Edit) -> str:
    """Say how much of the picture is the photo's."""
    return f"{100 * edited.kept:.0f} % of the picture is from your photo; the AI draws the rest."


def kept_on_black(edited: Edit) -> np.ndarray:
    """Give what a picture keeps from the photo, uint8 (S, S, 3)."""
    return (edited.photo_u8 * edited.mask[..., None]).round().astype(np.uint8)


def kept_mask(edited: Edit) -> Shown:
    """Give the mask of a picture, where white is kept from the photo."""
    small = area_resize(edited.keep_photo, min(edited.size, MASK_PX))
    return Shown(mask_to_u8(small), f"Mask: white is kept from your photo, {100 * edited.kept:.0f} %")


def mask_items(masks: Mapping[int, Tensor], kept: Shown, edited: Edit) -> list[tuple[np.ndarray, str]]:
    """Give the level masks, coarsest first, and the mask of the present picture, with captions."""
    items = [(mask_to_u8(mask), r, mask) for r, mask in masks.items()]
    items.append((kept.picture, edited.size, edited.keep_photo))
    return [(shown, f"{r}×{r} · {100 * mask.mean():.0f} % kept") for shown, r, mask in items]


def thumbnail(picture_u8: np.ndarray) -> np.ndarray:
    """Make a picture small enough for the history: uint8 (128, 128, 3)."""
    return shrunk(picture_u8, THUMBNAIL_PX)


def thinned(picture_u8: np.ndarray, px: int) -> np.ndarray:
    """Take every n-th pixel of a picture (H, W, 3), so that its longer edge is less than twice `px`."""
    step = max(1, max(picture_u8.shape[:2]) // px)
    return np.ascontiguousarray(picture_u8[::step, ::step])


def placed(crop: Crop) -> np.ndarray:
    """Give the small photo, uint8 (h, w, 3), darkened outside a crop."""
    photo = Image.fromarray(thinned(crop.photo.pixels, PLACED_PX))
    scale = photo.width / crop.photo.pixels.shape[1]
    light = Image.new("L", photo.size, round(255 * OUTSIDE))
    ImageDraw.Draw(light).polygon([(x * scale, y * scale) for x, y in crop.quad.tolist()], fill=255)
    return np.asarray(Image.composite(photo, Image.new("RGB", photo.size), light))


def face_strip(crops: Sequence[Crop]) -> list[tuple[np.ndarray, str]]:
    """Give a small picture of each face with a caption that says where in the photo it is."""
    thirds = ("left", "middle", "right")

    def place(crop: Crop) -> str:
        width = crop.photo.pixels.shape[1]
        return thirds[int(np.clip(3 * crop.placement.center_xy[0] / width, 0, 2))]

    return [(crop.pixels(FACE_PX), f"Face {number} — {place(crop)}") for number, crop in enumerate(crops, 1)]


def _named(recipe: Recipe) -> str:
    changed = "" if recipe.is_empty else f": {describe(recipe)}"
    return f"{'reconstructed' if recipe.is_empty else 'edited'} portrait{changed}"
