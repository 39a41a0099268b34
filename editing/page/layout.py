"""The page: its tabs and regions put together and wired."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import gradio as gr

from editing.page import api, files, folders, gpu, ids, wall
from editing.page import sentences as texts
from editing.page.drawing import change
from editing.page.launch import FOLDER
from editing.page.parts import Part, Tab, Updates, read_recipe, settings
from editing.page.presence import leave
from editing.page.privacy import how_served, privacy
from editing.page.regions import downloads, history, inversion, photo, result
from editing.page.session import Inverted, Visit
from editing.page.tabs import attributes, explore, masks, strip, words
from editing.page.wiring import Wiring

__all__ = ["PARTS", "TABS", "build", "on_controls"]

TABS: tuple[Tab, ...] = (attributes.TAB, words.TAB, explore.TAB, masks.TAB, strip.TAB)
PARTS: tuple[Part, ...] = (photo.PART, inversion.PART, *TABS, result.PART, history.PART, downloads.PART)
INPUTS = tuple(name for part in PARTS for name in part.inputs)
CONTROLS = tuple(settings(PARTS, Visit()))


def build() -> gr.Blocks:
    """Load the models, lay out the page and wire it."""

    def tell_privacy(request: gr.Request) -> str:
        """Say what becomes of a photo, now that it is known how the page was started and is reached."""
        how = how_served(os.environ, demo.server_name, demo.share, demo.root_path, request.headers)
        return texts.introduction(privacy(how))

    folders.claim(FOLDER, files.LIVES_S)
    gpu.load()
    with wall.GatedBlocks(title=texts.TITLE, fill_width=True, delete_cache=(600, files.LIVES_S)) as demo:
        state = gr.State(Visit(), time_to_live=files.LIVES_S, delete_callback=_delete)
        headline = gr.Markdown(texts.introduction(privacy(how_served(os.environ))))
        if gpu.missing():
            gr.Markdown(f"**Model files are missing.** {gpu.missing()}", elem_id=ids.MISSING)
        with gr.Row(elem_id=ids.PAGE):
            _columns()
        wiring = Wiring(demo, state, PARTS, CONTROLS)
        for part in PARTS:
            part.wire(wiring)
        _wire_inputs(wiring)
        api.publish()
        demo.load(tell_privacy, None, headline, api_visibility="private", queue=False, show_progress="hidden")
        demo.unload(on_leave)
    return demo.queue(max_size=30)


def _columns() -> None:
    """Lay out both columns."""
    with gr.Column(elem_id=ids.LEFT):
        with gr.Column(elem_id=ids.SOURCE):
            photo.PART.lay_out()
        with gr.Column(elem_id=ids.INVERSION):
            inversion.PART.lay_out()
            with gr.Tabs(elem_id=ids.TABS):
                for tab in TABS:
                    # All tabs are there from the start: their sliders are inputs of every edit.
                    with gr.Tab(tab.label, elem_id=f"tab_{tab.label.lower()}", render_children=True):
                        tab.lay_out()
            with gr.Accordion("How it works, limits, privacy, licence", open=False, elem_id=ids.ABOUT):
                gr.Markdown(texts.ABOUT)
    with gr.Column(elem_id=ids.RIGHT):
        with gr.Column(elem_id=ids.RESULT):
            result.PART.lay_out()
        with gr.Column(elem_id=ids.MORE):
            history.PART.lay_out()
            downloads.PART.lay_out()


def _wire_inputs(wiring: Wiring) -> None:
    """Draw whenever a slider or a switch of a recipe is moved; what is chosen counts for later moves."""
    sliders = [name for name in INPUTS if isinstance(wiring[name], gr.Slider)]
    switches = [wiring[name].input for name in INPUTS if isinstance(wiring[name], gr.Checkbox)]
    wiring.draws([*wiring.moves(sliders), *switches], on_controls, INPUTS)


def on_controls(visit: Inverted, *values: Any) -> Iterator[Updates]:
    """Make the picture that sliders and switches ask for, by the values of `INPUTS`."""
    recipe = read_recipe(PARTS, visit, dict(zip(INPUTS, values, strict=True)))
    yield from change(visit, recipe, visit.words)


def on_leave(request: gr.Request) -> None:
    """Forget a visitor whose tab was closed."""
    leave(request.session_hash or "")


def _delete(visit: Visit) -> None:
    """Delete the files of a visit that nobody has come back to."""
    if visit.opened:
        files.delete(visit.opened.folder)
