"""The page: its tabs and regions put together and wired."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.page import about, api, files, folders, gpu, ids, opening, wall
from editing.page import sentences as texts
from editing.page.drawing import change
from editing.page.launch import FOLDER
from editing.page.news import OURS, given
from editing.page.opening import first, first_seen
from editing.page.parts import Part, Tab, Updates, followed, read_recipe, settings
from editing.page.presence import leave
from editing.page.privacy import how_served, privacy
from editing.page.regions import better, choice, crop, downloads, kept, photo, stage
from editing.page.session import Inverted, Visit
from editing.page.tabs import effects, lab, tune, words
from editing.page.wiring import Wiring
from editing.recipe.recipe import Recipe

__all__ = ["PARTS", "TABS", "build", "on_controls"]

TABS: tuple[Tab, ...] = (effects.TAB, words.TAB, tune.TAB, lab.TAB)
PARTS: tuple[Part, ...] = (
    *(photo.PART, crop.PART, choice.PART, stage.PART, kept.PART, better.PART),
    *(*TABS, *lab.ROOMS, downloads.PART),
)
INPUTS = tuple(name for part in PARTS for name in part.inputs)


def build() -> gr.Blocks:
    """Load the models, lay out the page and wire it."""

    def tell_privacy(request: gr.Request) -> str:
        """Say what becomes of a photo, now that it is known how the page was started and is reached."""
        how = how_served(os.environ, demo.server_name, demo.share, demo.root_path, request.headers)
        return texts.introduction(privacy(how), links)

    folders.claim(FOLDER, files.LIVES_S)
    links = about.links(os.environ)
    gpu.load()
    follows = tuple(name for part in PARTS for name in part.follows)
    seen = first_seen()
    begun = settings(PARTS, seen) | (followed(PARTS, seen) if isinstance(seen, Inverted) else {})
    named = {ids.CONTROLS: tuple(settings(PARTS, Visit())), ids.FOLLOWED: follows}
    with wall.GatedBlocks(title=texts.TITLE, fill_width=True, delete_cache=(600, files.LIVES_S)) as demo:
        state = gr.State(first(), time_to_live=files.LIVES_S, delete_callback=_delete)
        headline = _header(links)
        with gr.Row(elem_id=ids.PAGE):
            _columns()
        with gr.Column(elem_id=ids.BELOW):
            photo.PART.lay_out()
            about.lay_out()
        wiring = Wiring(demo, state, PARTS, named)
        for name, update in begun.items():
            _begin(wiring[name], update)
        for part in PARTS:
            part.wire(wiring)
        _wire_inputs(wiring)
        api.publish()
        demo.load(tell_privacy, None, headline, api_visibility="private", queue=False, show_progress="hidden")
        demo.unload(on_leave)
    opening.warm_up()
    return demo.queue(max_size=30)


def _header(links: str) -> gr.Markdown:
    """Lay out what the page is for, and the one button to begin with; gives the sentences."""
    with gr.Row(elem_id=ids.HEADER):
        headline = gr.Markdown(texts.introduction(privacy(how_served(os.environ)), links))
        gr.UploadButton(
            "Use your photo",
            file_types=["image"],
            variant="primary",
            elem_id=ids.USE,
            scale=0,
            min_width=200,
        )
    if gpu.missing():
        gr.Markdown(f"**Model files are missing.** {gpu.missing()}", elem_id=ids.MISSING)
    return headline


def _columns() -> None:
    """Lay out stage, what edits the picture, and what becomes of it: the order of the Tab key."""
    with gr.Column(elem_id=ids.MAIN):
        choice.PART.lay_out()
        stage.PART.lay_out()
    with gr.Column(elem_id=ids.SIDE):
        kept.PART.lay_out()
        with gr.Tabs(elem_id=ids.TABS):
            for tab in TABS:
                # All tabs are there from the start: their controls are inputs of every edit.
                with gr.Tab(tab.label, elem_id=f"tab_{tab.slug}", render_children=True):
                    tab.lay_out()
    with gr.Column(elem_id=ids.STEPS):
        stage.lay_out_steps()
        better.PART.lay_out()
        with gr.Accordion("More to save", open=False, elem_id=ids.MORE):
            downloads.PART.lay_out()


def _begin(block: Any, update: Any) -> None:
    """Have an element begin as an update would set it; pictures are laid out with their parts."""
    if isinstance(block, gr.Gallery):
        return
    for name, value in (given(update) or {}).items():
        if name == "value" or name in OURS:
            setattr(block, name, value)
            block.constructor_args[name] = value  # from which Gradio makes it anew


def _wire_inputs(wiring: Wiring) -> None:
    """Draw whenever a slider or a switch of a recipe is moved; what is chosen counts for later moves."""
    sliders = [name for name in INPUTS if isinstance(wiring[name], gr.Slider)]
    switches = [wiring[name].input for name in INPUTS if isinstance(wiring[name], gr.Checkbox)]
    sliders.remove(ids.MASK_STRENGTH)  # whose picture is only blended anew
    rest = wiring.previews(sliders, wanted, INPUTS)
    drawn = [*rest, *wiring.moves([ids.MASK_STRENGTH]), *switches, wiring[ids.HAIR].input]
    wiring.draws(drawn, on_controls, INPUTS)


def wanted(visit: Inverted, *values: Any) -> Recipe:
    """Give the recipe that sliders and switches ask for, by the values of `INPUTS`."""
    recipe = read_recipe(PARTS, visit, dict(zip(INPUTS, values, strict=True)))
    return replace(recipe, texts=visit.words)


def on_controls(visit: Inverted, *values: Any) -> Iterator[Updates]:
    """Make the picture that sliders and switches ask for, by the values of `INPUTS`."""
    yield from change(visit, wanted(visit, *values), visit.words)


def on_leave(request: gr.Request) -> None:
    """Forget a visitor whose tab was closed."""
    leave(request.session_hash or "")


def _delete(visit: Visit) -> None:
    """Delete the files of a visit that nobody has come back to."""
    if visit.opened:
        files.delete(visit.opened.folder)
