"""What one browser tab has reached, as plain values: photo, crop, inversion, edit, history.

A `Session` is replaced as a whole and never changed. Pictures and masks are kept without loss but compressed,
and tuned weights in a file of the visit, so that a visitor costs a server less than 6 MB; `unpack` and
`unpack_edit` hold the last few ready to use.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from editing.edit import Edit
from editing.page.sentences import EXPIRED
from editing.recipe.recipe import Recipe, TextEdit
from samm.crop.crop import Crop
from samm.crop.faces import Face
from samm.errors import PhotoError
from samm.inversion import Inversion, Options
from samm.pixels import mask_to_u8, to_pm1

__all__ = [
    "HISTORY",
    "PackedEdit",
    "PackedInversion",
    "Paint",
    "Session",
    "Step",
    "forget",
    "pack",
    "pack_edit",
    "unpack",
    "unpack_edit",
]

HISTORY = 20  # steps that can be gone back to
GESTURE_S = 2.0  # changes of one control that follow each other faster are one step


@dataclass(frozen=True, eq=False)
class PackedInversion:
    """An `Inversion` in a quarter of its size; see there for the fields. The others follow from them.

    `crop` holds no pixels, `photo` its own; `tuned` is the file in the visit's folder that holds the weights,
    None without.
    """

    crop: Crop
    photo: bytes
    aligned: bytes
    w_plus: Tensor
    preset: str
    options: Options
    flows: Mapping[int, Tensor]
    masks: Mapping[int, Tensor]
    seconds: Mapping[str, float]
    refined: int
    tuned: Path | None
    tuned_steps: int


@dataclass(frozen=True, eq=False)
class PackedEdit:
    """An `Edit` in a tenth of its size; mask and result follow again from these fields."""

    recipe: Recipe
    w_plus: Tensor
    aligned: bytes
    gathered: bytes


@dataclass(frozen=True, eq=False)
class Paint:
    """What a visitor painted over the mask: bits of (2, E, E), first what is kept, then what is drawn."""

    bits: np.ndarray
    edge: int

    @staticmethod
    def of(keep: np.ndarray, draw: np.ndarray) -> Paint:
        """Pack two areas, bool (E, E)."""
        return Paint(np.packbits(np.stack([keep, draw])), len(keep))

    @property
    def areas(self) -> np.ndarray:
        """Both areas, bool (2, E, E)."""
        return np.unpackbits(self.bits, count=2 * self.edge**2).reshape(2, self.edge, self.edge).astype(bool)

    def at(self, size: int) -> tuple[Tensor, Tensor]:
        """Give both at the size of a picture, (1, 1, size, size) in 0…1."""
        areas = torch.from_numpy(self.areas)[:, None].float()
        keep, draw = F.interpolate(areas, size=size, mode="bilinear").split(1)
        return keep, draw


@dataclass(frozen=True)
class Step:
    """One step of the history: how the picture was made, and the file of a small one."""

    recipe: Recipe
    thumbnail: str
    control: str = ""  # that made it
    at_s: float = 0.0  # when, on a clock that only goes forward


@dataclass(frozen=True)
class Session:
    """What one browser tab has reached.

    Attributes:
        folder: of this visit; all its files are in it.
        photo: file of the upload; None before there is one.
        faces: found in it.
        quad: (4, 2), the corners of the crop to invert; None until there is a choice.
        inversion: of the crop.
        edit: the last drawing; None while the inversion is unchanged.
        words: the rows of the words tab; unlike a recipe's they may have the strength 0.
        paint: what was painted over the mask.
        steps: the history, oldest first; `at` is the present one.
        strip: recipes of the strip or grid that is shown.
        before, after: files of the crop and of the present result.
    """

    folder: Path | None = None
    photo: Path | None = None
    faces: tuple[Face, ...] = ()
    quad: np.ndarray | None = None
    inversion: PackedInversion | None = None
    edit: PackedEdit | None = None
    words: tuple[TextEdit, ...] = ()
    paint: Paint | None = None
    steps: tuple[Step, ...] = ()
    at: int = -1
    strip: tuple[Recipe, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def recipe(self) -> Recipe:
        """How the present picture is made."""
        return self.steps[self.at].recipe if self.steps else Recipe()

    def inverted(self, inversion: PackedInversion) -> Session:
        """Derive the session that an inversion, or a better one of the same face, begins anew."""
        return Session(self.folder, self.photo, self.faces, self.quad, inversion)

    def stepped(
        self, recipe: Recipe, thumbnail: str, control: str, now_s: float, took_s: float = 0.0
    ) -> Session:
        """Derive the session with one more step; it replaces the last one of the same gesture.

        Args:
            recipe: of the step.
            thumbnail: file of a small picture of its result.
            control: what made it; "" is never part of a gesture.
            now_s: the time.
            took_s: how long it was worked on, which is no pause of the visitor.
        """
        steps = self.steps[: self.at + 1]
        last = steps[-1] if steps else None
        same_gesture = bool(control and last and last.control == control)
        if same_gesture and now_s - took_s - last.at_s < GESTURE_S and self.at == len(self.steps) - 1:
            steps = steps[:-1]
        steps = (*steps, Step(recipe, thumbnail, control, now_s))[-HISTORY:]
        return replace(self, steps=steps, at=len(steps) - 1)

    def at_step(self, index: int) -> Session:
        """Derive the session that shows a step of the history; beyond its ends it stays as it is."""
        if not 0 <= index < len(self.steps):
            return self
        return replace(self, at=index, words=self.steps[index].recipe.texts)


def pack(inversion: Inversion, folder: Path) -> PackedInversion:
    """Compress an inversion; what tuning added to the generator goes into a file in the visit's folder."""
    return PackedInversion(
        crop=inversion.crop.light(),
        photo=_compress(inversion.photo_u8),
        aligned=_compress(inversion.aligned),
        w_plus=inversion.w_plus,
        preset=inversion.preset,
        options=inversion.options,
        flows=inversion.flows,
        masks=inversion.masks,
        seconds=inversion.seconds,
        refined=inversion.refined,
        tuned=_put_weights(inversion.tuned, folder) if inversion.tuned else None,
        tuned_steps=inversion.tuned_steps,
    )


