"""The principal components, for who wants to see what the AI has found by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from editing.page import ids
from editing.page.parts import Tab, Updates
from editing.page.session import Inverted, Visit
from editing.page.wiring import Wiring
from editing.recipe.recipe import COMPONENTS, ComponentEdit, Recipe
from samm.networks.generators import LEVELS, ROWS

__all__ = ["LAYERS", "TAB"]

LIMIT = 6.0  # of a slider, in deviations; a loaded recipe may go further
LAYERS = {
    "All": (0, ROWS),
    "Pose and shape": LEVELS["coarse"],
    "Features": LEVELS["medium"],
    "Color and texture": LEVELS["fine"],
}


def lay_out() -> None:
    """Lay out the choice of layers and the sliders."""
    gr.Radio(
        list(LAYERS),
        value="All",
        label="What a direction may change",
        info=f"Directions the AI found by itself: the first {len(ids.COMPONENTS)} of {COMPONENTS}, "
        "strongest first; the choice counts for sliders moved from now on",
        elem_id=ids.LAYERS,
        interactive=False,
    )
    with gr.Row(elem_classes="sliders"):
        for number, name in enumerate(ids.COMPONENTS):
            gr.Slider(
                -LIMIT,
                LIMIT,
                0,
                step=0.1,
                label=f"Direction {number}",
                elem_id=name,
                interactive=False,
                buttons=["reset"],
            )


def wire(wiring: Wiring) -> None:
    """Nothing but the sliders happens here, and these are inputs of the recipe."""


def read(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Take the components whose sliders were moved from there, and leave the others as they are."""
    shown = _strengths(recipe)
    components = [part for part in recipe.components if part.index >= len(ids.COMPONENTS)]
    for index, name in enumerate(ids.COMPONENTS):
        if values[name] == shown[index]:
            components += [part for part in recipe.components if part.index == index]
        elif values[name]:
            components.append(ComponentEdit(index, values[name], LAYERS[values[ids.LAYERS]]))
    return replace(recipe, components=tuple(sorted(components, key=lambda part: part.index)))


def settings(visit: Visit) -> Updates:
    """Set the sliders, and switch the choice of layers on."""
    recipe, ready = (visit.recipe, True) if isinstance(visit, Inverted) else (Recipe(), False)
    sliders = {
        name: gr.Slider(value=strength, interactive=ready)
        for name, strength in zip(ids.COMPONENTS, _strengths(recipe), strict=True)
    }
    return {**sliders, ids.LAYERS: gr.Radio(interactive=ready)}


def _strengths(recipe: Recipe) -> list[float]:
    """Give what the sliders show: the first move of each component, within the slider's limits."""
    strengths = [0.0] * len(ids.COMPONENTS)
    for part in reversed(recipe.components):
        if part.index < len(strengths):
            strengths[part.index] = float(np.clip(part.strength, -LIMIT, LIMIT))
    return strengths


TAB = Tab(
    label="Directions",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    inputs=(*ids.COMPONENTS, ids.LAYERS),
    read=read,
)
