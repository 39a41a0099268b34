"""Between the page's controls and recipes: what a visitor has set, and how a recipe sets the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from editing.page.sentences import PHRASES
from editing.page.session import Paint, Session
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import MAX_TEXTS, ComponentEdit, Recipe, TextEdit
from samm.errors import OptionError
from samm.networks.generators import LEVELS, ROWS

__all__ = [
    "CHIPS",
    "COMPONENT_LIMIT",
    "COMPONENT_SLIDERS",
    "CONTROLS",
    "LAYERS",
    "SLIDERS",
    "STRENGTH_LIMIT",
    "WORD_OUTPUTS",
    "WORD_ROWS",
    "changed_control",
    "read_paint",
    "read_recipe",
    "set_controls",
    "set_rows",
    "set_sliders",
    "with_strength",
]

COMPONENT_SLIDERS = tuple(f"component_{index}" for index in range(20))
COMPONENT_LIMIT = 6.0  # of its slider, in deviations; a loaded recipe may go further
WORD_ROWS = tuple(range(MAX_TEXTS))
STRENGTH_LIMIT = 3.0  # of the words' sliders
LAYERS = {
    "All": (0, ROWS),
    "Pose and shape": LEVELS["coarse"],
    "Features": LEVELS["medium"],
    "Color and texture": LEVELS["fine"],
}
SLIDERS = (*ATTRIBUTES, *COMPONENT_SLIDERS, "mask_strength")
CHIPS = tuple(f"chip_{number}" for number in range(len(PHRASES)))
# These, too, are switched on when there is an inversion.
BUTTONS = (
    *CHIPS,
    *("add", "mask_reset", "strip_draw", "reset"),
    *("download", "download_photo", "download_masks", "download_recipe", "download_latent"),
)
OTHERS = ("target", "layers", "recompute", "overlay", "strip_by", "strip_down", "recipe_in")
WORD_OUTPUTS = tuple(f"{part}_{row}" for row in WORD_ROWS for part in ("row", "word", "remove"))
CONTROLS = (*SLIDERS, *BUTTONS, *OTHERS, *WORD_OUTPUTS)  # all that `set_controls` sets
BLACK = 96  # levels; a stroke darker than this is "draw"


def read_recipe(session: Session, values: Mapping[str, Any]) -> Recipe:
    """Make the recipe that the controls show.

    What no control can show (components beyond the twentieth, strengths beyond a slider's end, other rows) is
    taken over from the session's recipe until its slider is moved.

    Args:
        session: whose words and recipe hold the rest.
        values: of the sliders by name, of `layers` and of `recompute`.
    """
    old = session.recipe
    shown = _component_strengths(old)
    components = [part for part in old.components if part.index >= len(COMPONENT_SLIDERS)]
    for index, name in enumerate(COMPONENT_SLIDERS):
        if values[name] == shown[index]:
            components += [part for part in old.components if part.index == index]
        elif values[name]:
            components.append(ComponentEdit(index, values[name], LAYERS[values["layers"]]))
    kept_rule = Recipe.masks if old.masks == "recompute" else old.masks
    masks = "recompute" if values["recompute"] else kept_rule
    return Recipe(
        {name: values[name] for name in ATTRIBUTES},
        session.words,
        tuple(sorted(components, key=lambda part: part.index)),
        values["mask_strength"],
        masks,
    )


def changed_control(old: Recipe, new: Recipe) -> str:
    """Name the one thing that differs between two recipes; "" if there is not exactly one."""
    strengths = {name for name in ATTRIBUTES if old.attributes.get(name, 0) != new.attributes.get(name, 0)}
    before, after = _component_strengths(old), _component_strengths(new)
    strengths |= {name for name, a, b in zip(COMPONENT_SLIDERS, before, after, strict=True) if a != b}
    words = [{text.target: text.strength for text in recipe.texts} for recipe in (old, new)]
    strengths |= {word for word in words[0] | words[1] if words[0].get(word) != words[1].get(word)}
    if old.mask_strength != new.mask_strength:
        strengths.add("mask_strength")
    return strengths.pop() if len(strengths) == 1 else ""


def set_controls(session: Session) -> dict[str, Any]:
    """Set every control to the session's recipe, and switch on what needs an inversion if there is one."""
    ready = session.inversion is not None
    return {
        **set_sliders(session.recipe, ready),
        **set_rows(session.words),
        **{name: gr.Button(interactive=ready) for name in BUTTONS},
        **{name: gr.update(interactive=ready) for name in OTHERS if name != "recompute"},
        "recompute": gr.Checkbox(value=session.recipe.masks == "recompute", interactive=ready),
    }


def set_sliders(recipe: Recipe, ready: bool = True) -> dict[str, Any]:
    """Set the sliders to a recipe."""
    values = {name: recipe.attributes.get(name, 0) for name in ATTRIBUTES}
    values |= dict(zip(COMPONENT_SLIDERS, _component_strengths(recipe), strict=True))
    values["mask_strength"] = recipe.mask_strength
    return {name: gr.Slider(value=value, interactive=ready) for name, value in values.items()}


def set_rows(words: Sequence[TextEdit]) -> dict[str, Any]:
    """Show one row for each phrase."""
    updates: dict[str, Any] = {}
    for row in WORD_ROWS:
        used = row < len(words)
        updates[f"row_{row}"] = gr.Row(visible=used)
        if used:
            strength = float(np.clip(words[row].strength, -STRENGTH_LIMIT, STRENGTH_LIMIT))
            updates[f"word_{row}"] = gr.Slider(value=strength, label=words[row].target)
            updates[f"remove_{row}"] = gr.Button(f"Remove “{words[row].target}”")
    return updates


def with_strength(words: Sequence[TextEdit], row: int, strength: float) -> tuple[TextEdit, ...]:
    """Give one phrase another strength; a slider at its end leaves a larger one as it was."""
    if strength == np.clip(words[row].strength, -STRENGTH_LIMIT, STRENGTH_LIMIT):
        return tuple(words)
    return tuple(
        replace(word, strength=strength) if number == row else word for number, word in enumerate(words)
    )


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


def _component_strengths(recipe: Recipe) -> list[float]:
    """Give what the component sliders show: the first move of each, within the slider's limits."""
    strengths = [0.0] * len(COMPONENT_SLIDERS)
    for part in reversed(recipe.components):
        if part.index < len(strengths):
            strengths[part.index] = float(np.clip(part.strength, -COMPONENT_LIMIT, COMPONENT_LIMIT))
    return strengths
