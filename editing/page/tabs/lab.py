"""The Lab: for who knows the method and wants to see into it. Another room is one more entry of `ROOMS`."""

from __future__ import annotations

import gradio as gr

from editing.page.lab import directions, masks, programs, strip, view
from editing.page.parts import Tab

__all__ = ["ROOMS", "TAB"]

ROOMS: tuple[Tab, ...] = (view.TAB, masks.TAB, directions.TAB, strip.TAB, programs.TAB)


def lay_out() -> None:
    """Lay out each room, the first one open."""
    for number, room in enumerate(ROOMS):
        with gr.Accordion(room.label, open=number == 0, elem_id=f"lab_{room.slug}"):
            room.lay_out()


def wire(wiring: object) -> None:
    """Nothing happens here but in the rooms, which are parts of the page themselves."""


TAB = Tab(label="Lab", lay_out=lay_out, wire=wire)
