"""Strips and grids: one attribute, or two, at several strengths, to pick from."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from editing.page import gpu, ids
from editing.page.drawing import restore
from editing.page.opening import inverted
from editing.page.packing import unpack
from editing.page.parts import Tab, Updates
from editing.page.presence import presence
from editing.page.sentences import say
from editing.page.session import Inverted, Visit
from editing.page.show import put_all
from editing.page.values import picked
from editing.page.wiring import RESTORED, Wiring
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.line import signed
from editing.strip import GRID, STRIP, grid, strengths, strip

__all__ = ["NO_GRID", "TAB", "on_strip"]

NO_GRID = "Nothing, only a strip"
STRIP_PX = 512
GRID_PX = 256
STRIP_COLUMNS = 4


def lay_out() -> None:
    """Lay out what is varied, and the gallery."""
    names = [(attribute.label, name) for name, attribute in ATTRIBUTES.items()]
    with gr.Row():
        gr.Dropdown(names, value="age", label="Vary", elem_id=ids.STRIP_BY, interactive=False)
        gr.Dropdown(
            [NO_GRID, *names],
            value=NO_GRID,
            label="and downward",
            elem_id=ids.STRIP_DOWN,
            interactive=False,
        )
    gr.Button("Draw", elem_id=ids.STRIP_DRAW, interactive=False)
    gr.Gallery(
        label="Pick a picture to take its values",
        columns=STRIP_COLUMNS,
        height="auto",
        elem_id=ids.STRIP,
        allow_preview=False,
        interactive=False,
        buttons=["fullscreen"],
        object_fit="contain",
        format="jpeg",
    )


def wire(wiring: Wiring) -> None:
    """Connect the button and the gallery."""
    # Beside the lane of edits, which go first.
    options = {
        "concurrency_id": "strips",
        "concurrency_limit": 4,
        "show_progress_on": [wiring[ids.STRIP]],
        "show_progress": "minimal",
    }
    varied = (ids.STRIP_BY, ids.STRIP_DOWN)
    wiring.shows(wiring[ids.STRIP_DRAW].click, on_strip, varied, [ids.STRIP], **options)
    wiring.draws(wiring[ids.STRIP].select, on_strip_picked, (), RESTORED, picks=True)


def on_strip(visit: Visit, across: str, down: str) -> Iterator[Updates]:
    """Draw one attribute at seven strengths, or two at five each; each is shown when it is there."""
    visit = inverted(visit)
    here = presence(visit.tab)
    stop = here.beginning("strip")
    if down == NO_GRID:
        recipes, size, columns = strip(visit.recipe, across), STRIP_PX, STRIP_COLUMNS
        captions = [_named(across, value) for value in strengths(across, STRIP)]
    else:
        recipes, size, columns = grid(visit.recipe, across, down), GRID_PX, GRID
        captions = _edges(across, down)
    size = min(size, gpu.engine().model.resolution)
    here.strip = tuple(recipes)
    shown: list[tuple[str, str]] = []
    for picture in gpu.drawn(unpack(visit.inversion), recipes, size):
        if stop.is_set():
            return
        shown += put_all([(picture, captions[len(shown)])], visit.folder, "jpg")
        yield {
            ids.STRIP: gr.Gallery(shown, columns=columns),
            ids.STATUS: say(f"Drawn {len(shown)} of {len(recipes)} pictures…"),
        }
    yield {ids.STATUS: say("Pick a picture to take its values.")}


def _edges(across: str, down: str) -> list[str]:
    """Name a grid's strengths once: along its first row and down its first column."""
    first_row = [_named(across, value) for value in strengths(across, GRID)]
    first_column = [_named(down, value) for value in strengths(down, GRID)]
    captions = [[row if not y else "" for row in first_row] for y in range(GRID)]
    for y, name in enumerate(first_column):
        captions[y][0] = f"{captions[y][0]}, {name}".removeprefix(", ")
    return [caption for row in captions for caption in row]


def _named(name: str, value: float) -> str:
    return f"{ATTRIBUTES[name].label.lower()} {signed(value)}"


def on_strip_picked(visit: Inverted, index: int) -> Iterator[Updates]:
    """Take the values of a picture of the strip."""
    yield from restore(visit, picked(presence(visit.tab).strip, index))


def settings(visit: Visit) -> Updates:
    """Switch the controls on."""
    ready = isinstance(visit, Inverted)
    return {name: gr.update(interactive=ready) for name in (ids.STRIP_BY, ids.STRIP_DOWN, ids.STRIP_DRAW)}


TAB = Tab(label="Strip", lay_out=lay_out, wire=wire, settings=settings)
