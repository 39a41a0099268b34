"""What stays as in the photo: the gathered mask beside the stage, and what a visitor protects besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from editing.page import files, gpu, ids
from editing.page.opening import welcome_edit
from editing.page.packing import unpack
from editing.page.parts import Part, Updates
from editing.page.pictures import kept_mask, present
from editing.page.sentences import say
from editing.page.session import Inverted, Paint, Regions, Visit
from editing.page.show import canvas, pictures, shown
from editing.page.wiring import RESULT, Wiring
from editing.protect import REGIONS, regions
from samm.errors import OptionError

__all__ = [
    "PART",
    "brushed",
    "on_brushed",
    "on_brush",
    "on_paint",
    "on_protect",
    "read_paint",
    "without_brush",
]

DARK = 96  # levels; a stroke darker than this is "draw"
PAINTED = 63  # of 255; strokes are half transparent
_PAINT, _DONE = "Paint what to keep", "Done painting"


def lay_out() -> None:
    """Lay out the mask, the regions of one click, and the way to the brush."""
    with gr.Row(elem_id=ids.KEPT_ROW):
        gr.Image(
            _first_mask(),
            label="From your photo",
            show_label=False,
            interactive=False,
            format="png",
            elem_id=ids.KEPT,
            alt_text="Mask of the example: white is kept from the photo",
            buttons=["fullscreen"],
            min_width=88,
            scale=0,
        )
        with gr.Column(min_width=160):
            gr.HTML("<p><b>From your photo</b>: what is white here</p>")
            gr.CheckboxGroup(
                [(name.capitalize(), name) for name in REGIONS],
                label="Protect",
                elem_id=ids.PROTECT,
                interactive=False,
            )
            gr.Button(_PAINT, elem_id=ids.BRUSH_ON, size="sm", interactive=False, min_width=80)


def _first_mask() -> str | None:
    edited = welcome_edit()
    return edited and files.put(kept_mask(edited).picture, files.lasting_folder())


def wire(wiring: Wiring) -> None:
    """Connect switches and brush."""
    wiring.draws(wiring[ids.PROTECT].input, on_protect, [ids.PROTECT], [*RESULT, ids.PROTECT])
    # In the lane of edits: of two that change the visit at once, one would be lost.
    outputs = (*RESULT, ids.BRUSH_ON)
    brushed(wiring, wiring.shows(wiring[ids.BRUSH_ON].click, on_brush, [ids.BRUSH], outputs, **gpu.LANE))
    brush = wiring[ids.BRUSH]
    wiring.shows([brush.input, brush.apply], on_paint, [ids.BRUSH], RESULT, **gpu.LANE)


def brushed(wiring: Wiring, event: Any) -> None:
    """Bring the brush, or take it away, after an event that has changed which of both the visit wants.

    Not in the event itself: a browser sets all outputs of one together, twice, and a brush is slow to go.
    Then the second time came after what the visitor had chosen meanwhile.
    """
    beside = {"show_progress_on": [wiring[ids.STATUS]]}  # to show progress on a brush, its pictures are sent
    wiring.on(event.then, on_brushed, (), [ids.BRUSH], **beside, **gpu.LANE)


def on_brushed(visit: Visit) -> Iterator[Updates]:
    """Have the brush there or not, as the visit says."""
    if isinstance(visit, Inverted):
        yield canvas(visit, present(visit))
        if visit.brushing:
            yield {ids.STATUS: say("Paint white to keep your photo, black to let the AI draw.")}


def on_protect(visit: Inverted, names: list[str]) -> Iterator[Updates]:
    """Keep regions of the photo as they are; nothing is drawn."""
    if not isinstance(names, list) or not set(names) <= set(REGIONS):
        raise OptionError(f"Protect takes some of {', '.join(REGIONS)}.")
    if visit.regions is None:
        yield {ids.STATUS: say("Looking for hat, hand and background…")}
        visit = replace(visit, regions=Regions.of(regions(unpack(visit.inversion))))
    assert visit.regions
    found = tuple(name for name in names if name in visit.regions.masks)
    visit = replace(visit, protected=found)
    updates = shown(visit, present(visit))
    missing = [name for name in names if name not in found]
    if missing:
        sentence = f"No {' and no '.join(missing)} was found; use “{_PAINT}” instead."
        updates |= {ids.STATUS: say(sentence), ids.PROTECT: list(found)}
    yield updates


def on_brush(visit: Visit, editor: dict[str, Any] | None) -> Iterator[Updates]:
    """Put the brush on the stage, or take it away with all that was painted, the last stroke too."""
    if not isinstance(visit, Inverted):
        return
    if visit.brushing:
        visit = replace(visit, brushing=False, paint=read_paint(editor) if editor else visit.paint)
        yield {**shown(visit, present(visit)), **_named(_PAINT)}
        return
    visit = replace(visit, brushing=True)
    yield {ids.VISIT: visit, **pictures(visit, present(visit)), **_named(_DONE)}


def _named(name: str) -> Updates:
    return {ids.BRUSH_ON: gr.Button(name)}


def without_brush(visit: Inverted) -> tuple[Inverted, Updates]:
    """Take the brush away for who wants to see something else; gives the visit, and what changes.

    The event that asks for it ends in `brushed`.
    """
    if not visit.brushing:
        return visit, {}
    visit = replace(visit, brushing=False)
    return visit, {ids.VISIT: visit, **_named(_PAINT)}


def on_paint(visit: Visit, editor: dict[str, Any] | None) -> Iterator[Updates]:
    """Blend anew with what was painted; nothing is drawn."""
    paint = read_paint(editor)
    if isinstance(visit, Inverted) and visit.brushing and not (paint is None and visit.paint is None):
        visit = replace(visit, paint=paint)
        yield shown(visit, present(visit))


def read_paint(editor: dict[str, Any] | None) -> Paint | None:
    """Read what was painted: light strokes keep the photo, dark ones let the AI draw.

    Args:
        editor: of the image editor, with `layers` of uint8 (E, E, 4).

    Raises:
        OptionError: the layers are no squares of one size.
    """
    layers = (editor or {}).get("layers") or []
    if any(layer.shape != (len(layers[0]), len(layers[0]), 4) for layer in layers):
        raise OptionError("What was painted does not fit the picture; reset the masks and paint again.")
    if not layers or not any(layer[..., 3].any() for layer in layers):
        return None
    keep = np.zeros(layers[0].shape[:2], bool)
    draw = np.zeros_like(keep)
    for layer in layers:  # a later stroke or layer wins
        painted, dark = layer[..., 3] > PAINTED, layer[..., :3].mean(-1) < DARK
        keep = (keep & ~painted) | (painted & ~dark)
        draw = (draw & ~painted) | (painted & dark)
    return Paint.of(keep, draw)


def settings(visit: Visit) -> Updates:
    """Set the switches to what is protected, and switch the brush on."""
    ready = isinstance(visit, Inverted)
    return {
        ids.PROTECT: gr.CheckboxGroup(
            value=list(visit.protected) if isinstance(visit, Inverted) else [], interactive=ready
        ),
        ids.BRUSH_ON: gr.Button(
            _DONE if isinstance(visit, Inverted) and visit.brushing else _PAINT, interactive=ready
        ),
    }


PART = Part(lay_out=lay_out, wire=wire, settings=settings)
