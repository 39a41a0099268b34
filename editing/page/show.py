"""What all on the page that depends on the picture shows of a visit; files are written, nothing is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing.edit import Edit
from editing.page import files, ids
from editing.page.parts import Updates
from editing.page.pictures import kept_mask, kept_share, mask_items, overlay, view_of
from editing.page.sentences import COMPARE, say
from editing.page.session import Inverted
from editing.recipe.line import describe
from editing.recipe.recipe import Recipe

__all__ = ["PAINT_PX", "canvas", "cleared", "pictures", "put_all", "result", "shown"]

PAINT_PX = 512  # edge of the brush's canvas


def cleared() -> Updates:
    """Give everything on the page that depends on a picture as it is without one."""
    return {
        ids.COMPARE: gr.ImageSlider(value=None, visible=True),
        ids.STAGE: gr.Image(value=None, visible="hidden"),
        ids.BRUSH: gr.ImageEditor(value=None, visible=False),
        ids.KEPT: None,
        ids.MASKS: None,
        ids.STRIP: None,
    }


def shown(visit: Inverted, edited: Edit, file: str = "") -> Updates:
    """Show a visit's picture, and say how it was made; see `result`."""
    recipe = visit.recipe
    made = "No changes" if recipe == Recipe() else f"Edited: {describe(recipe)}"
    return {**result(visit, edited, file), ids.STATUS: say(f"{made}. {kept_share(edited)}")}


def result(visit: Inverted, edited: Edit, file: str = "") -> Updates:
    """Write the result to a file, if it is in none yet, and give all on the page that depends on it."""
    visit = replace(visit, after=file or files.show_picture(edited.blended, visit.folder, visit.recipe))
    kept = kept_mask(edited)
    masks = put_all(mask_items(visit.inversion.masks, kept, edited), visit.folder)
    return {
        ids.VISIT: visit,
        ids.FOLLOWED: visit,
        **pictures(visit, edited),
        ids.KEPT: gr.Image(value=masks[-1][0], alt_text=kept.alt),
        ids.MASKS: masks,
        ids.STOP: gr.Button(visible=False),
    }


def pictures(visit: Inverted, edited: Edit) -> Updates:
    """Give the one picture, or the pair, that the visit's view shows; under the brush neither."""
    one = overlay(edited) if visit.overlay else view_of(visit, edited)
    pair = visit.view == COMPARE and not visit.overlay
    is_result = one.picture is edited.blended
    picture = visit.after if is_result else files.put(one.picture, visit.folder, "webp")
    brush = visit.brushing
    return {
        ids.COMPARE: gr.ImageSlider(value=(visit.before, visit.after), visible=True)
        if pair and not brush
        else gr.ImageSlider(visible="hidden"),
        ids.STAGE: gr.Image(value=picture, alt_text=one.alt, visible="hidden" if pair or brush else True),
    }


def canvas(visit: Inverted, edited: Edit) -> Updates:
    """Give the brush the present picture to paint on, with what was painted so far.

    While it is away it is not there at all: hidden, it would upload its pictures at each change of the page.
    """
    if not visit.brushing:
        return {ids.BRUSH: gr.ImageEditor(visible=False)}
    step = max(1, edited.size // PAINT_PX)
    background = files.put(edited.blended[::step, ::step], visit.folder, "webp")
    layers = []
    if visit.paint:
        keep, draw = visit.paint.areas
        strokes = np.zeros((*keep.shape, 4), np.uint8)
        strokes[keep] = (255, 255, 255, 127)
        strokes[draw] = (0, 0, 0, 127)
        layers = [files.put(strokes, visit.folder)]
    value: Any = {"background": background, "layers": layers, "composite": None}
    return {ids.BRUSH: gr.ImageEditor(value=value, visible=True)}


def put_all(
    items: Iterable[tuple[np.ndarray, str]], folder: Path, extension: str = "png"
) -> list[tuple[str, str]]:
    """Write the pictures of a gallery, which keep their captions."""
    return [(files.put(picture, folder, extension), caption) for picture, caption in items]
