"""What the page asks about a photo before it is drawn: which face, whether to use it, how it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from editing.page import ids
from editing.page.drawing import restored
from editing.page.packing import ready
from editing.page.parts import Part, Updates, row_of_pictures
from editing.page.pictures import present
from editing.page.presence import presence
from editing.page.regions.crop import crop_controls, then_invert
from editing.page.regions.photo import OPENED, cleared_for, look_for_faces, on_photo, take_face
from editing.page.sentences import ASKED, UNDO_TURN, say
from editing.page.session import Inverted, Visit
from editing.page.show import cleared
from editing.page.values import picked
from editing.page.wiring import Wiring
from samm.crop.crop import Photo
from samm.crop.photographed import NOT_A_FACE

__all__ = ["PART", "on_face", "on_other_photo", "on_undo_turn", "on_use_anyway"]


def lay_out() -> None:
    """Lay out the questions, which are hidden until there is one."""
    gr.Button(UNDO_TURN, elem_id=ids.UNDO_TURN, size="sm", visible=False)
    with gr.Column(visible=False, elem_id=ids.DOUBT):
        gr.HTML(f'<p role="alert">{NOT_A_FACE}</p>')
        with gr.Row():
            gr.Button("Use it anyway", elem_id=ids.USE_ANYWAY, size="sm", min_width=120)
            gr.Button("Another photo", elem_id=ids.OTHER_PHOTO, size="sm", min_width=120, variant="primary")
    label = "Faces found: pick one; you can edit one after the other"
    row_of_pictures(None, label, ids.FACES, 6, visible=False)


def wire(wiring: Wiring) -> None:
    """Connect faces, answers and the way back from a turn."""
    then_invert(wiring, wiring.on(wiring[ids.FACES].select, on_face, (), OPENED, picks=True).then)
    answered = wiring.on(wiring[ids.USE_ANYWAY].click, on_use_anyway, (), [ids.DOUBT])
    then_invert(wiring, answered.then)
    wiring.on(wiring[ids.OTHER_PHOTO].click, on_other_photo, (), [*OPENED, ids.PHOTO])
    undone = wiring.on(wiring[ids.UNDO_TURN].click, on_undo_turn, (), OPENED, **wiring.status_progress)
    then_invert(wiring, undone.then)


def on_undo_turn(visit: Visit) -> Iterator[Updates]:
    """Take the photo as its file has it."""
    if visit.opened is None or not visit.opened.photo.turned_deg:
        return
    presence(visit.tab).stop.set()
    opened = visit.opened
    visit = visit.begun()
    yield {**cleared_for(visit), ids.STATUS: say("Looking for faces…")}
    yield look_for_faces(visit, Photo(opened.photo.path, name=opened.photo.name), opened.folder)


def on_use_anyway(visit: Visit) -> Iterator[Updates]:
    """Take the face that was asked about."""
    if visit.asked is not None:
        yield {
            ids.VISIT: replace(visit, crop=visit.asked, asked=None),
            ids.DOUBT: gr.Column(visible=False),
        }


def on_other_photo(visit: Visit) -> Iterator[Updates]:
    """Put the photo away, to make place for another."""
    for updates in on_photo(visit, None):
        yield {**updates, ids.PHOTO: None}


def on_face(visit: Visit, index: int) -> Iterator[Updates]:
    """Take the face that was picked; the one before is kept as it was left, and so is found again."""
    opened = visit.opened
    if opened is None:
        picked((), index)  # says that there is no such picture
        return
    crop = picked(opened.crops, index)
    if isinstance(visit, Inverted):
        visit = replace(visit, people={**visit.people, visit.face: replace(visit, people={})})
    if index in visit.people:
        known = replace(visit.people[index], people=visit.people, **visit.chosen)
        yield {**restored(known, present(known)), **crop_controls(ready(crop), opened.folder)}
        return
    taken = take_face(visit, opened, ready(crop))
    if taken[ids.VISIT].asked:  # nothing is inverted before the answer
        taken = {**cleared(), ids.CONTROLS: taken[ids.VISIT], ids.STATUS: say(ASKED), **taken}
    yield {**taken, **crop_controls(ready(crop), opened.folder)}


PART = Part(lay_out=lay_out, wire=wire)
