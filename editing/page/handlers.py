"""What happens when a visitor does something. Handlers are generators that yield updates by element id.

Data flow: photo → faces → crop → inversion → recipe → edit → what is shown. No tensor is made here.
"""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing.edit import Edit
from editing.page import controls, files, gpu
from editing.page import sentences as texts
from editing.page.gate import GATE
from editing.page.idle import IDLE
from editing.page.pictures import (
    COMPARE,
    face_strip,
    kept_share,
    mask_items,
    overlay,
    present,
    thumbnail,
    view_of,
)
from editing.page.session import Session, forget, pack, pack_edit, unpack
from editing.page.values import picked
from editing.recipe.file import load_recipe
from editing.recipe.line import describe, signed
from editing.recipe.recipe import Recipe, TextEdit
from editing.strip import GRID, STRIP, grid, strengths, strip
from samm.crop.crop import Crop, Photo
from samm.crop.faces import NO_FACE, face_warnings
from samm.crop.photo import open_photo
from samm.crop.png import save_png
from samm.crop.quad import crop_face, manual_quad, quad_placement
from samm.crop.turn import turn_warning, upright_faces
from samm.errors import OptionError, PhotoError, UserError
from samm.inversion import Inversion

# What a visitor may choose about likeness: steps of refining the code, and of tuning the generator after it.
LIKENESS = {"Fast": (0, 0), "Faithful": (60, 0), "Faithful, tuned": (30, 30)}
PREVIEW_PX = 256  # of the crop
STRIP_PX = 512
GRID_PX = 256
STRIP_COLUMNS = 4
PAINT_PX = 512  # edge of the brush's canvas
NO_GRID = "Nothing, only a strip"
PROGRESS = gr.Progress()  # as a default value it is how a handler asks for its own

Updates = dict[str, Any]


@dataclass
class Visit:
    """What a server knows of a browser tab besides its `Session`: whether to stop, and its newest photo."""

    stop: threading.Event = field(default_factory=threading.Event)
    photo: Path | None = None
    folders: list[Path] = field(default_factory=list)


VISITS: dict[str, Visit] = {}  # by Gradio's session hash


class Stopped(Exception):
    """The visitor pressed Stop."""


def guarded(handler: Callable[..., Iterator[Updates]]) -> Callable[..., Iterator[Updates]]:
    """Turn every error into one sentence on the page; what the visitor has made stays as it is."""

    @wraps(handler)
    def wrapper(*args: Any) -> Iterator[Updates]:
        # A handler that yields nothing would empty all its outputs; this leaves them as they are.
        yield {"status": gr.skip()}
        try:
            with IDLE.awake():
                yield from handler(*args)
            return
        except Stopped:
            sentence = "Stopped. Nothing was changed."
        except UserError as error:
            sentence = str(error)
            gr.Warning(html.escape(sentence), duration=None)
        except gr.Error as error:  # of the GPU's process, or the service's own, such as a spent quota
            sentence = re.sub(r"<[^>]*>", "", error.message)
            gr.Warning(error.message, duration=None)
        except Exception as error:
            sentence = f"{gpu.our_fault(error)} Your photo and edits are still here."
            gr.Warning(sentence, duration=None)
        yield {"status": texts.say(sentence), "stop": gr.Button(visible=False)}

    return wrapper


def visit_of(request: gr.Request) -> Visit:
    """Find or begin the visit that a request belongs to."""
    return VISITS.setdefault(request.session_hash or "", Visit())


# Photo, face, crop ------------------------------------------------------------------------------------------


