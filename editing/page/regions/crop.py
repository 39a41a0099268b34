"""The crop and its inversion: placed by the face or by hand, and reconstructed at once."""

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
from editing.page.packing import ready
from editing.page.parts import Part, Updates
from editing.page.pictures import kept_share, placed
from editing.page.presence import Stopped, is_current, presence
from editing.page.regions.better import improved
from editing.page.sentences import UNDO_TURN, say
from editing.page.session import Inverted, Visit
from editing.page.show import canvas, result
from editing.page.tabs.effects import previewed
from editing.page.wiring import PROGRESS, Wiring
from editing.recipe.recipe import Recipe
from samm.crop.crop import Crop
from samm.crop.turn import turn_warning
from samm.errors import PhotoError
from samm.inversion import Inversion

__all__ = ["PART", "crop_controls", "on_crop", "on_crop_moved", "on_invert", "on_stop", "then_invert"]


def lay_out() -> None:
    """Lay out the crop and what takes it."""
    gr.Image(
        label="Drag to move the crop",
        interactive=False,
        height=300,
        elem_id=ids.CROP_PREVIEW,
        alt_text="Your photo; what is not dark will be edited",
        buttons=[],
    )
    gr.Slider(0, 1024, 512, step=1, label="Center, left to right (px)", elem_id=ids.CROP_X)
    gr.Slider(0, 1024, 512, step=1, label="Center, top to bottom (px)", elem_id=ids.CROP_Y)
    gr.Slider(20, 2048, 1024, step=1, label="Size (px)", elem_id=ids.CROP_SIZE)
    gr.Slider(-180, 180, 0, step=0.5, label="Turn (degrees)", elem_id=ids.CROP_TURN)
    gr.Button("Use this crop", elem_id=ids.USE_CROP, size="sm")


def wire(wiring: Wiring) -> None:
    """Connect crop, inversion and stop."""
    moved, placed = wiring.moves(ids.CROP_SLIDERS), ids.CROP_SLIDERS
    wiring.on(moved, on_crop_moved, placed, [ids.CROP_PREVIEW], trigger_mode="always_last")
    then_invert(wiring, wiring.on(wiring[ids.USE_CROP].click, on_crop, placed, [ids.DOUBT]).then)
    then_invert(wiring, wiring[ids.INVERT].click)
    wiring[ids.STOP].click(on_stop, None, None, queue=False, show_progress="hidden", api_visibility="private")


def then_invert(wiring: Wiring, event: Any) -> None:
    """Invert after an event that has chosen a crop; then show all effects on it, and improve it."""
    done = wiring.inverts(event, on_invert, ())
    previewed(wiring, done.then)
    improved(wiring, done.then)


def on_crop_moved(visit: Visit, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Show what the crop sliders cut out, which a drag on the photo moves."""
    if visit.opened:
        crop = ready(visit.opened.photo.crop(x, y, size, turn))
        yield {ids.CROP_PREVIEW: files.put(placed(crop), visit.opened.folder, "jpg")}


def on_crop(visit: Visit, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Take the crop that was placed by hand; its edits are those of the crop before."""
    if not visit.opened:
        raise PhotoError("There is no photo to crop; upload one or pick an example.")
    crop = visit.opened.photo.crop(x, y, size, turn, gpu.engine().model.domain)
    again = visit.recipe if isinstance(visit, Inverted) else Recipe()
    yield {
        ids.VISIT: replace(visit.begun(visit.opened, crop), again=again),
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
        ids.CROP_PREVIEW: files.put(placed(crop), folder, "jpg"),
    }


class _Teller:
    """Tells a visitor how far the work is, and the work whether to stop."""

    def __init__(self, stop: threading.Event, progress: gr.Progress):
        self._stop, self._progress = stop, progress

    def tell_or_stop(self, stage: str, done: int, total: int) -> None:
        """Tell, where there is nothing to show before the end."""
        self._progress(done / total, desc=f"{stage} {done} of {total}" if total > 1 else stage)
        if self._stop.is_set():
            raise Stopped


def on_invert(visit: Visit, progress: gr.Progress = PROGRESS) -> Iterator[Updates]:
    """Invert the chosen crop, if there is one that is not inverted yet."""
    if visit.crop is None or isinstance(visit, Inverted):
        return  # several faces and none picked yet, or no photo: the status says so already
    stop = presence(visit.tab).stop
    stop.clear()
    teller = _Teller(stop, progress)
    again, stopping = gr.Button(visible=False), gr.Button(visible=True)
    yield {ids.STATUS: say("Reading your face…"), ids.STOP: stopping, ids.INVERT: again}
    start = time.perf_counter()
    crop = ready(visit.crop)
    crop.pixels(gpu.engine().model.resolution)  # read and judged here
    try:
        inversion = gpu.invert_on_gpu(crop, None if gpu.ZERO_GPU else teller.tell_or_stop)
        teller.tell_or_stop("Blending", 1, 1)
    except Exception as error:
        if isinstance(error, Stopped) and not is_current(visit):
            return  # another photo has come meanwhile, and has the status line
        yield {ids.INVERT: gr.Button(visible=True)}
        raise
    seconds = time.perf_counter() - start
    begun, kept, updates = _begin(visit, inversion)
    if not is_current(visit):
        return
    gpu.warm_up()
    sentence = f"Done in {seconds:.1f} s. {kept}{_turned(begun)}"
    yield {**updates, ids.CONTROLS: begun, ids.STATUS: say(sentence)}


def _turned(visit: Inverted) -> str:
    turned_deg = visit.opened.photo.turned_deg
    return f" {turn_warning(turned_deg, f'pressing {UNDO_TURN}')}" if turned_deg else ""


def _begin(visit: Visit, inversion: Inversion) -> tuple[Inverted, str, Updates]:
    """Make an inversion the first step of a new history, and the recipe of the crop before the next one.

    Returns:
        The visit, the sentence on the share kept from the photo, and what changes on the page.
    """
    begun = Inverted.of(visit, inversion)
    folder = begun.folder
    begun = replace(begun, before=files.put_webp(begun.inversion.photo, folder))
    begun, edited = stepped(begun, Recipe(), ())
    if visit.again != Recipe():
        begun, edited = stepped(redrawn(begun, visit.again), visit.again, visit.again.texts)
    updates = {**result(begun, edited), **canvas(begun, edited)}
    return updates[ids.VISIT], kept_share(edited), updates


def on_stop(request: gr.Request) -> None:
    """Ask what is running for this visitor to stop."""
    presence(request.session_hash or "").stop.set()


PART = Part(lay_out=lay_out, wire=wire)
