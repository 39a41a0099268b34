"""What one browser tab has reached: a `Visit` has a photo or none, an `Inverted` the inversion of one.

Both are plain values, replaced as a whole and never changed. Photos lie on the disk; for what else is large
see `editing.page.packing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

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

__all__ = ["GESTURE_S", "HISTORY", "Inverted", "Opened", "Paint", "Step", "Visit", "inverted"]

HISTORY = 20  # steps that can be gone back to
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
        """Give both at the size of a picture, (1, 1, size, size) in 0…1."""
        areas = torch.from_numpy(self.areas)[:, None].float()
        keep, draw = F.interpolate(areas, size=size, mode="bilinear").split(1)
        return keep, draw


@dataclass(frozen=True)
class Step:
    """One step of the history.

    Attributes:
        plain: how the picture was made, but for words.
        words: the rows of the words tab; unlike a recipe's they may have the strength 0.
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
        opened: the photo; None before there is one.
        crop: the crop to invert, without pixels; None until there is a choice.
        asked: the crop that waits for the answer whether to use it; None where nothing was asked.
    """

    tab: str = ""
    view: str = COMPARE
    overlay: bool = False
    opened: Opened | None = None
    crop: Crop | None = None
    asked: Crop | None = None

    @property
    def photo_id(self) -> str:
        """Which photo this is; "" without one."""
        return self.opened.id if self.opened else ""

    def begun(
        self, opened: Opened | None = None, crop: Crop | None = None, asked: Crop | None = None
    ) -> Visit:
        """Derive the visit that a photo, or another crop of it, begins anew."""
        return Visit(
            tab=self.tab, view=self.view, overlay=self.overlay, opened=opened, crop=crop, asked=asked
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Inverted(Visit):
    """A browser tab whose crop is inverted.

    Attributes:
        opened: the photo.
        crop: that was inverted.
        inversion: of the crop.
        before: file of the crop.
        after: file of the present result.
        edit: the last drawing; None while the inversion is unchanged.
        paint: what was painted over the mask; None where nothing was.
        steps: the history, oldest first; `at` is the present one.
        strip: recipes of the strip or grid that is shown.
    """

    opened: Opened = field()
    crop: Crop = field()
    inversion: PackedInversion
    before: str = ""
    after: str = ""
    edit: PackedEdit | None = None
    paint: Paint | None = None
    steps: tuple[Step, ...] = ()
    at: int = -1
    strip: tuple[Recipe, ...] = ()

    @staticmethod
    def of(visit: Visit, inversion: Inversion) -> Inverted:
        """Begin with an inversion, or a better one, of a visit's crop.

        Raises:
            PhotoError: the visit has no photo any more.
        """
        if visit.opened is None or visit.crop is None:
            raise PhotoError(EXPIRED)
        known = {each.name: getattr(visit, each.name) for each in fields(Visit)}
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
        """The rows of the words tab."""
        return self.steps[self.at].words if self.steps else ()

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

    def at_step(self, index: int) -> Inverted:
        """Derive the visit that shows a step of the history; beyond its ends it stays as it is."""
        return replace(self, at=index) if 0 <= index < len(self.steps) else self


def inverted(visit: Visit) -> Inverted:
    """Take a visit as one with an inversion.

    Raises:
        PhotoError: it has none, or none any more.
    """
    if not isinstance(visit, Inverted):
        raise PhotoError(EXPIRED)
    return visit
