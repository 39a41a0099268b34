"""What the stage shows, and how far the likeness goes."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from editing.page import gpu, ids
from editing.page.likeness import LIKENESS, USUAL
from editing.page.parts import Tab, Updates
from editing.page.pictures import present
from editing.page.regions.kept import brushed, without_brush
from editing.page.sentences import COMPARE, VIEWS
from editing.page.session import Inverted, Visit
from editing.page.show import pictures
from editing.page.wiring import Wiring

__all__ = ["TAB", "on_view"]


def lay_out() -> None:
    """Lay out both choices."""
    gr.Radio(list(VIEWS), value=COMPARE, label="The stage shows", elem_id=ids.VIEW)
    gr.Radio(
        list(LIKENESS),
        value=USUAL,
        label="Likeness",
        info="“Closer” looks in the background for a code that draws your face better, and takes it if so; "
        "“Closest” also bends the generator to your photo, which takes minutes without a GPU.",
        elem_id=ids.LIKENESS,
    )


def wire(wiring: Wiring) -> None:
    """Connect the choice of a view; the likeness is that of `editing.page.regions.better`."""
    seen = (ids.COMPARE, ids.STAGE, ids.BRUSH_ON)
    brushed(wiring, wiring.shows(wiring[ids.VIEW].input, on_view, (), seen, **gpu.LANE))


def on_view(visit: Visit) -> Iterator[Updates]:
    """Show another view; nothing is drawn."""
    if isinstance(visit, Inverted):
        visit, updates = without_brush(visit)
        yield {**updates, **pictures(visit, present(visit))}


TAB = Tab(label="View and likeness", lay_out=lay_out, wire=wire)
