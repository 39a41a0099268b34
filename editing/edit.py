"""Edit an inverted photo: a recipe moves its code, the generator draws it, the photo is blended in again.

The order in an edit: w_plus → attributes → components → words → styles → drawing with the inversion's stored
flows and masks → the mask of this edit → blending. All changes of a code are plain offsets (but for absolute
components), so opposite strengths mirror in w_plus, and an empty recipe is the inversion itself, to the last
bit.

Shapes: N recipes, L style rows, S edge of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from editing.carrying import carry, face_motion, smoothing
from editing.focus import changes_hair, focus, parted
from editing.hair import Hairless, hairless_in
from editing.hats import spared
from editing.masks import adaptive_mask
from editing.moves import components as ganspace
from editing.moves import directions
from editing.moves.move import moved_styles
from editing.moves.moves import Moves
from editing.recipe.file import provenance
from editing.recipe.line import parse
from editing.recipe.recipe import Recipe
from editing.turning import head_flow, split, still, turned
from samm.crop.crop import Crop
from samm.crop.domains import FACES
from samm.inversion import Inversion, drawing_model
from samm.method.alignment import Alignment, aligner, replay
from samm.method.blending import blend
from samm.method.gathering import gather
from samm.models import Model, shared
from samm.networks.generators import Adapt
from samm.networks.ops import area_resize
from samm.picture import Picture
from samm.pixels import to_u8

__all__ = ["Edit", "edit", "edit_all", "move_code", "undrawn"]

_AT_ONCE = 7  # drawings in one call of the generator: a strip
_LATEST_KEPT = 2  # drawings of a photo: of a recipe and its base


@dataclass(frozen=True, eq=False, kw_only=True)
class Edit(Picture):
    """A picture that a recipe has changed; plain CPU data that can be pickled.

    Its w_plus is the code moved by attributes and components, before words; its strength is the recipe's, so
    `dataclasses.replace` with another recipe that differs in nothing else blends it anew.

    Attributes:
        recipe: what was changed.
    """

    recipe: Recipe
    strength: float = field(init=False)

    def __post_init__(self):
        """Take the mask's strength from the recipe, where it was checked."""
        object.__setattr__(self, "strength", self.recipe.mask_strength)

    def save(self, path: str | Path, whole: bool = False, text: dict[str, str] | None = None) -> None:
        """Write the picture as `Picture.save` does, with its recipe and provenance if `text` is None."""
        super().save(path, whole, provenance(self.recipe) if text is None else text)


def edit(
    inversion: Inversion,
    recipe: Recipe | str,
    model: Model | None = None,
    tools: Moves | None = None,
    keep: Tensor | None = None,
    draw: Tensor | None = None,
) -> Edit:
    """Apply a recipe to an inversion.

    Args:
        inversion: from `samm.invert` with the same model.
        recipe: the changes, or a line that says them, such as "age +2, grey hair 0.5".
        model: from `samm.load`; the inversion's preset, loaded once, if None.
        tools: directions, components and text model for the model's generator; its own, made once, if None.
        keep: painted area that stays as in the photo, (1, 1, S, S) in 0…1.
        draw: painted area that the generator draws; wins over `keep`.

    Raises:
        OptionError: the recipe cannot be read, or names what does not exist for this model or words nobody
            knows.
        WeightsError: a file that the recipe needs is missing.
    """
    if isinstance(recipe, str):
        recipe = parse(recipe, inversion.domain.name)
    if recipe.only_blends:
        edited = undrawn(inversion, recipe)
    else:
        (edited,) = edit_all(inversion, [recipe], model, tools)
    return edited if keep is None and draw is None else replace(edited, keep=keep, draw=draw)


def undrawn(inversion: Inversion, recipe: Recipe, size: int | None = None) -> Edit:
    """Take an inversion, at another size perhaps, as the edit of a recipe that only blends."""
    size = size or inversion.size
    return Edit(
        crop=_crop_at(inversion, size),
        w_plus=inversion.w_plus,
        aligned_pm1=area_resize(inversion.aligned_pm1, size),
        gathered=area_resize(inversion.gathered, size),
        recipe=recipe,
    )


@torch.inference_mode()
def edit_all(
    inversion: Inversion,
    recipes: Sequence[Recipe],
    model: Model | None = None,
    tools: Moves | None = None,
    size: int | None = None,
) -> list[Edit]:
    """Apply several recipes to one inversion, drawn together; for strips and grids.

    Args:
        inversion: see `edit`.
        recipes: see `edit`.
        model: see `edit`.
        tools: see `edit`.
        size: edge of the pictures; a small one is quicker. The model's resolution if None.
    """
    model = model or shared(inversion.preset)
    tools = tools or _tools_of(model)
    size = size or model.resolution
    parts = [split(recipe, inversion) for recipe in recipes]
    edits = _draw(inversion, [rest for rest, _ in parts], model, tools, size)
    for i, (rest, turn) in enumerate(parts):
        if turn:
            code = move_code(inversion, recipes[i], tools)
            flow = head_flow(inversion, turn, drawing_model(model, inversion), tools)
            edits[i] = replace(_turned(edits[i], rest, flow), w_plus=code, recipe=recipes[i])
    return edits


