"""A small picture at once while a slider moves; the full one, with its step, comes when the slider rests.

A preview changes nothing but what is seen: no visit, no history, no file to take home. None is begun while an
edit of the same tab is drawn, and none is shown once the edit's own picture is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from editing.page import files, gpu, ids
from editing.page.drawing import kept_drawing
from editing.page.line import EDIT, PREVIEW
from editing.page.packing import unpack
from editing.page.parts import Updates
from editing.page.pictures import painted
from editing.page.presence import PREVIEWS, is_current, presence
from editing.page.sentences import COMPARE, EDITED
from editing.page.session import Inverted
from editing.recipe.recipe import Recipe

__all__ = ["PREVIEW_PX", "preview"]

PREVIEW_PX = 512
_PACE_S = 0.1  # between two that are not drawn; the browser asks for the next one then
_LATE_S = 1.5  # where a full picture would be later, which takes twice as long, previews only hold it up


def preview(visit: Inverted, recipe: Recipe) -> Iterator[Updates]:
    """Show a recipe small where that is quicker than the full picture, and what the visitor looks at."""
    here = presence(visit.tab)
    stop = here.beginning(PREVIEWS)
    if here.is_drawing or not _pays(visit, recipe):
        stop.wait(_PACE_S)
        return
    inversion = unpack(visit.inversion)
    size = min(PREVIEW_PX, inversion.size)
    small = gpu.draw_small(inversion, recipe, size, lambda: not (stop.is_set() or here.is_drawing))
    if small is None or not is_current(visit):
        return
    file = files.put(painted(visit, small).blended, visit.folder, "jpg")
    with here.showing:  # until Gradio has sent it and asks for more
        if not stop.is_set():
            here.is_previewed = True
            yield _seen(visit, file)


def _pays(visit: Inverted, recipe: Recipe) -> bool:
    """Whether a recipe has to be drawn, can be drawn soon, and would be seen."""
    if gpu.ZERO_GPU or visit.overlay or visit.brushing or visit.view not in (COMPARE, EDITED):
        return False
    if recipe == visit.recipe or recipe.only_blends or kept_drawing(visit, recipe):
        return False
    known = {replace(word, strength=1.0) for word in visit.words}
    if not known.issuperset(replace(text, strength=1.0) for text in recipe.texts):
        return False  # it would be searched for
    return gpu.LINE.place(PREVIEW).seconds + gpu.LINE.seconds(EDIT) < _LATE_S


def _seen(visit: Inverted, file: str) -> Updates:
    if visit.view == COMPARE:
        return {ids.COMPARE: gr.ImageSlider(value=(visit.before, file))}
    return {ids.STAGE: gr.Image(value=file)}
