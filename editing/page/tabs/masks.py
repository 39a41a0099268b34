"""What is kept from the photo: strength of the mask, overlay, brush."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from editing.page import ids
from editing.page.drawing import restore_masks
from editing.page.parts import Tab, Updates
from editing.page.pictures import present
from editing.page.session import Inverted, Paint, Visit
from editing.page.show import PAINT_PX, pictures, shown
from editing.page.wiring import RESTORED, RESULT, Wiring
from editing.recipe.recipe import Recipe
from samm.errors import OptionError
from samm.method.masking import STRENGTH_RANGE

__all__ = ["TAB", "on_paint", "read_paint"]

BLACK = 96  # levels; a stroke darker than this is "draw"


def lay_out() -> None:
    """Lay out overlay, strength, brush."""
    gr.Slider(
        *STRENGTH_RANGE,
        Recipe.mask_strength,
        step=0.1,
        label="Keep more of my photo",
        info="0 = only what the AI draws, 1 = as the paper, 2 = keep more of the photo",
        elem_id=ids.MASK_STRENGTH,
        interactive=False,
        buttons=["reset"],
    )
    gr.Checkbox(label="Show on my photo what the AI draws (orange)", elem_id=ids.OVERLAY, interactive=False)
    gr.Markdown("Paint **white** to keep my photo here, **black** to let the AI draw here.")
    gr.ImageEditor(
        label="Brush",
        elem_id=ids.BRUSH,
        type="numpy",
        format="png",
        sources=(),
        transforms=(),
        layers=gr.LayerOptions(disabled=True),
        brush=gr.Brush(default_size=40, colors=["#ffffff", "#000000"], color_mode="fixed"),
        eraser=gr.Eraser(default_size=40),
        canvas_size=(PAINT_PX, PAINT_PX),
        fixed_canvas=True,
        buttons=[],
    )
    gr.Button("Reset masks", elem_id=ids.MASK_RESET, size="sm", interactive=False)
    with gr.Accordion("Advanced", open=False, elem_id=ids.MASKS_ADVANCED):
        gr.Checkbox(
            label="Recompute masks for every edit",
            info="as the paper's code does; otherwise the masks of the photo are fitted to the edit",
            elem_id=ids.RECOMPUTE,
            interactive=False,
        )


def wire(wiring: Wiring) -> None:
    """Connect overlay, brush and reset."""
    wiring.shows(wiring[ids.OVERLAY].input, on_overlay, (), (ids.COMPARE, ids.STAGE))
    brush = wiring[ids.BRUSH]
    wiring.shows([brush.input, brush.apply], on_paint, [ids.BRUSH], RESULT)
    # Every press counts, also those that come while a picture is drawn.
    reset = wiring[ids.MASK_RESET].click
    wiring.draws(reset, on_mask_reset, (), RESTORED, trigger_mode="multiple")


def on_overlay(visit: Visit) -> Iterator[Updates]:
    """Show or hide the tint; nothing is drawn."""
    if isinstance(visit, Inverted):
        yield pictures(visit, present(visit))


def on_paint(visit: Visit, editor: dict[str, Any] | None) -> Iterator[Updates]:
    """Blend anew with what was painted; nothing is drawn."""
    paint = read_paint(editor)
    if isinstance(visit, Inverted) and not (paint is None and visit.paint is None):
        visit = replace(visit, paint=paint)
        yield shown(visit, present(visit))


def on_mask_reset(visit: Inverted) -> Iterator[Updates]:
    """Take back mask strength, paint and the choice of masks."""
    recipe = replace(visit.recipe, mask_strength=Recipe.mask_strength, masks=Recipe.masks)
    yield from restore_masks(visit, recipe)


def read(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Take the strength from its slider; without the switch, a rule that it cannot show stays."""
    kept_rule = Recipe.masks if recipe.masks == "recompute" else recipe.masks
    masks = "recompute" if values[ids.RECOMPUTE] else kept_rule
    return replace(recipe, mask_strength=values[ids.MASK_STRENGTH], masks=masks)


def settings(visit: Visit) -> Updates:
    """Set slider and switch, and switch the rest on."""
    recipe, ready = (visit.recipe, True) if isinstance(visit, Inverted) else (Recipe(), False)
    return {
        ids.MASK_STRENGTH: gr.Slider(value=recipe.mask_strength, interactive=ready),
        ids.RECOMPUTE: gr.Checkbox(value=recipe.masks == "recompute", interactive=ready),
        ids.OVERLAY: gr.update(interactive=ready),
        ids.MASK_RESET: gr.Button(interactive=ready),
    }


def read_paint(editor: Mapping[str, Any] | None) -> Paint | None:
    """Read what was painted: light strokes keep the photo, dark ones let the generator draw.

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
        painted, dark = layer[..., 3] > 127, layer[..., :3].mean(-1) < BLACK
        keep = (keep & ~painted) | (painted & ~dark)
        draw = (draw & ~painted) | (painted & dark)
    return Paint.of(keep, draw)


TAB = Tab(
    label="Masks",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    inputs=(ids.MASK_STRENGTH, ids.RECOMPUTE),
    read=read,
)