def _turned(edited: Edit, rest: Recipe, flow: Tensor) -> Edit:
    """Bend the finished picture of the rest of a recipe, which is the photo where there is no rest."""
    size = edited.size
    stays = still(flow, size)
    if rest.is_empty:
        return replace(edited, aligned_pm1=turned(edited.photo_pm1, flow), gathered=stays)
    picture = blend(edited.photo_pm1, edited.aligned_pm1, edited.gathered)
    return replace(edited, aligned_pm1=turned(picture, flow), gathered=stays * edited.gathered)


@lru_cache(maxsize=2)
def _tools_of(model: Model) -> Moves:
    return Moves(model)


def move_code(inversion: Inversion, recipe: Recipe, tools: Moves) -> Tensor:
    """Move an inversion's code by a recipe's attributes and components: w_plus (1, L, 512)."""
    w_plus = inversion.w_plus
    for name, strength in recipe.attributes.items():
        w_plus = directions.move(w_plus, tools.direction(name), strength)
    for part in recipe.components:
        w_plus = ganspace.move(w_plus, tools.components, part.index, part.strength, part.rows, part.absolute)
    return w_plus


def _draw(
    inversion: Inversion, recipes: Sequence[Recipe], model: Model, tools: Moves, size: int
) -> list[Edit]:
    crop = _crop_at(inversion, size)
    edits = {i: undrawn(inversion, recipe, size) for i, recipe in enumerate(recipes) if recipe.only_blends}
    wanted = {i: recipe for i, recipe in enumerate(recipes) if i not in edits}
    faces = inversion.domain == FACES
    colored = faces and any(changes_hair(recipe.attributes) for recipe in wanted.values())
    hairless = hairless_in(inversion) if colored else None
    bases = {i: base for i, recipe in wanted.items() if (base := _base(recipe))}
    each = list(dict.fromkeys([*wanted.values(), *bases.values()]))  # a grid's bases recur, and stand in it
    drawn = _drawings(inversion, each, model, tools, size)
    for i, recipe in wanted.items():
        first = drawn[bases[i]].picture if i in bases else None
        fitted = faces and inversion.masks and recipe.rule.fits
        things = spared(inversion, _may_be_of_hair(recipe)) if fitted else None
        edits[i] = _finish(inversion, crop, recipe, drawn[recipe], first, things, hairless)
    return [edits[i] for i in range(len(recipes))]


def _base(recipe: Recipe) -> Recipe | None:
    """Leave of a recipe what may change all of the picture; None where that is all of it, or nothing."""
    in_places, anywhere = parted(recipe.attributes)
    base = replace(recipe, attributes=anywhere)
    return base if in_places and not base.is_empty else None


@dataclass(frozen=True)
class _Drawing:
    """What the generator draws of one recipe: code (1, L, 512), picture (1, 3, S, S) and gathered mask."""

    code: Tensor
    picture: Tensor
    gathered: Tensor


# What was drawn last of a photo. While a slider moves, the base of all its recipes is the same one.
_LATEST: WeakKeyDictionary[Inversion, dict[tuple[Recipe, Model, Moves, int], _Drawing]] = WeakKeyDictionary()


def _drawings(
    inversion: Inversion, recipes: Sequence[Recipe], model: Model, tools: Moves, size: int
) -> dict[Recipe, _Drawing]:
    """Draw recipes, but for those among the photo's latest."""
    latest = _LATEST.get(inversion, {})
    drawn = {recipe: known for recipe in recipes if (known := latest.get((recipe, model, tools, size)))}
    missing = [recipe for recipe in recipes if recipe not in drawn]
    drawn |= zip(missing, _pictures(inversion, missing, model, tools, size), strict=True)
    _LATEST[inversion] = {(recipe, model, tools, size): drawn[recipe] for recipe in recipes[-_LATEST_KEPT:]}
    return drawn