@guarded
def on_photo(_: Session, upload: dict | None, request: gr.Request) -> Iterator[Updates]:
    """Open an upload and look for faces; everything that belonged to an older photo is cleared."""
    visit = visit_of(request)
    visit.stop.set()  # what still runs for an older photo
    visit.photo = None
    # The folder of the photo before stays until the next one: the browser may still be fetching from it.
    while len(visit.folders) > 1:
        files.delete(visit.folders.pop(0))
    session = Session()
    yield {
        "status": texts.say("Looking for faces…" if upload else texts.EMPTY),
        "session": session,
        "faces": gr.Gallery(visible=False, value=None),
        "compare": None,
        "stage": None,
        "masks": None,
        "strip": None,
        "history": None,
        "mask_edit": None,
        "undo": gr.Button(interactive=False),
        "redo": gr.Button(interactive=False),
        "invert": gr.Button(interactive=False),
        **controls.set_controls(session),
    }
    if not upload:
        return
    engine = gpu.engine()
    admitted = GATE.file(upload, request.session_hash)
    photo_u8 = open_photo(admitted)
    folder = files.new_folder()
    visit.folders.append(folder)
    photo = files.copy_upload(admitted, folder)
    visit.photo = photo
    turned_deg, photo_u8, faces = upright_faces(photo_u8, engine.detector)
    if turned_deg:
        save_png(photo_u8, photo)  # all that follows opens the photo from there
        gr.Warning(turn_warning(turned_deg, "turning the photo and choosing it again"))
    found = tuple(faces)
    height, width = photo_u8.shape[:2]
    # Where no face is found the visitor starts from the largest square in the middle.
    quad = found[0].quad if found else manual_quad((width / 2, height / 2), min(height, width), 0)
    for warning in [w for face in found[:1] for w in face_warnings(face)]:
        gr.Warning(warning)
    several = len(found) > 1
    if several:
        sentence = f"Found {len(found)} faces. Pick one."
    else:
        sentence = "Face found. Ready to invert." if found else NO_FACE
    yield {
        "session": Session(folder, photo, found, quad if len(found) == 1 else None),
        "status": texts.say(sentence),
        "faces": gr.Gallery(
            value=_put_all(face_strip(photo_u8, found), folder) if several else None, visible=several
        ),
        "crop": gr.Accordion(open=not found),
        **_crop_controls(photo_u8, quad, folder),
        "invert": gr.Button(interactive=len(found) == 1),
    }


@guarded
def on_face(session: Session, event: gr.SelectData) -> Iterator[Updates]:
    """Take the face that was picked."""
    quad = picked(session.faces, event.index).quad
    yield {
        "session": Session(session.folder, session.photo, session.faces, quad),
        **_crop_controls(open_photo(session.photo), quad, session.folder),
        "invert": gr.Button(interactive=True),
    }


