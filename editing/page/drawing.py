"""From a recipe to the picture on the page: changes, restored recipes, and steps of the history.

Data flow: recipe → edit → step of the history → what is shown. No tensor is made here.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from editing.edit import Edit
from editing.page import files, gpu, ids
from editing.page.likeness import doubt
from editing.page.packing import PackedEdit, pack_edit, unpack
from editing.page.parts import Updates
from editing.page.pictures import present, thumbnail
from editing.page.presence import is_current, presence
from editing.page.sentences import say
from editing.page.session import Inverted, Step
from editing.page.show import canvas, pictures, shown
from editing.recipe.recipe import Recipe, TextEdit

__all__ = [
    "change",
    "changed_control",
    "go",
    "kept_drawing",
    "redrawn",
    "restore",
    "restore_masks",
    "restored",
    "stepped",
]

Words = tuple[TextEdit, ...]


def change(visit: Inverted, recipe: Recipe, words: Words) -> Iterator[Updates]:
    """Draw a recipe with these words as the next step; nothing happens where it is the present one."""
    recipe = replace(recipe, texts=words)
    here = presence(visit.tab)
    if recipe == visit.recipe:
        if here.is_previewed:
            here.is_previewed = False
            yield pictures(visit, present(visit))
        return
    yield {ids.STATUS: say(_announcement(recipe))}
    control = changed_control(visit.recipe, recipe)
    began_s = time.monotonic()
    visit = redrawn(visit, recipe)
    if is_current(visit):
        visit, edited = stepped(visit, recipe, words, control, time.monotonic() - began_s)
        here.is_previewed = False
        yield shown(visit, edited)
        yield from _doubted(visit, edited)


def restore(visit: Inverted, recipe: Recipe) -> Iterator[Updates]:
    """Show a recipe that comes from elsewhere than the controls, and set these to it."""
    changed = recipe != visit.recipe
    if changed:
        yield {ids.STATUS: say(_announcement(recipe))}
        visit = redrawn(visit, recipe)
    if not is_current(visit):
        return
    if changed:
        visit, edited = stepped(visit, recipe, recipe.texts)
    else:
        visit = visit.with_words(recipe.texts)
        edited = present(visit)
    yield restored(visit, edited)
    yield from _doubted(visit, edited)


def restore_masks(visit: Inverted, recipe: Recipe) -> Iterator[Updates]:
    """Show a recipe as `restore` does, without what was painted or protected."""
    for updates in restore(replace(visit, paint=None, protected=()), recipe):
        if ids.VISIT in updates:
            visit = updates[ids.VISIT]
            updates = updates | canvas(visit, present(visit))
        yield updates


def go(visit: Inverted, index: int) -> Iterator[Updates]:
    """Show a step of the history; beyond its ends nothing happens."""
    if index == visit.at or not 0 <= index < len(visit.steps):
        return
    visit = visit.at_step(index)
    yield {ids.STATUS: say(_announcement(visit.recipe))}
    visit = redrawn(visit, visit.recipe)
    if is_current(visit):
        yield restored(visit, present(visit))


def _doubted(visit: Inverted, edited: Edit) -> Iterator[Updates]:
    """Say below the picture if it does not look right."""
    sentence = doubt(unpack(visit.inversion), edited) if visit.edit else ""
    if sentence:
        yield {ids.PROBLEM: gr.HTML(f"<p>{html.escape(sentence)}</p>", visible=True)}


def restored(visit: Inverted, edited: Edit) -> Updates:
    """Show a visit's picture, and set all controls to it."""
    updates = shown(visit, edited)
    return {**updates, ids.CONTROLS: updates[ids.VISIT]}


def stepped(
    visit: Inverted, recipe: Recipe, words: Words, control: str = "", took_s: float = 0.0
) -> tuple[Inverted, Edit]:
    """Put the visit's drawing of a recipe into its history; gives the drawing as well."""
    edited = present(visit, recipe)
    small = files.put(thumbnail(edited.blended), visit.folder, "jpg")
    step = Step(replace(recipe, texts=()), words, small, control, time.monotonic())
    return visit.stepped(step, took_s), edited


def redrawn(visit: Inverted, recipe: Recipe) -> Inverted:
    """Have the visit hold the drawing of a recipe; what is kept, at any mask strength, is not drawn anew."""
    if recipe.only_blends:
        return replace(visit, edit=None)
    edit = kept_drawing(visit, recipe)
    return visit.with_edit(edit or pack_edit(gpu.edit_on_gpu(unpack(visit.inversion), recipe)))


def kept_drawing(visit: Inverted, recipe: Recipe) -> PackedEdit | None:
    """Find the drawing of a recipe, at any mask strength, among those that the visit keeps."""
    same = (e for e in visit.drawn if replace(e.recipe, mask_strength=recipe.mask_strength) == recipe)
    return next(same, None)


def changed_control(old: Recipe, new: Recipe) -> str:
    """Name the one strength that differs between two recipes; "" if there is not exactly one."""
    before, after = _strengths(old), _strengths(new)
    changed = [name for name in before | after if before.get(name, 0) != after.get(name, 0)]
    return changed[0] if len(changed) == 1 else ""


def _strengths(recipe: Recipe) -> dict[str, float]:
    strengths = dict(recipe.attributes) | {"mask_strength": recipe.mask_strength}
    strengths |= {text.target: text.strength for text in recipe.texts}
    components = reversed(recipe.components)  # of several moves of one, its slider shows the first
    return strengths | {f"component_{part.index}": part.strength for part in components}


def _announcement(recipe: Recipe) -> str:
    count = len(recipe.attributes) + len(recipe.texts) + len(recipe.components)
    return f"Applying {count} change{'' if count == 1 else 's'}…"
