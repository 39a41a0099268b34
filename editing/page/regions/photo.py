"""The photo: where it comes from, whether it was turned, and which of its faces is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from editing.page import files, gpu, ids
from editing.page.gate import EXAMPLES, GATE
from editing.page.packing import ready
from editing.page.parts import Part, Updates
from editing.page.pictures import face_strip
from editing.page.presence import presence
from editing.page.regions.inversion import crop_controls, then_invert
from editing.page.sentences import ASKED, EMPTY, UNDO_TURN, say
from editing.page.session import Opened, Visit
from editing.page.show import cleared, put_all
from editing.page.values import picked
from editing.page.wiring import RESTORED, Wiring
from samm.crop.crop import Crop, Photo
from samm.crop.faces import NO_FACE
from samm.crop.photographed import NOT_A_FACE
from samm.crop.turn import turn_warning

__all__ = ["PART", "on_face", "on_other_photo", "on_photo", "on_undo_turn", "on_use_anyway"]

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
# All that another photo changes.
_OPENED = (
    *RESTORED,
    *(ids.FACES, ids.UNDO_TURN, ids.DOUBT, ids.STRIP, ids.INVERT),
    *(ids.CROP, *ids.CROP_SLIDERS, ids.CROP_PREVIEW),
)


def lay_out() -> None:
    """Lay out the photo and where it comes from."""
    gr.Image(
        label="Your photo",
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        elem_id=ids.PHOTO,
        alt_text="Your photo",
        height=340,
        buttons=["fullscreen"],
    )
    gr.Button(UNDO_TURN, elem_id=ids.UNDO_TURN, size="sm", visible=False)
    with gr.Column(visible=False, elem_id=ids.DOUBT):
        gr.HTML(f'<p role="alert">{NOT_A_FACE}</p>')
        with gr.Row():
            gr.Button("Use it anyway", elem_id=ids.USE_ANYWAY, size="sm", min_width=120)
            gr.Button("Another photo", elem_id=ids.OTHER_PHOTO, size="sm", min_width=120, variant="primary")
    gr.Gallery(
        [(str(EXAMPLES / f"{name}.jpg"), caption) for name, caption in CAPTIONS.items()],
        label="Or pick an example",
        columns=4,
        elem_id=ids.EXAMPLES,
        allow_preview=False,
        interactive=False,
        buttons=[],
    )
    gr.Gallery(
        label="Faces found: pick one",
        columns=4,
        height="auto",
        visible=False,
        elem_id=ids.FACES,
        allow_preview=False,
        interactive=False,
        buttons=[],
    )


def wire(wiring: Wiring) -> None:
    """Connect upload, examples, faces and the way back from a turn."""
    photo = wiring[ids.PHOTO]
    # `on_photo` opens the upload itself (preprocess=False): it knows what to say about a bad file.
    opening: dict[str, Any] = {"preprocess": False, "trigger_mode": "always_last", **wiring.status_progress}
    # Removing the photo is an input too, but then the value of an example that it had may still be sent.
    seen_photo: dict[str, Any] = {"js": "(session, photo) => samm.shownPhoto(session, photo)"}
    uploaded = wiring.on(photo.input, on_photo, [ids.PHOTO], _OPENED, **opening, **seen_photo)
    then_invert(wiring, uploaded.then)
    chosen = wiring[ids.EXAMPLES].select(
        pick_example, None, photo, show_progress="hidden", api_visibility="private"
    )
    then_invert(wiring, wiring.on(chosen.then, on_photo, [ids.PHOTO], _OPENED, **opening).then)
    then_invert(wiring, wiring.on(wiring[ids.FACES].select, on_face, (), _OPENED, picks=True).then)
    answered = wiring.on(wiring[ids.USE_ANYWAY].click, on_use_anyway, (), [ids.DOUBT, ids.INVERT])
    then_invert(wiring, answered.then)
    wiring.on(wiring[ids.OTHER_PHOTO].click, on_other_photo, (), [*_OPENED, ids.PHOTO])
    undone = wiring.on(wiring[ids.UNDO_TURN].click, on_undo_turn, (), _OPENED, **wiring.status_progress)
    then_invert(wiring, undone.then)


def pick_example(event: gr.SelectData) -> str:
    """Put the example that was picked into the place of the upload."""
    return str(EXAMPLES / f"{picked(list(CAPTIONS), event.index)}.jpg")


def on_photo(visit: Visit, upload: dict | None) -> Iterator[Updates]:
    """Open an upload and look for faces; everything that belonged to an older photo is cleared."""
    present = presence(visit.tab)
    present.clear()
    visit = visit.begun()
    yield {**_cleared(visit), ids.STATUS: say("Looking for faces…" if upload else EMPTY)}
    if not upload:
        return
    engine = gpu.engine()
    admitted = GATE.file(upload, visit.tab or None)
    opened = Photo.open(admitted)  # refused here, if at all
    folder = present.new_folder()
    photo = Photo(files.copy_upload(admitted, folder))
    photo.file = opened.file
    for note in photo.file.notes:
        gr.Warning(note)
    yield _found(visit, photo.upright(engine.model.domain, engine.detector), folder)


def on_undo_turn(visit: Visit) -> Iterator[Updates]:
    """Take the photo as its file has it."""
    if visit.opened is None or not visit.opened.photo.turned_deg:
        return
    presence(visit.tab).stop.set()
    opened = visit.opened
    visit = visit.begun()
    yield {**_cleared(visit), ids.STATUS: say("Looking for faces…")}
    yield _found(visit, Photo(opened.photo.path, name=opened.photo.name), opened.folder)


def _cleared(visit: Visit) -> Updates:
    return {
        ids.VISIT: visit,
        **cleared(),
        ids.FACES: gr.Gallery(visible=False, value=None),
        ids.UNDO_TURN: gr.Button(visible=False),
        ids.DOUBT: gr.Column(visible=False),
        ids.INVERT: gr.Button(interactive=False),
        ids.CONTROLS: visit,
    }


def _found(visit: Visit, photo: Photo, folder: Path) -> Updates:
    """Look for faces in a photo, and let the visitor choose where there is not just one."""
    engine = gpu.engine()
    crops = photo.locate(engine.model.domain, engine.detector)
    opened = Opened.of(presence(visit.tab).new_photo(), folder, photo, crops)
    several = len(crops) > 1
    chosen = _chosen(visit, opened, crops[0]) if len(crops) == 1 else {}
    if several:
        sentence = f"Found {len(crops)} faces. Pick one."
    elif chosen and chosen[ids.VISIT].asked:
        sentence = ASKED
    else:
        sentence = "Face found." if crops else NO_FACE
    if photo.turned_deg:
        turned = turn_warning(photo.turned_deg, f"pressing {UNDO_TURN}")
        gr.Warning(turned)
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
        ids.CROP: gr.Accordion(open=not crops),
        **crop_controls(proposed, folder),
        **chosen,
    }


def _chosen(visit: Visit, opened: Opened, crop: Crop) -> Updates:
    """Take a face, but ask first where it does not look like a photographed one."""
    warnings = crop.warnings
    for warning in warnings:
        if warning != NOT_A_FACE:
            gr.Warning(warning)
    asks, light = NOT_A_FACE in warnings, crop.light()
    return {
        ids.VISIT: visit.begun(opened, None if asks else light, light if asks else None),
        ids.DOUBT: gr.Column(visible=asks),
        ids.INVERT: gr.Button(interactive=not asks),
    }


def on_use_anyway(visit: Visit) -> Iterator[Updates]:
    """Take the face that was asked about."""
    if visit.asked is not None:
        yield {
            ids.VISIT: visit.begun(visit.opened, visit.asked),
            ids.DOUBT: gr.Column(visible=False),
            ids.INVERT: gr.Button(interactive=True),
        }


def on_other_photo(visit: Visit) -> Iterator[Updates]:
    """Put the photo away, to make place for another."""
    for updates in on_photo(visit, None):
        yield {**updates, ids.PHOTO: None}


def on_face(visit: Visit, index: int) -> Iterator[Updates]:
    """Take the face that was picked."""
    opened = visit.opened
    if opened is None:
        picked((), index)  # says that there is no such picture
        return
    crop = ready(picked(opened.crops, index))
    chosen = _chosen(visit, opened, crop)
    if chosen[ids.VISIT].asked:  # nothing is inverted before the answer
        chosen = {**cleared(), ids.CONTROLS: chosen[ids.VISIT], ids.STATUS: say(ASKED), **chosen}
    yield {**chosen, **crop_controls(crop, opened.folder)}


PART = Part(lay_out=lay_out, wire=wire)
