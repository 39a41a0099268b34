"""The attribute sliders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.page import ids
from editing.page.parts import Tab, Updates
from editing.page.session import Inverted, Visit
from editing.page.wiring import Wiring
from editing.recipe.attributes import ATTRIBUTES, Attribute
from editing.recipe.recipe import Recipe

__all__ = ["TAB"]


def lay_out() -> None:
    """Lay out the attribute table."""
    with gr.Row(elem_classes="sliders"):
        for name, attribute in ATTRIBUTES.items():
            if not attribute.more:
                _slider(name, attribute)
    with gr.Accordion("More", open=False, elem_id=ids.MORE_ATTRIBUTES), gr.Row(elem_classes="sliders"):
        for name, attribute in ATTRIBUTES.items():
            if attribute.more:
                _slider(name, attribute)


def _slider(name: str, attribute: Attribute) -> None:
    gr.Slider(
        attribute.low,
        attribute.high,
        0,
        step=attribute.step,
        label=attribute.label,
        info=attribute.info,
        elem_id=name,
        interactive=False,
        buttons=["reset"],
    )


def wire(wiring: Wiring) -> None:
    """Nothing but the sliders happens here, and these are inputs of the recipe."""


def read(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Take all attributes from their sliders."""
    return replace(recipe, attributes={name: values[name] for name in ATTRIBUTES})


def settings(visit: Visit) -> Updates:
    """Set the sliders."""
    recipe, ready = (visit.recipe, True) if isinstance(visit, Inverted) else (Recipe(), False)
    return {name: gr.Slider(value=recipe.attributes.get(name, 0), interactive=ready) for name in ATTRIBUTES}


TAB = Tab(
    label="Attributes",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    inputs=tuple(ATTRIBUTES),
    read=read,
)
