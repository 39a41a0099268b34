"""What one browser tab has reached: a `Visit` has a photo or none, an `Inverted` the inversion of one.

Both are plain values, replaced as a whole and never changed. Photos lie on the disk; for what else is large
see `editing.page.packing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editing.page.packing import PackedEdit, PackedInversion, pack
from editing.page.sentences import COMPARE, EXPIRED
from editing.recipe.recipe import Recipe, TextEdit
from samm.crop.crop import Crop, Photo
from samm.errors import PhotoError
from samm.inversion import Inversion
from samm.method.regions import widen
from samm.networks.ops import area_resize
from samm.pixels import mask_to_01, mask_to_u8

__all__ = ["GESTURE_S", "HISTORY", "Inverted", "Opened", "Paint", "Regions", "Step", "Visit"]

DRAWN = 4  # drawings that are kept
HISTORY = 20  # steps that can be gone back to
_REGION_PX = 512  # edge of the masks of what is protected
FEATHER = 0.024  # reach of a stroke's soft edge, as a share of the canvas
GESTURE_S = 2.0  # changes of one control that follow each other faster are one step


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo that was opened.

    Attributes:
        id: of this photo in this position, in which it was turned upright or not.
        folder: all files that belong to it are in it.
        photo: its file there, without pixels in memory.
        crops: of the faces that were found, largest first.
    """

    id: str
    folder: Path
    photo: Photo
    crops: tuple[Crop, ...] = ()

    @staticmethod
    def of(id: str, folder: Path, photo: Photo, crops: tuple[Crop, ...]) -> Opened:
        """Keep a photo with a path, and its crops, without their pixels."""
        light = Photo(photo.path, name=photo.name, turned_deg=photo.turned_deg)
        return Opened(id, folder, light, tuple(replace(crop, photo=light, cut={}) for crop in crops))


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
        """Give both at the size of a picture, (1, 1, size, size) in 0…1; 1 where painted, soft around it."""
        reach = max(1, round(FEATHER * self.edge))
        areas = torch.from_numpy(self.areas)[:, None].float()
        wide = widen(areas, reach)
        soft = F.avg_pool2d(F.pad(wide, (reach,) * 4, mode="replicate"), 2 * reach + 1, 1).maximum(areas)
        keep, draw = F.interpolate(soft, size=size, mode="bilinear").split(1)
        return keep, draw