def _pictures(
    inversion: Inversion, recipes: Sequence[Recipe], model: Model, tools: Moves, size: int
) -> list[_Drawing]:
    """Draw recipes in two groups, since what the masks are taken from decides how they are drawn."""
    model = drawing_model(model, inversion)
    codes = [move_code(inversion, recipe, tools) for recipe in recipes]
    styles = [
        _styles(inversion, code, recipe, model, tools) for code, recipe in zip(codes, recipes, strict=True)
    ]
    drawn: dict[int, _Drawing] = {}
    for predict in (False, True):
        group = [i for i, recipe in enumerate(recipes) if recipe.rule.predicts == predict]
        # A CPU draws several no quicker than one after another, and each takes 400 MB; but those that
        # predict masks share the encoder's look at the photo.
        at_once = 1 if model.device.type == "cpu" and not predict else _AT_ONCE
        for start in range(0, len(group), at_once):
            some = group[start : start + at_once]
            batch = [torch.cat(parts) for parts in zip(*(styles[i] for i in some), strict=True)]
            with model.autocast():
                pictures, masks = _render(inversion, batch, model, predict, size)
            for row, i in enumerate(some):
                picture = pictures[row : row + 1].float().clamp(-1, 1).cpu()
                picture = inversion.tone.apply(picture) if inversion.tone else picture
                gathered = _gather({r: m[row : row + 1].cpu() for r, m in masks.items()}, inversion, size)
                drawn[i] = _Drawing(codes[i], picture, gathered)
    return [drawn[i] for i in range(len(recipes))]


def _styles(
    inversion: Inversion, code: Tensor, recipe: Recipe, model: Model, tools: Moves
) -> tuple[Tensor, ...]:
    """Give the styles of a code after a recipe's words, (1, C) each."""
    moves = [(tools.text_move(text, inversion), text.strength) for text in recipe.texts]
    return moved_styles(model.generator, code.to(model.device), moves)


def _render(
    inversion: Inversion, styles: Sequence[Tensor], model: Model, predict: bool, size: int
) -> tuple[Tensor, Mapping[int, Tensor]]:
    """Draw styles with the inversion's flows and masks, or with newly predicted ones; give the new masks."""
    if not predict or model.samm is None:
        stored = Alignment(dict(inversion.flows), dict(inversion.masks))
        return _draw_matched(inversion, styles, model, replay(stored), size), {}
    view = area_resize(inversion.photo_pm1.to(model.device), model.encoder.input_size)
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


def _finish(
    inversion: Inversion,
    crop: Crop,
    recipe: Recipe,
    drawing: _Drawing,
    first: Tensor | None,
    things: Tensor | None,
    hairless: Hairless | None,
) -> Edit:
    """Keep the edit to its place, fit the mask to it and carry the photo over.

    `first` is the drawing of its base, if it has one; `things` are what no edit changes; and the photo has no
    hair where it is `hairless`.
    """
    picture, gathered = drawing.picture, drawing.gathered
    size = picture.shape[-1]
    if recipe.is_empty:  # only its mask is new
        picture = area_resize(inversion.aligned_pm1, size)
    else:
        photo, before = (area_resize(x, size) for x in (inversion.photo_pm1, inversion.anchor_pm1))
        picture = _focus(before, first, picture, recipe, hairless)
        smoothed = smoothing(-recipe.attributes.get("age", 0.0), inversion.photo_pm1)
        if recipe.rule.fits and inversion.masks:
            views = (*inversion.views_pm1, picture)
            gathered = adaptive_mask(gathered, inversion.predicted, *views, things, smoothed)
        if inversion.anchor is not None:
            moves = inversion.domain == FACES and not _is_of_hair(recipe)
            motion = face_motion(before, picture) if moves else None
            picture = carry(photo, before, picture, motion, smoothed)
    return Edit(crop=crop, w_plus=drawing.code, aligned_pm1=picture, gathered=gathered, recipe=recipe)


def _focus(
    before_pm1: Tensor, first: Tensor | None, drawn: Tensor, recipe: Recipe, hairless: Hairless | None
) -> Tensor:
    """Take out of a recipe's drawing what is none of its attributes' business; see `_finish`.

    Words and components may be about anything, and so nothing is spared by attributes of all of the head
    beside them; nor where masks are not fitted to the edit, which stands for methods that draw all of it.
    """
    in_places, anywhere = parted(recipe.attributes)
    sparing = anywhere if recipe.rule.fits and not recipe.texts and not recipe.components else {}
    if not in_places:
        return focus(before_pm1, drawn, sparing)
    base = before_pm1 if first is None else focus(before_pm1, first, sparing)
    return focus(base, drawn, in_places, hairless)


def _may_be_of_hair(recipe: Recipe) -> bool:
    """Tell whether a recipe may change hair as such; age greys it and leaves its outline."""
    return bool(recipe.texts or recipe.components) or changes_hair(recipe.attributes)


def _is_of_hair(recipe: Recipe) -> bool:
    """Tell whether a recipe changes nothing but hair, which leaves the face where it is."""
    return not recipe.texts and not recipe.components and all(changes_hair([n]) for n in recipe.attributes)


def _crop_at(inversion: Inversion, size: int) -> Crop:
    """Give an inversion's crop for pictures of another size, averaged from what was inverted."""
    if size == inversion.size:
        return inversion.crop
    return inversion.crop.with_pixels(to_u8(area_resize(inversion.photo_pm1, size)))
