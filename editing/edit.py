"""Edit an inverted photo: a recipe moves its code, the generator draws it, the photo is blended in again.

The order in an edit: w_plus → attributes → components → words → styles → drawing with the inversion's stored
flows and masks → the mask of this edit → blending. All changes of a code are plain offsets (but for absolute
components), so opposite strengths mirror in w_plus, and an empty recipe is the inversion itself, to the last
bit.

Shapes: N recipes, L style rows, S edge of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from editing import directions, ganspace
from editing.masks import adaptive_mask
from editing.recipe import Recipe
from editing.styleclip import moved_styles
from editing.tools import Tools
from samm.alignment import Alignment, aligner, replay
from samm.blending import blend, final_mask
from samm.gathering import gather
from samm.generators import Adapt
from samm.inversion import Inversion, drawing_model, redose
from samm.models import Model
from samm.ops import area_resize
from samm.photo import to_pm1, to_u8

__all__ = ["Edit", "edit", "edit_all", "move_code", "reblend"]

_AT_ONCE = 7  # drawings in one call of the generator: a strip, and 3 GB at 1024 pixels


@dataclass(frozen=True)
class Edit:
    """An edited picture; plain CPU data that can be pickled.

    Attributes:
        recipe: what was changed.
        w_plus: (1, L, 512), the code moved by attributes and components, before words.
        aligned: the generator's picture, uint8 (S, S, 3), before blending.
        gathered: the mask of this edit before strength and paint, (1, 1, S, S) in 0…1; 1 keeps the photo.
        keep_photo: the mask it was blended with.
        blended: the result, uint8 (S, S, 3).
    """

    recipe: Recipe
    w_plus: Tensor
    aligned: np.ndarray
    gathered: Tensor
    keep_photo: Tensor
    blended: np.ndarray


def edit(
    inversion: Inversion,
    recipe: Recipe,
    model: Model,
    tools: Tools,
    keep: Tensor | None = None,
    draw: Tensor | None = None,
) -> Edit:
    """Apply a recipe to an inversion.

    Args:
        inversion: from `samm.invert` with the same model.
        recipe: the changes.
        model: from `samm.load`.
        tools: directions, components and text model for the model's generator.
        keep: painted area that stays as in the photo, (1, 1, S, S) in 0…1.
        draw: painted area that the generator draws; wins over `keep`.

    Raises:
        OptionError: the recipe names what does not exist for this model, or words nobody knows.
        WeightsError: a file that the recipe needs is missing.
    """
    if recipe.only_blends:
        plain = redose(inversion, recipe.mask_strength)  # nothing is drawn
        edited = Edit(recipe, plain.w_plus, plain.aligned, plain.gathered, plain.keep_photo, plain.blended)
    else:
        (edited,) = edit_all(inversion, [recipe], model, tools)
    if keep is None and draw is None:
        return edited
    return reblend(edited, inversion, recipe.mask_strength, keep, draw)


def reblend(
    edited: Edit,
    inversion: Inversion,
    strength: float,
    keep: Tensor | None = None,
    draw: Tensor | None = None,
) -> Edit:
    """Blend an edit anew at a mask strength, 0…2, and with painted areas, see `edit`; nothing is drawn."""
    keep_photo = final_mask(edited.gathered, strength, keep, draw)
    photo_pm1 = area_resize(inversion.photo_pm1, keep_photo.shape[-1])
    return replace(
        edited,
        recipe=replace(edited.recipe, mask_strength=strength),
        keep_photo=keep_photo,
        blended=to_u8(blend(photo_pm1, to_pm1(edited.aligned), keep_photo)),
    )


@torch.inference_mode()
def edit_all(
    inversion: Inversion, recipes: Sequence[Recipe], model: Model, tools: Tools, size: int | None = None
) -> list[Edit]:
    """Apply several recipes to one inversion, drawn together; for strips and grids.

    Args:
        inversion: see `edit`.
        recipes: see `edit`.
        model: see `edit`.
        tools: see `edit`.
        size: edge of the pictures; a small one is quicker. The model's resolution if None.
    """
    edits, model = [], drawing_model(model, inversion)
    for start in range(0, len(recipes), _AT_ONCE):
        edits += _draw(inversion, recipes[start : start + _AT_ONCE], model, tools, size or model.resolution)
    return edits


def move_code(inversion: Inversion, recipe: Recipe, tools: Tools) -> Tensor:
    """Move an inversion's code by a recipe's attributes and components: w_plus (1, L, 512)."""
    w_plus = inversion.w_plus
    for name, strength in recipe.attributes.items():
        w_plus = directions.move(w_plus, tools.direction(name), strength)
    for part in recipe.components:
        w_plus = ganspace.move(w_plus, tools.components, part.index, part.strength, part.rows, part.absolute)
    return w_plus


def _draw(
    inversion: Inversion, recipes: Sequence[Recipe], model: Model, tools: Tools, size: int
) -> list[Edit]:
    codes = [move_code(inversion, recipe, tools) for recipe in recipes]
    styles = [
        _styles(inversion, code, recipe, model, tools) for code, recipe in zip(codes, recipes, strict=True)
    ]
    # What the masks are taken from decides how they are drawn, so the recipes go in two groups.
    edits: list[Edit | None] = [None] * len(recipes)
    for recompute in (False, True):
        group = [i for i, recipe in enumerate(recipes) if (recipe.masks == "recompute") == recompute]
        if not group:
            continue
        batch = [torch.cat(parts) for parts in zip(*(styles[i] for i in group), strict=True)]
        with model.autocast():
            pictures, masks = _render(inversion, batch, model, recompute, size)
        for row, i in enumerate(group):
            picture = pictures[row : row + 1].float().clamp_(-1, 1).cpu()  # in place: drawn for us alone
            gathered = _gather({r: m[row : row + 1].cpu() for r, m in masks.items()}, inversion, size)
            edits[i] = _finish(inversion, recipes[i], codes[i], picture, gathered)
    return edits


def _styles(
    inversion: Inversion, code: Tensor, recipe: Recipe, model: Model, tools: Tools
) -> tuple[Tensor, ...]:
    """Give the styles of a code after a recipe's words, (1, C) each."""
    moves = [(tools.text_move(text, inversion), text.strength) for text in recipe.texts]
    return moved_styles(model.generator, code.to(model.device), moves)


