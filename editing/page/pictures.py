"""What the page shows of a session: views, masks, thumbnails, the strip of faces. Plain arrays in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from editing.edit import Edit, reblend
from editing.page.session import Session, unpack, unpack_edit
from editing.recipe.line import describe
from editing.recipe.recipe import Recipe
from samm.crop.faces import Face
from samm.crop.paste import paste_back
from samm.crop.photo import read_photo
from samm.crop.quad import crop_face
from samm.inversion import Inversion, redose
from samm.networks.ops import area_resize
from samm.pixels import mask_to_u8

__all__ = [
    "BLENDED",
    "COMPARE",
    "EDITED",
    "GENERATED",
    "KEPT",
    "VIEWS",
    "WHOLE",
    "Shown",
    "face_strip",
    "kept_share",
    "mask_items",
    "overlay",
    "present",
    "thumbnail",
    "view_of",
    "whole_photo",
]

COMPARE, EDITED, BLENDED, GENERATED, KEPT, WHOLE = VIEWS = (
    "Before / after",
    "Edited",
    "Inversion only",
    "Generator only",
    "Kept from photo",
    "Whole photo",
)
MASK_PX = 512  # the gathered mask is shown at this size; the download has it in full
FACE_PX = 160
THUMBNAIL_PX = 128
DRAWN_RGB = np.array((255, 96, 0), np.float32)  # tint of what the generator draws
DRAWN_ALPHA = 0.55


@dataclass(frozen=True)
class Shown:
    """A picture, uint8 (H, W, 3), with the words that stand for it."""

    picture: np.ndarray
    alt: str


def present(session: Session, recipe: Recipe | None = None) -> Edit:
    """Blend the session's last drawing with its paint, at the mask strength of `recipe` or its own."""
    recipe = recipe or session.recipe
    inversion = unpack(session.inversion)
    if session.edit is None:
        plain = redose(inversion, recipe.mask_strength)
        edited = Edit(recipe, plain.w_plus, plain.aligned, plain.gathered, plain.keep_photo, plain.blended)
        if session.paint is None:
            return edited
    else:
        edited = unpack_edit(session.edit)
    keep, draw = session.paint.at(len(inversion.crop)) if session.paint else (None, None)
    return reblend(edited, inversion, recipe.mask_strength, keep, draw)


def view_of(session: Session, edited: Edit, name: str) -> Shown:
    """Give the one picture of a view; `COMPARE` shows the same as `EDITED`, beside the crop."""
    inversion = unpack(session.inversion)
    if name == BLENDED:
        plain = present(replace(session, edit=None))
        return Shown(plain.blended, "Inverted portrait, not edited: photo and generator blended")
    if name == GENERATED:
        return Shown(edited.aligned, "The generator's picture before blending")
    if name == KEPT:
        kept = inversion.crop * edited.keep_photo[0, 0].numpy()[..., None]
        return Shown(kept.round().astype(np.uint8), "What is kept from the photo, on black")
    if name == WHOLE:
        return Shown(whole_photo(session, edited), f"Whole photo with the {_named(session.recipe)}")
    return Shown(edited.blended, _named(session.recipe).capitalize())


def whole_photo(session: Session, edited: Edit) -> np.ndarray:
    """Paste the portrait back into the upload, at the upload's size and with its opacity."""
    photo = read_photo(session.photo)
    keep_photo = edited.keep_photo[0, 0].numpy()
    return photo.with_alpha(paste_back(photo.image_u8, session.quad, edited.aligned, keep_photo))


def overlay(session: Session, edited: Edit) -> Shown:
    """Tint what the generator draws, over the photo's crop."""
    crop = unpack(session.inversion).crop
    alpha = DRAWN_ALPHA * (1 - edited.keep_photo[0, 0].numpy()[..., None])
    tinted = crop * (1 - alpha) + DRAWN_RGB * alpha
    return Shown(tinted.round().astype(np.uint8), "Your photo; what the generator draws is tinted orange")


def kept_share(edited: Edit) -> str:
    """Say how much of the picture is the photo's."""
    share = edited.keep_photo.mean()
    return f"{100 * share:.0f} % of the picture is kept from your photo; the generator draws the rest."


def mask_items(inversion: Inversion, edited: Edit) -> list[tuple[np.ndarray, str]]:
    """Give the level masks, coarsest first, and the mask of the present picture, with captions."""
    size = edited.keep_photo.shape[-1]
    items = [(mask, r, mask) for r, mask in inversion.masks.items()]
    items.append((area_resize(edited.keep_photo, min(size, MASK_PX)), size, edited.keep_photo))
    return [(mask_to_u8(shown), f"{r}×{r} · {100 * mask.mean():.0f} % kept") for shown, r, mask in items]


def thumbnail(picture_u8: np.ndarray) -> np.ndarray:
    """Make a picture small enough for the history: uint8 (128, 128, 3)."""
    small = Image.fromarray(picture_u8).resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return np.asarray(small)


def face_strip(photo_u8: np.ndarray, found: Sequence[Face]) -> list[tuple[np.ndarray, str]]:
    """Give a small crop of each face with a caption that says where it is."""
    thirds = ("left", "middle", "right")
    width = photo_u8.shape[1]

    def place(face: Face) -> str:
        return thirds[int(np.clip(3 * face.center_xy[0] / width, 0, 2))]

    return [
        (crop_face(photo_u8, face.quad, FACE_PX), f"Face {number} — {place(face)}")
        for number, face in enumerate(found, 1)
    ]


def _named(recipe: Recipe) -> str:
    changed = "" if recipe.is_empty else f": {describe(recipe)}"
    return f"{'inverted' if recipe.is_empty else 'edited'} portrait{changed}"
