"""Edits for the comparison of methods: a recipe as every method applies it, and what the scorer sees change.

`python -m samm evaluate --edits` measures with them. Success is what `prove` measures for sliders: the wanted
score's change in that score's deviations, here on photos.

Shapes: N pictures, K scores, H edge of the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from editing.edit import edit
from editing.evaluation.claims import PSI, draw, sample_codes
from editing.evaluation.methods import Change
from editing.moves.moves import Moves
from editing.moves.scorer import Scorer, signed
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.line import describe, parse
from editing.recipe.recipe import Recipe
from samm.errors import OptionError
from samm.inversion import Inversion
from samm.models import Model
from samm.pixels import to_pm1

__all__ = ["DRAWN", "MEANING", "Scores", "changes", "read_edits"]

DRAWN = 60  # faces over which a score's deviation is taken, as `prove` does
MEANING = (
    "Target: mean change of the scores of the edit's attributes in the wanted direction, from the result "
    "without the edit, and from the photo; leak: mean absolute change of the other sliders' scores, from the "
    f"result without the edit. In standard deviations of each score over {DRAWN} faces drawn at ψ = {PSI:g}. "
    "Scores are logits, years or shares of our scorer, a MobileNetV2 at 160² trained on CelebA and "
    "All-Age-Faces, which the directions were fitted with: what it cannot see does not count."
)


class Scores:
    """What the scorer sees, in deviations over drawn faces, so that scores of different units compare.

    Args:
        scorer: on the model's device.
        model: draws the faces.
    """

    def __init__(self, scorer: Scorer, model: Model):
        self._scorer, self._model = scorer, model

    @cached_property
    def deviations(self) -> Tensor:
        """The scores' standard deviations (K,); drawing the faces takes a while."""
        return self._see(draw(sample_codes(self._model, DRAWN), self._model)).std(0)

    def __call__(self, pictures_u8: Sequence[np.ndarray]) -> Tensor:
        """Score pictures uint8 (H, H, 3): (N, K)."""
        return self._see(torch.cat([to_pm1(picture) for picture in pictures_u8])) / self.deviations

    @torch.inference_mode()
    def _see(self, pictures_pm1: Tensor) -> Tensor:
        return self._scorer(pictures_pm1.to(self._model.device)).float().cpu()

    def compare(
        self, attributes: Mapping[str, float], photo: np.ndarray, before: np.ndarray, after: np.ndarray
    ) -> dict[str, float]:
        """Give "target", "target_photo" and "leak" of an edit of these attributes; see `MEANING`."""
        scores = self([photo, before, after])
        wanted = [(ATTRIBUTES[name].score, np.sign(strength)) for name, strength in attributes.items()]
        others = {a.score for a in ATTRIBUTES.values()} - {score for score, _ in wanted}

        def change(score: str, start: int) -> float:
            values = signed(scores, score)
            return (values[2] - values[start]).item()

        return {
            "target": fmean(sign * change(score, 1) for score, sign in wanted),
            "target_photo": fmean(sign * change(score, 0) for score, sign in wanted),
            "leak": fmean(abs(change(score, 1)) for score in others),
        }


def read_edits(texts: Sequence[str]) -> list[Recipe]:
    """Read recipes, one or several with semicolons between in each text.

    Raises:
        OptionError: a recipe cannot be read, changes no attribute, or says how masks are used.
    """
    recipes = [parse(part) for text in texts for part in text.split(";") if part.strip()]
    for recipe in recipes:
        if not recipe.attributes:
            raise OptionError(
                f"The edit {describe(recipe)} changes no attribute; name one with a strength, as in age +2."
            )
        if (recipe.masks, recipe.mask_strength) != (Recipe.masks, Recipe.mask_strength):
            raise OptionError(
                f"The edit {describe(recipe)} says how masks are used; leave that to the methods and to "
                "--mask-strength."
            )
    return list(dict.fromkeys(recipes))


def changes(recipes: Sequence[Recipe], tools: Moves, scores: Scores) -> tuple[Change, ...]:
    """Make each recipe a change that methods apply; see `editing.evaluation.methods.Change`."""
    return tuple(_change(recipe, tools, scores) for recipe in recipes)


def _change(recipe: Recipe, tools: Moves, scores: Scores) -> Change:
    def apply(inversion: Inversion, model: Model, rule: str) -> tuple[np.ndarray, np.ndarray]:
        strength = inversion.strength
        edited = edit(inversion, replace(recipe, masks=rule, mask_strength=strength), model, tools)
        return edited.aligned, edited.blended

    def score(photo: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, float]:
        return scores.compare(recipe.attributes, photo, before, after)

    return Change(describe(recipe), apply, score, MEANING)
