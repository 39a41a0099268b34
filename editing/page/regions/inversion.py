"""The crop and its inversion: the fast picture at once, a more faithful one in its place when it is ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from editing.page import files, gpu, ids
from editing.page.drawing import redrawn, stepped
from editing.page.likeness import FAITHFUL, FAST, LIKENESS, slower, told
from editing.page.packing import ready
from editing.page.parts import Part, Updates
from editing.page.pictures import kept_share
from editing.page.presence import Stopped, is_current, presence
from editing.page.sentences import UNDO_TURN, say
from editing.page.session import Inverted, Visit
from editing.page.show import canvas, result
from editing.page.wiring import PROGRESS, Wiring
from editing.recipe.recipe import Recipe
from samm.crop.crop import Crop
from samm.crop.turn import turn_warning
from samm.errors import PhotoError
from samm.inversion import Inversion

__all__ = ["PART", "crop_controls", "on_crop", "on_crop_moved", "on_invert", "on_stop", "then_invert"]

PREVIEW_PX = 256  # of the crop


def lay_out() -> None:
    """Lay out likeness, crop and the buttons."""
    with gr.Row():
        gr.Button("Reconstruct this face", variant="primary", elem_id=ids.INVERT, interactive=False)
        gr.Button("Stop", elem_id=ids.STOP, visible=False)
    fast = gpu.is_fast()
    gr.Radio(
        list(LIKENESS),
        value=FAITHFUL if fast else FAST,
        label="Likeness",
        info="Closer likeness shows the fast result first, then refines it on your photo, which takes "
        f"{'seconds' if fast else 'minutes'}; closest likeness also bends the "
        "generator to it.",
        elem_id=ids.LIKENESS,
    )
    with gr.Accordion("Adjust the crop", open=False, elem_id=ids.CROP):
        gr.Image(
            label="The crop",
            interactive=False,
            height=200,
            elem_id=ids.CROP_PREVIEW,
            alt_text="The part of your photo that will be edited",
            buttons=[],
        )
        gr.Slider(0, 1024, 512, step=1, label="Center, left to right (px)", elem_id=ids.CROP_X)
        gr.Slider(0, 1024, 512, step=1, label="Center, top to bottom (px)", elem_id=ids.CROP_Y)
        gr.Slider(20, 2048, 1024, step=1, label="Size (px)", elem_id=ids.CROP_SIZE)
        gr.Slider(-180, 180, 0, step=0.5, label="Turn (degrees)", elem_id=ids.CROP_TURN)
        gr.Button("Use this crop", elem_id=ids.USE_CROP)


def wire(wiring: Wiring) -> None:
    """Connect crop, inversion and stop."""
    moved, placed = wiring.moves(ids.CROP_SLIDERS), ids.CROP_SLIDERS
    wiring.on(moved, on_crop_moved, placed, [ids.CROP_PREVIEW], trigger_mode="always_last")
    then_invert(wiring, wiring.on(wiring[ids.USE_CROP].click, on_crop, placed, [ids.INVERT, ids.DOUBT]).then)
    then_invert(wiring, wiring[ids.INVERT].click)
    wiring[ids.STOP].click(on_stop, None, None, queue=False, show_progress="hidden", api_visibility="private")


def then_invert(wiring: Wiring, event: Any) -> None:
    """Invert after an event that has chosen a crop."""
    wiring.inverts(event, on_invert, [ids.LIKENESS])


def on_crop_moved(visit: Visit, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Show what the crop sliders cut out."""
    if visit.opened:
        crop = ready(visit.opened.photo.crop(x, y, size, turn))
        yield {ids.CROP_PREVIEW: files.put(crop.pixels(PREVIEW_PX), visit.opened.folder)}


