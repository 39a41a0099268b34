"""Fine-tune: all attributes in groups, hair colors as swatches of which one is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.effects import HAIR_COLORS, with_hair_color
from editing.page import gpu, ids
from editing.page.parts import Tab, Updates
from editing.page.session import Inverted, Visit
from editing.page.tabs.effects import follow
from editing.page.wiring import Wiring
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe

__all__ = ["GROUPS", "TAB"]

GROUPS = {
    "Expression": ("smile", "mouth_open", "eyes_open"),
    "Pose": ("yaw", "pitch"),
    "Age and face": ("age", "gender", "face_width", "nose", "skin", "beard", "eyebrows"),
    "Hair": ("bangs", "wavy_hair", "bald"),
    "Make-up": ("makeup", "lipstick"),
    "Accessories": ("glasses",),
}
OWN = "As it is"
SWATCHES = {OWN: None} | {
    ATTRIBUTES[name].label.removesuffix(" hair"): name for name in HAIR_COLORS
}  # names of attributes, by label
USUAL = 2.0  # strength of a color
SLIDERS = tuple(name for names in GROUPS.values() for name in names)
ENDED = (*SLIDERS, ids.HAIR_STRENGTH, ids.EFFECT_STRENGTH)  # the sliders of attributes


def lay_out() -> None:
    """Lay out the groups, all but the first folded: together they are five screens of a phone."""
    gr.Checkbox(label="Allow more than usually looks good", elem_id=ids.STRONGER)
    for number, (label, names) in enumerate(GROUPS.items()):
        gr.Markdown(f"### {label}", elem_classes="unseen")  # an accordion's own label is no heading
        with gr.Accordion(label, open=number == 0, elem_id=f"group_{number}", elem_classes="group"):
            if label == "Hair":
                _lay_out_color()
            with gr.Row(elem_classes="sliders"):
                for name in names:
                    _lay_out_slider(name)


def _lay_out_color() -> None:
    gr.Radio(list(SWATCHES), value=OWN, label="Color", elem_id=ids.HAIR, interactive=False)
    gr.Slider(
        *_color_ends(None, USUAL),
        USUAL,
        step=0.1,
        label="How much color",
        elem_id=ids.HAIR_STRENGTH,
        interactive=False,
        buttons=["reset"],
    )


def _lay_out_slider(name: str) -> None:
    attribute = ATTRIBUTES[name]
    gr.Slider(
        *attribute.ends(),
        0,
        step=attribute.step,
        label=attribute.label,
        info=attribute.info,
        elem_id=name,
        interactive=False,
        buttons=["reset"],
    )


def wire(wiring: Wiring) -> None:
    """Connect the switch of the sliders' ends; all other controls are inputs of the recipe."""
    wiring.shows(wiring[ids.STRONGER].input, on_stronger, (), ENDED, **gpu.LANE)


def on_stronger(visit: Visit) -> Iterator[Updates]:
    """Set the ends of all sliders of attributes; none is moved."""
    ends = settings(visit)
    if isinstance(visit, Inverted):
        ends |= follow(visit)
    yield {ids.VISIT: visit, **{name: ends[name] for name in ENDED if name in ends}}


def read(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Take all attributes from their sliders, and the hair's color where it was chosen anew."""
    colors = {name: recipe.attributes[name] for name in HAIR_COLORS if name in recipe.attributes}
    read = replace(recipe, attributes={name: values[name] for name in SLIDERS} | colors)
    chosen = values[ids.HAIR], values[ids.HAIR_STRENGTH]
    if chosen == _shown(recipe):  # a loaded recipe may have several
        return read
    return with_hair_color(read, SWATCHES[chosen[0]], chosen[1])


def settings(visit: Visit) -> Updates:
    """Set the sliders."""
    recipe, ready = (visit.recipe, True) if isinstance(visit, Inverted) else (Recipe(), False)
    color, strength = _shown(recipe)
    values = {name: recipe.attributes.get(name, 0) for name in SLIDERS}
    sliders = {
        name: gr.Slider(*ATTRIBUTES[name].ends(value, full=visit.stronger), value, interactive=ready)
        for name, value in values.items()
    }
    return {
        **sliders,
        ids.HAIR: gr.Radio(value=color, interactive=ready),
        ids.HAIR_STRENGTH: gr.Slider(
            *_color_ends(SWATCHES[color], strength, full=visit.stronger), strength, interactive=ready
        ),
    }


def _color_ends(name: str | None, strength: float, *, full: bool = False) -> tuple[float, float]:
    """Give the ends of the slider of a color; a color is added, never taken away."""
    return 0, ATTRIBUTES[name or HAIR_COLORS[0]].ends(strength, full=full)[1]


def _shown(recipe: Recipe) -> tuple[str, float]:
    """Give the swatch that shows a recipe's hair, and how much of it."""
    for label, name in SWATCHES.items():
        if name and recipe.attributes.get(name, 0) > 0:
            return label, recipe.attributes[name]
    return OWN, USUAL


TAB = Tab(
    label="Fine-tune",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    inputs=(*SLIDERS, ids.HAIR, ids.HAIR_STRENGTH),
    read=read,
)
