"""The photo: where it comes from, and which faces are in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from editing.kept import pair
from editing.page import files, gpu, ids
from editing.page.gate import EXAMPLES, GATE
from editing.page.kept import Example
from editing.page.line import INVERSION
from editing.page.opening import open_example, shipped
from editing.page.packing import hold, ready
from editing.page.parts import Part, Updates, row_of_pictures
from editing.page.pictures import face_strip, present, thinned
from editing.page.presence import presence
from editing.page.regions.crop import PART as CROP
from editing.page.regions.crop import crop_controls, then_invert
from editing.page.sentences import ASKED, COMPARE, EMPTY, UNDO_TURN, say, warn
from editing.page.session import Opened, Visit
from editing.page.show import cleared, put_all, shown
from editing.page.tabs.effects import TILES
from editing.page.values import picked
from editing.page.wiring import RESTORED, Wiring
from samm.crop.crop import Crop, Photo
from samm.crop.faces import NO_FACE
from samm.crop.photographed import NOT_A_FACE
from samm.crop.turn import turn_warning

__all__ = ["OPENED", "PART", "cleared_for", "look_for_faces", "on_example", "on_photo", "on_use", "take_face"]

CAPTIONS = {
    "astronaut": "flag, helmet",
    "hopper": "navy cap",
    "cap": "knitted cap",
    "sunglasses": "sunglasses",
    "scarf": "scarf",
    "microphone": "microphone",
    "face_paint": "face paint",
    "old_photo": "old photo",
}
SHOWN_PX = 1024  # edge of the photo as the page shows it
# All that another photo changes.
OPENED = (
    *RESTORED,
    *(ids.EXAMPLES, ids.HOW, ids.FACES, ids.UNDO_TURN, ids.DOUBT, ids.STRIP, ids.INVERT, ids.BRUSH),
    *(ids.SOURCE, *ids.CROP_SLIDERS, ids.CROP_PREVIEW),
)


def lay_out() -> None:
    """Lay out the examples, and where else a photo comes from and how it is cropped."""
    examples = [(_example_picture(name), caption) for name, caption in CAPTIONS.items()]
    row_of_pictures(examples, "Or try an example", ids.EXAMPLES, 8)
    with gr.Accordion("Camera, paste or drop; move the crop", open=False, elem_id=ids.SOURCE), gr.Row():
        with gr.Column():
            gr.Image(
                label="Your photo",
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                elem_id=ids.PHOTO,
                alt_text="Your photo",
                height=340,
                buttons=["fullscreen"],
            )
        with gr.Column():
            CROP.lay_out()


def _example_picture(name: str) -> str:
    """Give the file of an example before and after its edit; before alone where it has to be drawn."""
    both = None if gpu.missing() else pair(name, gpu.engine().model)
    return str(EXAMPLES / f"{name}.jpg") if both is None else files.put(both, files.lasting_folder(), "jpg")


def wire(wiring: Wiring) -> None:
    """Connect upload and examples."""
    photo, use = wiring[ids.PHOTO], wiring[ids.USE]
    # `on_photo` opens the upload itself (preprocess=False): it knows what to say about a bad file.
    opening: dict[str, Any] = {"preprocess": False, "trigger_mode": "always_last", **wiring.status_progress}
    # Removing the photo is an input too, but then the value of an example that it had may still be sent.
    seen_photo: dict[str, Any] = {"js": "(session, photo) => samm.shownPhoto(session, photo)"}
    uploaded = wiring.on(photo.input, on_photo, [ids.PHOTO], OPENED, **opening, **seen_photo)
    then_invert(wiring, uploaded.then)
    used = wiring.on(use.upload, on_use, [ids.USE], [*OPENED, ids.PHOTO], **opening)
    then_invert(wiring, used.then)
    outputs = [*OPENED, ids.PHOTO, *TILES.values()]
    picking = wiring[ids.EXAMPLES].select
    chosen = wiring.on(picking, on_example, (), outputs, picks=True, **wiring.status_progress)
    then_invert(wiring, chosen.then)


def on_example(visit: Visit, index: int) -> Iterator[Updates]:
    """Open an example: at once where it is kept, else as any photo."""
    name = picked(list(CAPTIONS), index)
    opened = open_example(visit, name)
    if opened is None:
        yield from on_use(visit, {"path": f"{name}.jpg"})
        return
    example = shipped(name)
    assert example
    if opened.view == COMPARE and not opened.overlay:  # both pictures lie there, so they come first
        yield {ids.COMPARE: gr.ImageSlider(value=(opened.before, opened.after), visible=True)}
    updates = shown(opened, present(opened), opened.after)
    yield {
        **cleared_for(opened),
        **updates,
        ids.CONTROLS: updates[ids.VISIT],
        **{TILES[key]: gr.Button(icon=file) for key, file in example.previews.items()},
        ids.PHOTO: None,
        ids.SOURCE: gr.Accordion(open=False),
        **_crop_of(example),
    }


@lru_cache(maxsize=len(CAPTIONS))
def _crop_of(example: Example) -> Updates:
    return crop_controls(example.inversion.crop, files.lasting_folder())


def on_use(visit: Visit, upload: dict | None) -> Iterator[Updates]:
    """Open an upload that came from the one button, and show it where photos are cropped."""
    for updates in on_photo(visit, upload):
        opened = updates[ids.VISIT].opened
        yield {**updates, ids.PHOTO: _shown_photo(opened)} if opened else updates


def _shown_photo(opened: Opened) -> str:
    pixels = ready(opened.crops[0]).photo.pixels if opened.crops else opened.photo.pixels
    return files.put(thinned(pixels, SHOWN_PX), opened.folder, "jpg")


def on_photo(visit: Visit, upload: dict | None) -> Iterator[Updates]:
    """Open an upload and look for faces; everything that belonged to an older photo is cleared."""
    present = presence(visit.tab)
    present.clear()
    visit = visit.begun()
    yield {**cleared_for(visit), ids.STATUS: say("Looking for faces…" if upload else EMPTY)}
    if not upload:
        return
    engine = gpu.engine()
    admitted = GATE.file(upload, visit.tab or None)
    opened = Photo.open(admitted)  # refused here, if at all
    folder = present.new_folder()
    photo = Photo(files.copy_upload(admitted, folder))
    photo.file = opened.file
    warn(photo.file.notes)
    yield look_for_faces(visit, photo.upright(engine.model.domain, engine.detector), folder)


def cleared_for(visit: Visit) -> Updates:
    """Give everything that belonged to an older photo as it is without one."""
    return {
        ids.VISIT: visit,
        **cleared(),
        ids.EXAMPLES: gr.Gallery(selected_index=None),
        ids.HOW: gr.Accordion(open=False),
        ids.FACES: gr.Gallery(visible=False, value=None),
        ids.UNDO_TURN: gr.Button(visible=False),
        ids.DOUBT: gr.Column(visible=False),
        ids.INVERT: gr.Button(visible=False),
        ids.CONTROLS: visit,
    }


def look_for_faces(visit: Visit, photo: Photo, folder: Path) -> Updates:
    """Look for faces in a photo, and let the visitor choose where there is not just one."""
    engine = gpu.engine()
    crops = photo.locate(engine.model.domain, engine.detector)
    opened = Opened.of(presence(visit.tab).new_photo(), folder, photo, crops)
    several = len(crops) > 1
    chosen = take_face(visit, opened, crops[0]) if len(crops) == 1 else {}
    if several:
        sentence = f"Found {len(crops)} faces. Pick one."
    elif chosen and chosen[ids.VISIT].asked:
        sentence = ASKED
    else:
        place = gpu.LINE.place(INVERSION).told
        sentence = f"Face found{place and f'; {place}'}." if crops else NO_FACE
    if photo.turned_deg:
        turned = turn_warning(photo.turned_deg, f"pressing {UNDO_TURN}")
        warn([turned])
        sentence = f"{sentence} {turned}"
    # Where no face is found the visitor starts from the largest square in the middle.
    height, width = photo.pixels.shape[:2]
    proposed = crops[0] if crops else photo.crop(width / 2, height / 2, min(height, width))
    faces = put_all(face_strip(crops), folder) if several else None
    return {
        ids.VISIT: visit.begun(opened),
        ids.STATUS: say(sentence),
        ids.FACES: gr.Gallery(value=faces, visible=several),
        ids.UNDO_TURN: gr.Button(visible=photo.turned_deg != 0),
        ids.SOURCE: gr.Accordion(open=not crops),
        **crop_controls(proposed, folder),
        **chosen,
    }


def take_face(visit: Visit, opened: Opened, crop: Crop) -> Updates:
    """Take a face, but ask first where it does not look like a photographed one."""
    warnings = crop.warnings
    warn([warning for warning in warnings if warning != NOT_A_FACE])
    pixels = crop.pixels(gpu.engine().model.resolution)  # as the inversion needs them, too
    asks, light = NOT_A_FACE in warnings, hold(crop)
    begun = visit.begun(opened, None if asks else light, light if asks else None)
    return {
        ids.VISIT: replace(begun, people=visit.people),
        ids.COMPARE: gr.ImageSlider(visible="hidden"),
        ids.STAGE: gr.Image(
            value=files.put(pixels, opened.folder, "jpg"),
            alt_text="Your face, before anything is drawn",
            visible=True,
        ),
        ids.DOUBT: gr.Column(visible=asks),
    }


PART = Part(lay_out=lay_out, wire=wire)