def on_crop(visit: Visit, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Take the crop that was placed by hand."""
    if not visit.opened:
        raise PhotoError("There is no photo to crop; upload one or pick an example.")
    crop = visit.opened.photo.crop(x, y, size, turn, gpu.engine().model.domain)
    yield {
        ids.VISIT: visit.begun(visit.opened, crop),
        ids.INVERT: gr.Button(interactive=True),
        ids.DOUBT: gr.Column(visible=False),
    }


def crop_controls(crop: Crop, folder: Path) -> Updates:
    """Set the sliders of the manual crop, and its preview, to a crop."""
    height, width = crop.photo.pixels.shape[:2]
    (x, y), size, turn = crop.placement
    return {
        ids.CROP_X: gr.Slider(value=round(x), maximum=width),
        ids.CROP_Y: gr.Slider(value=round(y), maximum=height),
        ids.CROP_SIZE: gr.Slider(value=round(size), maximum=2 * max(height, width)),
        ids.CROP_TURN: gr.Slider(value=round(turn, 1)),
        ids.CROP_PREVIEW: files.put(crop.pixels(PREVIEW_PX), folder),
    }


class _Teller:
    """Tells a visitor how far the work is, and the work whether to stop."""

    def __init__(self, stop: threading.Event, progress: gr.Progress):
        self._stop, self._progress = stop, progress
        self._begun_s: dict[str, float] = {}  # by stage

    def tell(self, stage: str, done: int, total: int) -> bool:
        """Tell; the answer True has a search end with the best it has."""
        self._begun_s.setdefault(stage, time.perf_counter())
        counted = f"{stage} {done} of {total}" if total > 1 else stage
        if stage in ("Refining", "Tuning") and done:
            left_s = (time.perf_counter() - self._begun_s[stage]) / done * (total - done)
            counted += f", about {left_s:.0f} s left"
        self._progress(done / total, desc=counted)
        return self._stop.is_set()

    def tell_or_stop(self, stage: str, done: int, total: int) -> None:
        """Tell, where there is nothing to show before the end."""
        if self.tell(stage, done, total):
            raise Stopped


def on_invert(visit: Visit, choice: str, progress: gr.Progress = PROGRESS) -> Iterator[Updates]:
    """Invert the chosen crop.

    Edits made on an earlier inversion of the same crop are made again on the new one.
    """
    if visit.crop is None:
        return  # several faces and none picked yet, or no photo: the status says so already
    stop = presence(visit.tab).stop
    stop.clear()
    teller = _Teller(stop, progress)
    yield {ids.STATUS: say("Reconstructing…"), ids.STOP: gr.Button(visible=True)}
    start = time.perf_counter()
    crop = ready(visit.crop)
    crop.pixels(gpu.engine().model.resolution)  # read and judged here
    try:
        inversion = gpu.invert_on_gpu(crop, None if gpu.ZERO_GPU else teller.tell_or_stop)
        teller.tell_or_stop("Blending", 1, 1)
    except Stopped:
        if not is_current(visit):
            return  # another photo has come meanwhile, and has the status line
        raise
    seconds = time.perf_counter() - start
    begun, kept, updates = _begin(visit, inversion)
    if not is_current(visit):
        return
    sentence = f"Done in {seconds:.1f} s. {kept}"
    gpu.warm_up()
    if choice == FAST and not gpu.is_fast():
        sentence += f" For more likeness choose {slower(inversion)}."
    for doing, improve in LIKENESS[choice].stages():
        if stop.is_set():
            break
        yield {**updates, ids.STATUS: say(f"{sentence} Now {doing}…"), ids.STOP: gr.Button(visible=True)}
        inversion = improve(inversion, None if gpu.ZERO_GPU else teller.tell)
        if not is_current(visit):
            return
        begun, kept, updates = _begin(visit, inversion)
        sentence = f"{told(inversion, time.perf_counter() - start, stop.is_set())} {kept}"
    yield {**updates, ids.CONTROLS: begun, ids.STATUS: say(f"{sentence}{_turned(begun)}")}


def _turned(visit: Inverted) -> str:
    turned_deg = visit.opened.photo.turned_deg
    return f" {turn_warning(turned_deg, f'pressing {UNDO_TURN}')}" if turned_deg else ""


def _begin(visit: Visit, inversion: Inversion) -> tuple[Inverted, str, Updates]:
    """Make an inversion the first step of a new history, and the recipe before the next one.

    Returns:
        The visit, the sentence on the share kept from the photo, and what changes on the page.
    """
    recipe, words = (visit.recipe, visit.words) if isinstance(visit, Inverted) else (Recipe(), ())
    begun = Inverted.of(visit, inversion)
    folder = begun.folder
    begun = replace(begun, before=files.put(inversion.photo_u8, folder))
    begun, edited = stepped(begun, Recipe(), ())
    if recipe != Recipe():
        begun, edited = stepped(redrawn(begun, recipe), recipe, words)
    updates = {**result(begun, edited), **canvas(inversion, folder)}
    return updates[ids.VISIT], kept_share(edited), updates


def on_stop(request: gr.Request) -> None:
    """Ask what is running for this visitor to stop."""
    presence(request.session_hash or "").stop.set()


PART = Part(lay_out=lay_out, wire=wire)