def _render(
    inversion: Inversion, styles: Sequence[Tensor], model: Model, recompute: bool, size: int
) -> tuple[Tensor, Mapping[int, Tensor]]:
    """Draw styles with the inversion's flows and masks, or with newly predicted ones; give the new masks."""
    if not recompute or model.samm is None:
        stored = Alignment(dict(inversion.flows), dict(inversion.masks))
        return _draw_matched(inversion, styles, model, replay(stored), size), {}
    view = area_resize(to_pm1(inversion.crop).to(model.device), model.encoder.input_size)
    features = model.encoder.features(view, model.generator, inversion.w_plus.to(model.device))
    count = len(styles[0])
    shared = {r: feature.expand(count, -1, -1, -1) for r, feature in features.items()}
    adapt, alignment = aligner(model.samm, shared, inversion.options.iterations)
    return _draw_matched(inversion, styles, model, adapt, size), alignment.masks


def _draw_matched(
    inversion: Inversion, styles: Sequence[Tensor], model: Model, adapt: Adapt, size: int
) -> Tensor:
    """Draw, and match the picture to the photo by what its own features say."""
    if inversion.readout is None:
        return model.generator.draw(styles, adapt, size)
    adapt, correction = inversion.readout.follow(adapt)
    return model.generator.draw(styles, adapt, size).float() + correction(size)


def _gather(masks: Mapping[int, Tensor], inversion: Inversion, size: int) -> Tensor:
    """Gather newly predicted masks, or else take the inversion's own."""
    return gather(masks.values(), size) if masks else area_resize(inversion.gathered, size)


def _finish(inversion: Inversion, recipe: Recipe, code: Tensor, picture: Tensor, gathered: Tensor) -> Edit:
    """Fit the mask to the edit and blend."""
    if recipe.masks == "adaptive" and inversion.masks and not recipe.only_blends:
        gathered = adaptive_mask(gathered, *inversion.views_pm1, picture)
    keep_photo = final_mask(gathered, recipe.mask_strength)
    photo_pm1 = area_resize(inversion.photo_pm1, picture.shape[-1])
    blended = to_u8(blend(photo_pm1, picture, keep_photo))
    return Edit(recipe, code, to_u8(picture), gathered, keep_photo, blended)
