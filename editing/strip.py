"""Strips and grids: lists of recipes in which one attribute, or two, take several strengths.

They are drawn together by `edit.edit_all`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from editing.recipe.attributes import find
from editing.recipe.recipe import Recipe
from samm.crop.domains import FACES
from samm.errors import OptionError
from samm.picture import Picture

__all__ = ["grid", "join", "strengths", "strip"]

STRIP = 7
GRID = 5


def strengths(name: str, count: int, domain: str = FACES.name) -> list[float]:
    """Spread `count` strengths evenly over an attribute's range.

    Raises:
        OptionError: the domain has no such attribute.
    """
    attribute = find(name, domain)
    return np.linspace(attribute.low, attribute.high, count).round(2).tolist()


def strip(recipe: Recipe, name: str, count: int = STRIP) -> list[Recipe]:
    """Vary one attribute of a recipe, the rest as it is: `count` recipes from low to high."""
    return [recipe.with_attribute(name, strength) for strength in strengths(name, count, recipe.domain)]


def grid(recipe: Recipe, across: str, down: str, count: int = GRID) -> list[Recipe]:
    """Vary two attributes of a recipe: `count`² recipes, row by row, `across` from left to right.

    Raises:
        OptionError: both are the same attribute.
    """
    if across == down:
        raise OptionError(f"A grid needs two attributes; both are {across}, so name another.")
    return [row_recipe for row in strip(recipe, down, count) for row_recipe in strip(row, across, count)]


def join(pictures: Sequence[Picture], columns: int) -> np.ndarray:
    """Put blended pictures, without their bars, in rows of `columns`: uint8 (rows·h, columns·S, 3)."""
    shown = [picture.domain.trim(picture.blended) for picture in pictures]
    rows = [shown[start : start + columns] for start in range(0, len(shown), columns)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])
