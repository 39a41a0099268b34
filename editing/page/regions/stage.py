"""The stage: the state in one sentence, the picture, its edits as chips, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from editing.page import ids
from editing.page.drawing import go, restore, restore_masks
from editing.page.opening import welcome
from editing.page.parts import Part, Updates, row_of_pictures
from editing.page.sentences import EMPTY, WELCOME, say
from editing.page.session import Inverted, Step, Visit
from editing.page.show import PAINT_PX
from editing.page.wiring import RESTORED, Handler, Wiring
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.line import signed
from editing.recipe.recipe import Recipe

__all__ = ["PART", "edits_of", "lay_out_steps", "on_history", "on_redo", "on_reset", "on_undo"]

ACTIONS = {
    ids.UNDO: "↶ Undo",
    ids.REDO: "↷ Redo",
    ids.HOLD: "◐ Compare",
    ids.SAVE: "Save",
    ids.SHARE: "Share",
}
FOLLOWS = (*ids.EDIT_CHIPS, ids.RESET, ids.PROBLEM, ids.HISTORY, ids.UNDO, ids.REDO)


def lay_out() -> None:
    """Lay out state and picture; at first it is an example's, if one needs no drawing."""
    example = welcome()
    with gr.Row(elem_id=ids.STATE):
        gr.HTML(say(WELCOME if example else EMPTY), elem_id=ids.STATUS)
        gr.Button("Try again", elem_id=ids.INVERT, visible=False, size="sm", min_width=90, scale=0)
        gr.Button("Stop", elem_id=ids.STOP, visible=False, size="sm", min_width=60, scale=0)
    with gr.Column(elem_id=ids.SHOWN):
        gr.ImageSlider(
            (example.before, example.after) if example else None,
            label="Before and after",
            show_label=False,
            interactive=False,
            format="png",
            max_height=1024,
            elem_id=ids.COMPARE,
            buttons=["fullscreen"],
        )
        gr.Image(
            example and example.after,
            label="Result",
            show_label=False,
            interactive=False,
            format="png",
            visible="hidden",
            elem_id=ids.STAGE,
            alt_text="No result yet",
            buttons=["fullscreen"],
        )
        gr.ImageEditor(
            label="Brush",
            show_label=False,
            elem_id=ids.BRUSH,
            visible=False,
            type="numpy",
            format="png",
            sources=(),
            transforms=(),
            layers=gr.LayerOptions(disabled=True),
            brush=gr.Brush(
                default_size=40,
                colors=[("#ffffff", 0.5), ("#000000", 0.5)],
                default_color=("#ffffff", 0.5),
                color_mode="fixed",
            ),
            eraser=gr.Eraser(default_size=40),
            canvas_size=(PAINT_PX, PAINT_PX),
            fixed_canvas=True,
            buttons=[],
        )


def lay_out_steps() -> None:
    """Lay out the edits that the picture has, what can be done with it, and how it came about."""
    example = welcome()
    gr.HTML(visible=False, elem_id=ids.PROBLEM)
    with gr.Row(elem_id=ids.EDITS):
        for name in ids.EDIT_CHIPS:
            gr.Button("Edit", elem_id=name, size="sm", visible=False, min_width=60)
        gr.Button("Reset all", elem_id=ids.RESET, size="sm", visible=False, min_width=80)
    with gr.Row(elem_id=ids.ACTIONS):
        for name, label in ACTIONS.items():
            variant = "primary" if name == ids.SAVE else "secondary"
            gr.Button(label, elem_id=name, size="sm", variant=variant, interactive=False, min_width=56)
    with gr.Row(elem_id=ids.PAST):
        steps = example and [
            (example.plain, "Not edited"),
            (example.small, "; ".join(edits_of(example.recipe))),
        ]
        row_of_pictures(steps, "History", ids.HISTORY, 8)


def wire(wiring: Wiring) -> None:
    """Connect buttons, chips and pictures."""
    for name, handler in {ids.UNDO: on_undo, ids.REDO: on_redo, ids.RESET: on_reset}.items():
        # Every press counts, also those that come while a picture is drawn.
        wiring.draws(wiring[name].click, handler, (), RESTORED, trigger_mode="multiple")
    for number, name in enumerate(ids.EDIT_CHIPS):
        wiring.draws(wiring[name].click, _remover(number), (), RESTORED)
    wiring.draws(wiring[ids.HISTORY].select, on_history, (), RESTORED, picks=True)


