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

from editing.edit import Edit
from editing.places import region_of
from editing.recipe.recipe import Recipe
from editing.turning import TURNS
from samm.inversion import Inversion
from samm.networks.identity import FaceRes
from samm.networks.ops import area_resize
from samm.pixels import to_pm1

__all__ = ["LEAST_LIKENESS", "MOST_OUTSIDE", "Check", "check"]

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
    pictures = [area_resize(to_pm1(u8), VIEW_SIZE) for u8 in (inversion.photo_u8, edited.blended)]
    photo, result = descriptor(torch.cat(pictures).to(next(descriptor.parameters()).device))
    difference = 127.5 * (pictures[0] - pictures[1]).abs().mean(1)[0].numpy()
    rest = _outside(edited.recipe)
    return Check(float(photo @ result), None if rest is None else float(difference[rest].mean()))


def _outside(recipe: Recipe) -> np.ndarray | None:
    """Mark what a recipe should leave alone: bool (S, S); None where it may change anything."""
    if recipe.texts or recipe.components or any(name in TURNS for name in recipe.attributes):
        return None
    return ~region_of(recipe.attributes, VIEW_SIZE) if recipe.attributes else None