@lru_cache(maxsize=4)
def unpack(packed: PackedInversion) -> Inversion:
    """Give an inversion back, without its `generated` picture.

    Raises:
        PhotoError: its tuned weights have been deleted with the visit.
    """
    return Inversion(
        crop=packed.crop.light().with_pixels(_expand(packed.photo)),
        w_plus=packed.w_plus,
        aligned_pm1=to_pm1(_expand(packed.aligned)),
        preset=packed.preset,
        options=packed.options,
        flows=packed.flows,
        masks=packed.masks,
        seconds=packed.seconds,
        refined=packed.refined,
        tuned=_read_weights(packed.tuned) if packed.tuned else {},
        tuned_steps=packed.tuned_steps,
    )


def pack_edit(edit: Edit) -> PackedEdit:
    """Compress an edit; its mask to 8 bits, half a level of the result."""
    return PackedEdit(edit.recipe, edit.w_plus, _compress(edit.aligned), _compress(mask_to_u8(edit.gathered)))


@lru_cache(maxsize=4)
def unpack_edit(packed: PackedEdit, crop: Crop) -> Edit:
    """Give an edit of a crop back, without paint."""
    gathered = torch.from_numpy(_expand(packed.gathered)[..., 0] / np.float32(255))[None, None]
    return Edit(
        crop=crop,
        w_plus=packed.w_plus,
        aligned_pm1=to_pm1(_expand(packed.aligned)),
        gathered=gathered,
        recipe=packed.recipe,
    )


def forget() -> None:
    """Drop what is held ready to use; called when a visitor leaves."""
    unpack.cache_clear()
    unpack_edit.cache_clear()


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


def _compress(picture_u8: np.ndarray) -> bytes:
    """Compress a picture without loss; WebP packs as fast as PNG at its fastest, and a quarter smaller."""
    stream = io.BytesIO()
    Image.fromarray(picture_u8).save(stream, "WEBP", lossless=True, method=0, quality=0)
    return stream.getvalue()


def _expand(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