def on_undo(visit: Inverted) -> Iterator[Updates]:
    """Go back one step."""
    yield from go(visit, visit.at - 1)


def on_redo(visit: Inverted) -> Iterator[Updates]:
    """Go forward one step."""
    yield from go(visit, visit.at + 1)


def on_history(visit: Inverted, index: int) -> Iterator[Updates]:
    """Go to the step whose picture was picked."""
    yield from go(visit, index)


def on_reset(visit: Inverted) -> Iterator[Updates]:
    """Take back all changes at once; it can be undone."""
    yield from restore_masks(visit, Recipe())


def _remover(number: int) -> Handler:
    """Make the handler of one chip."""

    def on_remove_edit(visit: Inverted) -> Iterator[Updates]:
        recipes = list(edits_of(visit.recipe).values())
        if number < len(recipes):
            yield from restore(visit, recipes[number])

    return on_remove_edit


def edits_of(recipe: Recipe) -> dict[str, Recipe]:
    """Name all edits of a recipe, each with the recipe without it."""
    edits = {
        f"{ATTRIBUTES[name].label} {signed(strength)}": recipe.with_attribute(name, 0)
        for name, strength in recipe.attributes.items()
    }
    for text in recipe.texts:
        others = tuple(other for other in recipe.texts if other != text)
        edits[f"{text.target} {text.strength:g}"] = replace(recipe, texts=others)
    for part in recipe.components:
        rest = tuple(other for other in recipe.components if other != part)
        edits[f"Direction {part.index} {signed(part.strength)}"] = replace(recipe, components=rest)
    if recipe.mask_strength != Recipe.mask_strength:
        plain = replace(recipe, mask_strength=Recipe.mask_strength)
        edits[f"Keep {recipe.mask_strength:g}"] = plain
    return edits


def follow(visit: Inverted) -> Updates:
    """Show history and chips."""
    labels = list(edits_of(visit.recipe))
    last = len(ids.EDIT_CHIPS) - 1
    chips: Updates = {}
    for number, name in enumerate(ids.EDIT_CHIPS):
        more = len(labels) - last if number == last and len(labels) > last + 1 else 0
        label = f"and {more} more" if more else f"{labels[number]} ✕" if number < len(labels) else "Edit"
        chips[name] = gr.Button(label, visible=number < len(labels), interactive=not more)
    before = (None, *visit.steps)
    captions = [_caption(step, former) for step, former in zip(visit.steps, before, strict=False)]
    history = [(step.thumbnail, caption) for step, caption in zip(visit.steps, captions, strict=True)]
    return {
        **chips,
        ids.PROBLEM: gr.HTML(visible=False),
        ids.HISTORY: gr.Gallery(history, selected_index=visit.at),
        ids.RESET: gr.Button(visible=bool(labels) or visit.paint is not None or bool(visit.protected)),
        ids.UNDO: gr.Button(interactive=visit.at > 0),
        ids.REDO: gr.Button(interactive=visit.at < len(visit.steps) - 1),
    }


def _caption(step: Step, former: Step | None) -> str:
    """Say what a step of the history has changed."""
    edits = edits_of(step.recipe)
    older = edits_of(former.recipe) if former else {}
    new = [name for name in edits if name not in older]
    if new or not edits:
        return ", ".join(new) or "Not edited"
    return ", ".join(f"without {name}" for name in older if name not in edits) or ", ".join(edits)


def settings(visit: Visit) -> Updates:
    """Switch the buttons on; without a picture there is no history and no edit."""
    if isinstance(visit, Inverted):
        return {ids.HOLD: gr.Button(interactive=True)}
    hidden: Updates = {name: gr.Button(visible=False) for name in (*ids.EDIT_CHIPS, ids.RESET)}
    hidden |= {ids.PROBLEM: gr.HTML(visible=False)}
    off = {name: gr.Button(interactive=False) for name in (ids.UNDO, ids.REDO, ids.HOLD)}
    return {**hidden, **off, ids.HISTORY: None}


PART = Part(lay_out=lay_out, wire=wire, settings=settings, follow=follow, follows=FOLLOWS)