@guarded
def on_crop_moved(session: Session, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Show what the crop sliders cut out."""
    if session.photo:
        quad = manual_quad((x, y), size, turn)
        preview = crop_face(open_photo(session.photo), quad, PREVIEW_PX)
        yield {"crop_preview": files.put(preview, session.folder)}


@guarded
def on_crop(session: Session, x: float, y: float, size: float, turn: float) -> Iterator[Updates]:
    """Take the crop that was placed by hand."""
    if not session.photo:
        raise PhotoError("There is no photo to crop; upload one or pick an example.")
    quad = manual_quad((x, y), size, turn)
    yield {
        "session": Session(session.folder, session.photo, session.faces, quad),
        "invert": gr.Button(interactive=True),
    }


def _crop_controls(photo_u8: np.ndarray, quad: np.ndarray, folder: Path) -> Updates:
    """Set the sliders of the manual crop, and its preview, to a quad."""
    height, width = photo_u8.shape[:2]
    (x, y), size, turn = quad_placement(quad)
    return {
        "crop_x": gr.Slider(value=round(x), maximum=width),
        "crop_y": gr.Slider(value=round(y), maximum=height),
        "crop_size": gr.Slider(value=round(size), maximum=2 * max(height, width)),
        "crop_turn": gr.Slider(value=round(turn, 1)),
        "crop_preview": files.put(crop_face(photo_u8, quad, PREVIEW_PX), folder),
    }


# Inversion --------------------------------------------------------------------------------------------------


@guarded
def on_invert(
    session: Session,
    choice: str,
    view: str,
    tinted: bool,
    request: gr.Request,
    progress: gr.Progress = PROGRESS,
) -> Iterator[Updates]:
    """Invert the chosen crop: the fast picture at once, a more faithful one in its place when it is ready.

    Edits made on an earlier inversion of the same crop are made again on the new one.
    """
    if session.quad is None:
        return  # several faces and none picked yet, or no photo: the status says so already
    visit = visit_of(request)
    visit.stop.clear()
    begun_s: dict[str, float] = {}  # by stage

    def tell(stage: str, done: int, total: int) -> bool:
        begun_s.setdefault(stage, time.perf_counter())
        counted = f"{stage} {done} of {total}" if total > 1 else stage
        if stage in ("Refining", "Tuning") and done:
            left_s = (time.perf_counter() - begun_s[stage]) / done * (total - done)
            counted += f", about {left_s:.0f} s left"
        progress(done / total, desc=counted)
        return visit.stop.is_set()  # a search then ends with the best it has

    def tell_or_stop(stage: str, done: int, total: int) -> None:
        if tell(stage, done, total):
            raise Stopped

    yield {"status": texts.say("Inverting…"), "stop": gr.Button(visible=True)}
    start = time.perf_counter()
    recipe = session.recipe
    crop = Crop(Photo(session.photo), session.quad, gpu.engine().model.domain)
    crop.pixels(gpu.engine().model.resolution)  # read and judged here
    try:
        inversion = gpu.invert_on_gpu(crop, None if gpu.ZERO_GPU else tell_or_stop)
        tell_or_stop("Blending", 1, 1)
    except Stopped:
        if not _is_current(session, request):
            return  # another photo has come meanwhile, and has the status line
        raise
    seconds = time.perf_counter() - start
    session, kept, updates = _begin(session, inversion, recipe, view, tinted)
    if not _is_current(session, request):
        return
    sentence = f"Done in {seconds:.1f} s. {kept}"
    gpu.warm_up()
    if choice == "Fast" and not gpu.is_fast():
        sentence += f" For more likeness choose {_slower(inversion)}."
    for doing, improve, steps in zip(
        ("refining the likeness", "tuning the generator to your photo"),
        (gpu.refine_on_gpu, gpu.tune_on_gpu),
        LIKENESS[choice],
        strict=True,
    ):
        if not steps or visit.stop.is_set():
            continue
        yield {
            **updates,
            "status": texts.say(f"{sentence} Now {doing}…"),
            "stop": gr.Button(visible=True),
        }
        inversion = improve(inversion, steps, None if gpu.ZERO_GPU else tell)
        if not _is_current(session, request):
            return
        session, kept, updates = _begin(session, inversion, recipe, view, tinted)
        done = _improvement(inversion, time.perf_counter() - start, visit.stop.is_set())
        sentence = f"{done} {kept}"
    yield {**updates, **controls.set_controls(session), "status": texts.say(sentence)}


def _improvement(inversion: Inversion, seconds: float, stopped: bool) -> str:
    """Say what was done to a fast inversion."""
    done, steps = "Refined", f"{inversion.refined}"
    if inversion.tuned_steps:
        done, steps = "Refined and tuned", f"{inversion.refined} + {inversion.tuned_steps}"
    return f"{done} in {seconds:.0f} s.{' Stopped after' if stopped else ''} {steps} steps."


def _slower(inversion: Inversion) -> str:
    """Name the choices that take longer, each with the time to expect here in whole tens of seconds."""
    # A step, forward and backward through generator and perceptual network, takes about four drawings.
    step_s = 4 * inversion.seconds["Drawing"]
    return " or ".join(
        f"{choice} (about {max(10, round(step_s * sum(steps), -1)):.0f} s here)"
        for choice, steps in LIKENESS.items()
        if sum(steps)
    )


def _begin(
    session: Session, inversion: Inversion, recipe: Recipe, view: str, tinted: bool
) -> tuple[Session, str, Updates]:
    """Make an inversion the first step of a new history, and an earlier recipe the next one.

    Returns:
        The session, the sentence on the share kept from the photo, and what changes on the page.
    """
    session = session.inverted(pack(inversion, session.folder))
    small = files.put(thumbnail(inversion.blended), session.folder, "jpg")
    session = session.stepped(Recipe(), small, "", time.monotonic())
    session = replace(session, before=files.put(inversion.photo_u8, session.folder))
    if recipe != Recipe():
        session = _redrawn(replace(session, words=recipe.texts), recipe)
        session, edited = _stepped(session, recipe)
    else:
        edited = present(session)
    updates = _result(session, edited, view, tinted)
    return (
        updates["session"],
        kept_share(edited),
        {**updates, "mask_edit": _canvas(inversion, session.folder)},
    )


def _canvas(inversion: Inversion, folder: Path) -> Updates:
    """Give the brush a clean canvas with the photo's crop in its background."""
    step = max(1, inversion.size // PAINT_PX)
    background = files.put(inversion.photo_u8[::step, ::step], folder)
    return {"background": background, "layers": [], "composite": None}


def on_stop(request: gr.Request) -> None:
    """Ask what is running for this visitor to stop."""
    visit_of(request).stop.set()


def on_leave(request: gr.Request) -> None:
    """Forget a visitor whose tab was closed: all files of the visit go now."""
    if request.session_hash:
        GATE.leave(request.session_hash)
    visit = VISITS.pop(request.session_hash or "", None)
    if visit is None:
        return
    visit.stop.set()
    forget()
    for folder in visit.folders:
        files.delete(folder)


# Editing ----------------------------------------------------------------------------------------------------


@guarded
def on_controls(
    session: Session, view: str, tinted: bool, request: gr.Request, *values: Any
) -> Iterator[Updates]:
    """Make the picture that sliders and switches ask for.

    Args:
        session: of the visitor.
        view: which picture is shown.
        tinted: whether the overlay is on.
        request: of the visitor.
        values: of `controls.SLIDERS`, `layers` and `recompute`, in this order.
    """
    names = (*controls.SLIDERS, "layers", "recompute")
    recipe = controls.read_recipe(session, dict(zip(names, values, strict=True)))
    yield from _change(session, recipe, view, tinted, request)


@guarded
def on_words(
    session: Session,
    view: str,
    tinted: bool,
    request: gr.Request,
    target: str,
    neutral: str,
    strength: float,
    focus: float | None,
) -> Iterator[Updates]:
    """Add a phrase."""
    if not (target or "").strip():
        raise OptionError("Type what you want to see, for example 'blonde hair'.")
    word = TextEdit(target, neutral or TextEdit.neutral, strength, focus)
    words = (*(old for old in session.words if old.target != word.target), word)
    for warning in gpu.engine().moves.warnings(Recipe(texts=(word,))):
        gr.Warning(html.escape(warning))
    recipe = replace(session.recipe, texts=words)
    for updates in _change(replace(session, words=words), recipe, view, tinted, request):
        yield {**updates, **(controls.set_rows(words) | {"target": ""} if "session" in updates else {})}


def word_slider(row: int) -> Callable[..., Iterator[Updates]]:
    """Make the handler of one row's strength."""

    @guarded
    def on_word(
        session: Session, view: str, tinted: bool, request: gr.Request, strength: float
    ) -> Iterator[Updates]:
        if row < len(session.words):
            words = controls.with_strength(session.words, row, strength)
            recipe = replace(session.recipe, texts=words)
            yield from _change(replace(session, words=words), recipe, view, tinted, request)

    return on_word


def word_remover(row: int) -> Callable[..., Iterator[Updates]]:
    """Make the handler that removes one row."""

    @guarded
    def on_remove(session: Session, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
        if row < len(session.words):
            words = (*session.words[:row], *session.words[row + 1 :])
            recipe = replace(session.recipe, texts=words)
            yield {"session": replace(session, words=words), **controls.set_rows(words)}
            yield from _change(replace(session, words=words), recipe, view, tinted, request)

    return on_remove


@guarded
def on_recipe_file(
    session: Session, view: str, tinted: bool, request: gr.Request, upload: dict | None
) -> Iterator[Updates]:
    """Take a recipe from JSON or from one of our PNGs."""
    if upload:
        recipe = load_recipe(GATE.file(upload, request.session_hash))
        if any(text.method == "optimize" for text in recipe.texts):
            raise OptionError(
                "This recipe searches words for one face, which takes minutes; use python -m samm edit."
            )
        yield from _restore(session, recipe, view, tinted, request)


@guarded
def on_reset(session: Session, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
    """Take back all changes at once; it can be undone."""
    yield from _restore(replace(session, paint=None), Recipe(), view, tinted, request)
    yield {"mask_edit": _canvas(unpack(session.inversion), session.folder)}


@guarded
def on_undo(session: Session, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
    """Go back one step."""
    yield from _go(session, session.at - 1, view, tinted, request)


@guarded
def on_redo(session: Session, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
    """Go forward one step."""
    yield from _go(session, session.at + 1, view, tinted, request)


@guarded
def on_history(
    session: Session, view: str, tinted: bool, request: gr.Request, event: gr.SelectData
) -> Iterator[Updates]:
    """Go to the step whose picture was picked."""
    yield from _go(session, event.index, view, tinted, request)


def _change(
    session: Session, recipe: Recipe, view: str, tinted: bool, request: gr.Request
) -> Iterator[Updates]:
    """Draw a recipe as the next step; nothing happens where it is the present one."""
    if session.inversion is None:
        raise PhotoError(texts.EXPIRED)
    if recipe != session.recipe:
        yield {"status": texts.say(_announce(recipe))}
        control = controls.changed_control(session.recipe, recipe)
        began_s = time.monotonic()
        session = _redrawn(session, recipe)
        if _is_current(session, request):
            took_s = time.monotonic() - began_s
            yield _shown(*_stepped(session, recipe, control, took_s), view, tinted)


def _restore(
    session: Session, recipe: Recipe, view: str, tinted: bool, request: gr.Request
) -> Iterator[Updates]:
    """Show a recipe that comes from elsewhere than the controls, and set these to it."""
    if session.inversion is None:
        raise PhotoError(texts.EXPIRED)
    session = replace(session, words=recipe.texts)
    changed = recipe != session.recipe
    if changed:
        yield {"status": texts.say(_announce(recipe))}
        session = _redrawn(session, recipe)
    if _is_current(session, request):
        session, edited = _stepped(session, recipe) if changed else (session, present(session))
        yield {**_shown(session, edited, view, tinted), **controls.set_controls(session)}


def _go(session: Session, index: int, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
    """Show a step of the history."""
    if session.inversion is None or index == session.at or not 0 <= index < len(session.steps):
        return
    yield {"status": texts.say(_announce(session.steps[index].recipe))}
    session = session.at_step(index)
    session = _redrawn(session, session.recipe)
    if _is_current(session, request):
        yield {**_shown(session, present(session), view, tinted), **controls.set_controls(session)}


def _is_current(session: Session, request: gr.Request) -> bool:
    """Tell whether no other photo has come while this one was worked on."""
    return visit_of(request).photo == session.photo


def _stepped(
    session: Session, recipe: Recipe, control: str = "", took_s: float = 0.0
) -> tuple[Session, Edit]:
    """Put the session's drawing of a recipe into its history."""
    edited = present(session, recipe)
    small = files.put(thumbnail(edited.blended), session.folder, "jpg")
    return session.stepped(recipe, small, control, time.monotonic(), took_s), edited


def _redrawn(session: Session, recipe: Recipe) -> Session:
    """Have the session hold the drawing of a recipe; a change of mask strength alone needs no new one."""
    if recipe.only_blends:
        return replace(session, edit=None)
    if session.edit and replace(session.edit.recipe, mask_strength=recipe.mask_strength) == recipe:
        return session
    return replace(session, edit=pack_edit(gpu.edit_on_gpu(unpack(session.inversion), recipe)))


def _shown(session: Session, edited: Edit, view: str, tinted: bool) -> Updates:
    """Show a session's picture, and say how it was made."""
    recipe = session.recipe
    made = "No changes" if recipe == Recipe() else f"Edited: {describe(recipe)}"
    return {**_result(session, edited, view, tinted), "status": texts.say(f"{made}. {kept_share(edited)}")}


def _announce(recipe: Recipe) -> str:
    count = len(recipe.attributes) + len(recipe.texts) + len(recipe.components)
    return f"Applying {count} change{'' if count == 1 else 's'}…"


# What is shown ----------------------------------------------------------------------------------------------


@guarded
def on_view(session: Session, view: str, tinted: bool) -> Iterator[Updates]:
    """Show another view; nothing is drawn."""
    if session.inversion is not None:
        yield _pictures(session, present(session), view, tinted)


def _result(session: Session, edited: Edit, view: str, tinted: bool) -> Updates:
    """Write the result to a file, and give everything on the page that depends on it."""
    session = replace(session, after=files.save_picture(edited.blended, session.folder, session.recipe))
    return {
        "session": session,
        **_pictures(session, edited, view, tinted),
        "masks": _put_all(mask_items(unpack(session.inversion), edited), session.folder),
        "history": gr.Gallery(
            [(step.thumbnail, describe(step.recipe)) for step in session.steps], selected_index=session.at
        ),
        "undo": gr.Button(interactive=session.at > 0),
        "redo": gr.Button(interactive=session.at < len(session.steps) - 1),
        "stop": gr.Button(visible=False),
    }


def _pictures(session: Session, edited: Edit, view: str, tinted: bool) -> Updates:
    """Give the one picture, or the pair, that a view shows."""
    shown = overlay(edited) if tinted else view_of(session, edited, view)
    pair = view == COMPARE and not tinted
    is_result = shown.picture is edited.blended
    picture = session.after if is_result else files.put(shown.picture, session.folder)
    return {
        "compare": gr.ImageSlider(value=(session.before, session.after), visible=True)
        if pair
        else gr.ImageSlider(visible="hidden"),
        "stage": gr.Image(value=picture, alt_text=shown.alt, visible="hidden" if pair else True),
    }


def _put_all(
    items: Iterable[tuple[np.ndarray, str]], folder: Path, extension: str = "png"
) -> list[tuple[str, str]]:
    """Write the pictures of a gallery, which keep their captions."""
    return [(files.put(picture, folder, extension), caption) for picture, caption in items]


# Masks, strips, files ---------------------------------------------------------------------------------------


@guarded
def on_paint(
    session: Session, view: str, tinted: bool, request: gr.Request, editor: dict | None
) -> Iterator[Updates]:
    """Blend anew with what was painted; nothing is drawn."""
    paint = controls.read_paint(editor)
    if session.inversion is not None and not (paint is None and session.paint is None):
        session = replace(session, paint=paint)
        yield _shown(session, present(session), view, tinted)


@guarded
def on_mask_reset(session: Session, view: str, tinted: bool, request: gr.Request) -> Iterator[Updates]:
    """Take back mask strength, paint and the choice of masks."""
    recipe = replace(session.recipe, mask_strength=1.0, masks="adaptive")
    yield from _restore(replace(session, paint=None), recipe, view, tinted, request)
    yield {"mask_edit": _canvas(unpack(session.inversion), session.folder)}


@guarded
def on_strip(session: Session, across: str, down: str) -> Iterator[Updates]:
    """Draw one attribute at seven strengths, or two attributes at five each, in one batch."""
    if session.inversion is None:
        raise PhotoError(texts.EXPIRED)
    if down == NO_GRID:
        recipes, size = strip(session.recipe, across), STRIP_PX
        captions = [_named(across, value) for value in strengths(across, STRIP)]
    else:
        recipes, size = grid(session.recipe, across, down), GRID_PX
        values = [(b, a) for b in strengths(down, GRID) for a in strengths(across, GRID)]
        captions = [f"{_named(across, a)}, {_named(down, b)}" for b, a in values]
    yield {"status": texts.say(f"Drawing {len(recipes)} pictures…")}
    size = min(size, gpu.engine().model.resolution)
    pictures = gpu.strip_on_gpu(unpack(session.inversion), recipes, size)
    columns = STRIP_COLUMNS if down == NO_GRID else GRID
    yield {
        "session": replace(session, strip=tuple(recipes)),
        "strip": gr.Gallery(
            _put_all(zip(pictures, captions, strict=True), session.folder, "jpg"), columns=columns
        ),
        "status": texts.say("Pick a picture to take its values."),
    }


def _named(name: str, value: float) -> str:
    return f"{name.replace('_', ' ')} {signed(value)}"


@guarded
def on_strip_picked(
    session: Session, view: str, tinted: bool, request: gr.Request, event: gr.SelectData
) -> Iterator[Updates]:
    """Take the values of a picture of the strip."""
    yield from _restore(session, picked(session.strip, event.index), view, tinted, request)


def downloader(kind: str) -> Callable[..., Iterator[Updates]]:
    """Make the handler of one of the downloads; the page then fetches the file."""

    @guarded
    def on_download(session: Session) -> Iterator[Updates]:
        if session.inversion is None:
            raise PhotoError(texts.EXPIRED)
        yield {"parcel": files.parcel(kind, session, present(session))}

    return on_download
