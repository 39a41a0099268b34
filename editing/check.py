"""Look at an edit before it is believed: is this still the person, and did the rest stay?

Two figures decide. Likeness is the cosine of FaceRes between photo and result; strangers reach .60, a second
crop of the same photo .92, and strength 2 of most sliders .85. Outside is the mean difference to the photo
where no attribute of the recipe lives; a smile leaves 0.2 levels there, and age at 4 more than 10, in hair
and backdrop. A turn moves the head's outline over the backdrop, and words and components may change anything,
so that they are judged by likeness alone.

What looks wrong within the face while it stays alike is not seen.

Shapes: S edge of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editing.edit import Edit
from editing.places import region_of
from editing.recipe.recipe import Recipe
from editing.turning import TURNS
from samm.inversion import Inversion
from samm.networks.identity import FaceRes
from samm.networks.ops import area_resize
from samm.pixels import to_pm1

__all__ = ["LEAST_LIKENESS", "MOST_OUTSIDE", "Check", "check", "likeness"]

LEAST_LIKENESS = 0.8
MOST_OUTSIDE = 15.0  # levels of 255
VIEW_SIZE = 256


@dataclass(frozen=True)
class Check:
    """What was seen.

    Attributes:
        likeness: cosine of photo and result, 0…1, 1 for the same picture.
        outside: mean difference in levels of 255 where nothing should change; None where anything may.
    """

    likeness: float
    outside: float | None

    @property
    def problem(self) -> str | None:
        """Say in one sentence what is wrong and what to do; None if nothing is."""
        if self.likeness < LEAST_LIKENESS:
            return f"The face may be taken for somebody else (likeness {self.likeness:.2f}); change it less."
        if self.outside is not None and self.outside > MOST_OUTSIDE:
            return "The edit has changed what lies around it; change it less, or paint what is to stay."
        return None


@torch.inference_mode()
def check(inversion: Inversion, edited: Edit, descriptor: FaceRes) -> Check:
    """Compare an edit of a face with its photo.

    Args:
        inversion: what was edited.
        edited: the result.
        descriptor: from `samm.load_descriptor`.
    """
    photo, result = _view(inversion.photo_u8), _view(edited.blended)
    difference = 127.5 * (photo - result).abs().mean(1)[0].numpy()
    rest = _outside(edited.recipe)
    outside = None if rest is None else float(difference[rest].mean())
    return Check(_cosine(photo, result, descriptor), outside)


@torch.inference_mode()
def likeness(photo_u8: np.ndarray, result_u8: np.ndarray, descriptor: FaceRes) -> float:
    """Give the cosine of a descriptor for two pictures of a face's crop, uint8 (S, S, 3)."""
    return _cosine(_view(photo_u8), _view(result_u8), descriptor)


def _view(picture_u8: np.ndarray) -> Tensor:
    return area_resize(to_pm1(picture_u8), VIEW_SIZE)


def _cosine(photo_pm1: Tensor, result_pm1: Tensor, descriptor: FaceRes) -> float:
    views = torch.cat([photo_pm1, result_pm1]).to(next(descriptor.parameters()).device)
    photo, result = descriptor(views)
    return float(photo @ result)


def _outside(recipe: Recipe) -> np.ndarray | None:
    """Mark what a recipe should leave alone: bool (S, S); None where it may change anything."""
    if recipe.texts or recipe.components or any(name in TURNS for name in recipe.attributes):
        return None
    return ~region_of(recipe.attributes, VIEW_SIZE) if recipe.attributes else None
