"""The result: the state in one sentence, the picture, and beside it what is kept from the photo."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from editing.page import ids
from editing.page.parts import Part, Updates
from editing.page.pictures import present
from editing.page.sentences import COMPARE, EMPTY, VIEWS, say
from editing.page.session import Inverted, Visit
from editing.page.show import pictures
from editing.page.wiring import Wiring

__all__ = ["PART", "on_view"]


def lay_out() -> None:
    """Lay out the state, the picture, its mask and how it is looked at."""
    gr.HTML(say(EMPTY), elem_id=ids.STATUS)
    gr.Radio(list(VIEWS), value=COMPARE, label="View", show_label=False, container=False, elem_id=ids.VIEW)
    with gr.Row(elem_id=ids.SHOWN):
        gr.ImageSlider(
            label="Before and after",
            interactive=False,
            format="png",
            max_height=720,
            elem_id=ids.COMPARE,
            buttons=["fullscreen"],
        )
        gr.Image(
            label="Result",
            interactive=False,
            format="png",
            visible="hidden",
            elem_id=ids.STAGE,
            alt_text="No result yet",
            buttons=["fullscreen"],
        )
        gr.Image(
            label="From your photo",
            interactive=False,
            format="png",
            visible="hidden",
            elem_id=ids.KEPT,
            alt_text="No mask yet",
            buttons=["fullscreen"],
            min_width=80,
        )


def wire(wiring: Wiring) -> None:
    """Connect the choice of a view."""
    wiring.shows(wiring[ids.VIEW].input, on_view, (), (ids.COMPARE, ids.STAGE))


def on_view(visit: Visit) -> Iterator[Updates]:
    """Show another view; nothing is drawn."""
    if isinstance(visit, Inverted):
        yield pictures(visit, present(visit))


PART = Part(lay_out=lay_out, wire=wire)