@dataclass(frozen=True, eq=False)
class Regions:
    """What can be protected with one click: by name a mask of 8 bits, uint8 (E, E)."""

    masks: Mapping[str, np.ndarray]

    @staticmethod
    def of(masks: Mapping[str, Tensor]) -> Regions:
        """Make masks small, (1, 1, S, S) in 0…1 each."""
        return Regions({name: mask_to_u8(area_resize(mask, _REGION_PX)) for name, mask in masks.items()})

    def at(self, size: int, names: Iterable[str]) -> Tensor | None:
        """Unite some at the size of a picture, (1, 1, size, size) in 0…1; None for none of them."""
        chosen = [self.masks[name] for name in names if name in self.masks]
        if not chosen:
            return None
        mask = mask_to_01(np.maximum.reduce(chosen))
        return F.interpolate(mask, size=(size, size), mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Step:
    """One step of the history.

    Attributes:
        plain: how the picture was made, but for words.
        words: the rows of words; unlike a recipe's they may have the strength 0.
        thumbnail: file of a small picture.
        control: that made it; "" is never part of a gesture.
        at_s: when, on a clock that only goes forward.
    """

    plain: Recipe
    words: tuple[TextEdit, ...]
    thumbnail: str
    control: str = ""
    at_s: float = 0.0

    @property
    def recipe(self) -> Recipe:
        """How the picture was made."""
        return replace(self.plain, texts=self.words)


@dataclass(frozen=True, eq=False, kw_only=True)
class Visit:
    """A browser tab.

    Attributes:
        tab: Gradio's name for it; "" for a call from elsewhere.
        view: which picture is looked at.
        overlay: whether what the generator draws is tinted instead.
        stronger: whether sliders go beyond what usually looks good.
        example: that is on the stage without having been opened yet; "" where there is none.
        opened: the photo; None before there is one.
        crop: the crop to invert, without pixels; None until there is a choice.
        asked: the crop that waits for the answer whether to use it; None where nothing was asked.
        again: the recipe that the next inversion begins with.
        people: the faces of the photo that were worked on, as they were left, by their number.
    """

    tab: str = ""
    view: str = COMPARE
    overlay: bool = False
    stronger: bool = False
    example: str = ""
    opened: Opened | None = None
    crop: Crop | None = None
    asked: Crop | None = None
    again: Recipe = field(default_factory=Recipe)
    people: Mapping[int, Inverted] = field(default_factory=dict)

    @property
    def photo_id(self) -> str:
        """Which photo this is; "" without one."""
        return self.opened.id if self.opened else ""

    def begun(
        self, opened: Opened | None = None, crop: Crop | None = None, asked: Crop | None = None
    ) -> Visit:
        """Derive the visit that a photo, or another crop of it, begins anew."""
        return Visit(**self.chosen, opened=opened, crop=crop, asked=asked)

    @property
    def chosen(self) -> dict[str, Any]:
        """What stays as it is chosen, whichever photo is worked on."""
        return {name: getattr(self, name) for name in ("tab", "view", "overlay", "stronger")}


@dataclass(frozen=True, eq=False, kw_only=True)
class Inverted(Visit):
    """A browser tab whose crop is inverted.

    Attributes:
        opened: the photo.
        crop: that was inverted.
        inversion: of the crop.
        before: file of the crop.
        after: file of the present result.
        edit: the present drawing; None while the inversion is unchanged.
        drawn: the latest drawings, newest last, which steps back and forth need not draw again.
        paint: what was painted over the mask; None where nothing was.
        brushing: whether the brush is on the stage.
        regions: what can be protected with one click; None until it was looked for.
        protected: names of those that are.
        effect: attribute of the effect whose strength is shown; "" for none.
        steps: the history, oldest first; `at` is the present one.
    """

    opened: Opened = field()
    crop: Crop = field()
    inversion: PackedInversion
    before: str = ""
    after: str = ""
    edit: PackedEdit | None = None
    drawn: tuple[PackedEdit, ...] = ()
    paint: Paint | None = None
    brushing: bool = False
    regions: Regions | None = None
    protected: tuple[str, ...] = ()
    effect: str = ""
    steps: tuple[Step, ...] = ()
    at: int = -1

    @staticmethod
    def of(visit: Visit, inversion: Inversion) -> Inverted:
        """Begin with an inversion, or a better one, of a visit's crop.

        Raises:
            PhotoError: the visit has no photo any more.
        """
        if visit.opened is None or visit.crop is None:
            raise PhotoError(EXPIRED)
        known = {each.name: getattr(visit, each.name) for each in fields(Visit) if each.name != "example"}
        return Inverted(**known, inversion=pack(inversion, visit.opened.folder))

    @property
    def folder(self) -> Path:
        """Where the visit's files lie."""
        return self.opened.folder

    @property
    def recipe(self) -> Recipe:
        """How the present picture is made."""
        return self.steps[self.at].recipe if self.steps else Recipe()

    @property
    def words(self) -> tuple[TextEdit, ...]:
        """The rows of words."""
        return self.steps[self.at].words if self.steps else ()

    def with_edit(self, edit: PackedEdit) -> Inverted:
        """Derive the visit that shows a drawing."""
        others = tuple(other for other in self.drawn if other is not edit)
        return replace(self, edit=edit, drawn=(*others, edit)[-DRAWN:])

    def stepped(self, step: Step, took_s: float = 0.0) -> Inverted:
        """Derive the visit with one more step; it replaces the last one of the same gesture.

        Args:
            step: the new one.
            took_s: how long it was worked on, which is no pause of the visitor.
        """
        steps = self.steps[: self.at + 1]
        if steps and self.at == len(self.steps) - 1 and step.control and steps[-1].control == step.control:
            paused_s = step.at_s - took_s - steps[-1].at_s
            steps = steps[:-1] if paused_s < GESTURE_S else steps
        steps = (*steps, step)[-HISTORY:]
        return replace(self, steps=steps, at=len(steps) - 1)

    def with_words(self, words: tuple[TextEdit, ...]) -> Inverted:
        """Derive the visit whose present step has other rows of words."""
        steps = list(self.steps)
        steps[self.at] = replace(steps[self.at], words=words)
        return replace(self, steps=tuple(steps))

    @property
    def face(self) -> int:
        """The number of the face that is worked on, 0 for the largest; of a crop by hand as well."""
        quads = [crop.quad for crop in self.opened.crops]
        return next((number for number, quad in enumerate(quads) if np.array_equal(quad, self.crop.quad)), 0)

    def at_step(self, index: int) -> Inverted:
        """Derive the visit that shows a step of the history; beyond its ends it stays as it is."""
        return replace(self, at=index) if 0 <= index < len(self.steps) else self
