"""Masks and steps: what the levels keep, and the way back to every picture before."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from editing.page import ids
from editing.page.drawing import go, restore_masks
from editing.page.parts import Part, Updates
from editing.page.session import Inverted, Visit
from editing.page.wiring import RESTORED, Wiring
from editing.recipe.recipe import Recipe

__all__ = ["PART", "on_history", "on_redo", "on_reset", "on_undo"]


def lay_out() -> None:
    """Lay out buttons, the history and, one click further, the masks."""
    with gr.Row(elem_id=ids.STEPS):
        gr.Button("↶ Undo", elem_id=ids.UNDO, size="sm", interactive=False, min_width=80)
        gr.Button("↷ Redo", elem_id=ids.REDO, size="sm", interactive=False, min_width=80)
        gr.Button("Reset all", elem_id=ids.RESET, size="sm", interactive=False, min_width=80)
    gr.Gallery(
        label="History: pick a step to go back to it",
        columns=5,
        height="auto",
        elem_id=ids.HISTORY,
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="contain",
        format="jpeg",
    )
    with gr.Accordion("Masks of each level", open=False, elem_id=ids.LEVELS):
        gr.Gallery(
            label="Masks: white is kept from the photo",
            columns=5,
            height="auto",
            elem_id=ids.MASKS,
            interactive=False,
            buttons=["fullscreen"],
            object_fit="contain",
            format="png",
        )


def wire(wiring: Wiring) -> None:
    """Connect buttons and pictures."""
    for name, handler in {ids.UNDO: on_undo, ids.REDO: on_redo, ids.RESET: on_reset}.items():
        # Every press counts, also those that come while a picture is drawn.
        wiring.draws(wiring[name].click, handler, (), RESTORED, trigger_mode="multiple")
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


def settings(visit: Visit) -> Updates:
    """Switch the reset on."""
    return {ids.RESET: gr.Button(interactive=isinstance(visit, Inverted))}


PART = Part(lay_out=lay_out, wire=wire, settings=settings)
