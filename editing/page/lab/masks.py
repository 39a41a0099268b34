"""What is kept from the photo: strength of the mask, overlay, the masks of each level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.page import files, gpu, ids
from editing.page.drawing import restore_masks
from editing.page.opening import welcome, welcome_edit
from editing.page.parts import Tab, Updates
from editing.page.pictures import kept_mask, mask_items, present
from editing.page.regions.kept import brushed, without_brush
from editing.page.session import Inverted, Visit
from editing.page.show import pictures, put_all
from editing.page.wiring import RESTORED, Wiring
from editing.recipe.recipe import Recipe
from samm.method.masking import STRENGTH_RANGE

__all__ = ["TAB"]


def lay_out() -> None:
    """Lay out strength, overlay and the masks of each level."""
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
    gr.Checkbox(
        label="Recompute masks for every edit",
        info="as the paper's code does; otherwise the masks of the photo are fitted to the edit",
        elem_id=ids.RECOMPUTE,
        interactive=False,
    )
    gr.Button("Reset masks", elem_id=ids.MASK_RESET, size="sm", interactive=False)
    gr.Gallery(
        _first_masks(),
        label="Masks of each level: white is kept from the photo",
        columns=5,
        height="auto",
        elem_id=ids.MASKS,
        interactive=False,
        buttons=["fullscreen"],
        object_fit="contain",
        format="png",
    )


def _first_masks() -> list[tuple[str, str]] | None:
    example, edited = welcome(), welcome_edit()
    if example is None or edited is None:
        return None
    return put_all(mask_items(example.inversion.masks, kept_mask(edited), edited), files.lasting_folder())


def wire(wiring: Wiring) -> None:
    """Connect overlay and reset."""
    seen = (ids.COMPARE, ids.STAGE, ids.BRUSH_ON)
    brushed(wiring, wiring.shows(wiring[ids.OVERLAY].input, on_overlay, (), seen, **gpu.LANE))
    # Every press counts, also those that come while a picture is drawn.
    reset = wiring[ids.MASK_RESET].click
    outputs = (*RESTORED, ids.BRUSH)
    wiring.draws(reset, on_mask_reset, (), outputs, trigger_mode="multiple")


def on_overlay(visit: Visit) -> Iterator[Updates]:
    """Show or hide the tint; nothing is drawn."""
    if isinstance(visit, Inverted):
        visit, updates = without_brush(visit)
        yield {**updates, **pictures(visit, present(visit))}


def on_mask_reset(visit: Inverted) -> Iterator[Updates]:
    """Take back mask strength, paint and the choice of masks."""
    recipe = replace(visit.recipe, mask_strength=Recipe.mask_strength, masks=Recipe.masks)
    yield from restore_masks(visit, recipe)


def read(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Take the strength from its slider; without the switch, a rule that it cannot show stays."""
    kept_rule = Recipe.masks if recipe.rule.predicts else recipe.masks
    masks = "recompute" if values[ids.RECOMPUTE] else kept_rule
    return replace(recipe, mask_strength=values[ids.MASK_STRENGTH], masks=masks)


def settings(visit: Visit) -> Updates:
    """Set slider and switch, and switch the rest on."""
    recipe, ready = (visit.recipe, True) if isinstance(visit, Inverted) else (Recipe(), False)
    return {
        ids.MASK_STRENGTH: gr.Slider(value=recipe.mask_strength, interactive=ready),
        ids.RECOMPUTE: gr.Checkbox(value=recipe.rule.predicts, interactive=ready),
        ids.OVERLAY: gr.update(interactive=ready),
        ids.MASK_RESET: gr.Button(interactive=ready),
    }


TAB = Tab(
    label="Masks",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    inputs=(ids.MASK_STRENGTH, ids.RECOMPUTE),
    read=read,
)
