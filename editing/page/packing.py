"""Inversions and edits in little memory: what a server keeps of each visitor, and a few held ready to use.

Pictures and masks are kept without loss but compressed, and tuned weights in a file of the visit, so that a
visitor costs a server less than 10 MB.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from editing.edit import Edit
from editing.page.sentences import EXPIRED
from editing.recipe.recipe import Recipe
from editing.share import webp
from samm.crop.crop import Crop, Photo
from samm.errors import PhotoError
from samm.inversion import Inversion
from samm.picture import Picture
from samm.pixels import mask_to_01, mask_to_u8, to_pm1

__all__ = [
    "PackedEdit",
    "PackedInversion",
    "forget",
    "hold",
    "pack",
    "pack_edit",
    "ready",
    "unpack",
    "unpack_crop",
    "unpack_edit",
]


@dataclass(frozen=True, eq=False)
class PackedInversion:
    """An `Inversion` in a quarter of its size.

    Attributes:
        crop: without pixels.
        photo: the crop's pixels, compressed.
        aligned: the picture before blending, compressed.
        anchor: the drawing that edits start from, compressed; None without.
        tuned: the file in the visit's folder that holds the weights; None without.
        rest: its other fields by name, but for what follows from them.
    """

    crop: Crop
    photo: bytes
    aligned: bytes
    anchor: bytes | None
    tuned: Path | None
    rest: Mapping[str, Any]

    @property
    def masks(self) -> Mapping[int, Tensor]:
        """Those of the levels, see `Inversion`."""
        return self.rest["masks"]


@dataclass(frozen=True, eq=False)
class PackedEdit:
    """An `Edit` in a tenth of its size.

    Attributes:
        aligned: the picture before blending, compressed.
        gathered: its mask before strength and paint, to 8 bits, half a level of the result.
        rest: its other fields by name, but for crop and paint.
    """

    aligned: bytes
    gathered: bytes
    rest: Mapping[str, Any]

    @property
    def recipe(self) -> Recipe:
        """What was drawn."""
        return self.rest["recipe"]


def pack(inversion: Inversion, folder: Path) -> PackedInversion:
    """Compress an inversion; what tuning added to the generator goes into a file in the visit's folder."""
    with ThreadPoolExecutor() as threads:
        anchor = inversion.anchor if inversion.anchor is None else threads.submit(webp, inversion.anchor)
        photo, aligned = threads.map(webp, (inversion.photo_u8, inversion.aligned))
    return PackedInversion(
        crop=inversion.crop.light(),
        photo=photo,
        aligned=aligned,
        anchor=anchor and anchor.result(),
        tuned=_put_weights(inversion.tuned, folder) if inversion.tuned else None,
        rest=_rest(inversion, "crop", "aligned_pm1", "anchor", "generated", "tuned"),
    )


@lru_cache(maxsize=4)
def unpack(packed: PackedInversion) -> Inversion:
    """Give an inversion back, without its `generated` picture.

    Raises:
        PhotoError: its tuned weights have been deleted with the visit.
    """
    return Inversion(
        crop=unpack_crop(packed),
        aligned_pm1=to_pm1(_expand(packed.aligned)),
        anchor=_expand(packed.anchor) if packed.anchor else None,
        tuned=_read_weights(packed.tuned) if packed.tuned else {},
        **packed.rest,
    )


@lru_cache(maxsize=4)
def unpack_crop(packed: PackedInversion) -> Crop:
    """Give the crop of an inversion with its pixels; an edit needs no more of it."""
    return packed.crop.light().with_pixels(_expand(packed.photo))


def pack_edit(edit: Edit) -> PackedEdit:
    """Compress an edit."""
    mask = mask_to_u8(edit.gathered)
    rest = _rest(edit, "crop", "aligned_pm1", "gathered", "keep", "draw")
    return PackedEdit(webp(edit.aligned), webp(mask), rest)


@lru_cache(maxsize=4)
def unpack_edit(packed: PackedEdit, crop: Crop) -> Edit:
    """Give an edit of a crop back, without paint."""
    gathered = mask_to_01(_expand(packed.gathered)[..., 0])
    return Edit(crop=crop, aligned_pm1=to_pm1(_expand(packed.aligned)), gathered=gathered, **packed.rest)


def hold(crop: Crop) -> Crop:
    """Give a crop as `Crop.light`, whose pixels `ready` finds while it is one of those worked with last."""
    light = crop.light()
    _cut(light).update(crop.cut)
    return light


def ready(crop: Crop) -> Crop:
    """Give a crop whose photo keeps its pixels while it is the one that is worked with."""
    return replace(crop, photo=_held(crop.photo), cut=_cut(crop))


@lru_cache(maxsize=4)
def _cut(crop: Crop) -> dict[int, np.ndarray]:
    return {}


@lru_cache(maxsize=1)
def _held(photo: Photo) -> Photo:
    return Photo(photo.path, name=photo.name, turned_deg=photo.turned_deg)


def forget() -> None:
    """Drop what is held ready to use; called when a visitor leaves."""
    for held in (unpack, unpack_crop, unpack_edit, _held, _cut):
        held.cache_clear()


def _rest(picture: Picture, *packed: str) -> dict[str, Any]:
    """Give the fields that a picture is made with, but for those that are packed."""
    names = [each.name for each in fields(picture) if each.init and each.name not in packed]
    return {name: getattr(picture, name) for name in names}


def _put_weights(weights: Mapping[str, Tensor], folder: Path) -> Path:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="tuned_", suffix=".safetensors")
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(to_safetensors(dict(weights)))
    return Path(name)


def _read_weights(file: Path) -> dict[str, Tensor]:
    try:
        return from_safetensors(file.read_bytes())
    except FileNotFoundError as error:
        raise PhotoError(EXPIRED) from error


def _expand(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
