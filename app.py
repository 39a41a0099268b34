"""The page: layout, wiring and launch. `python app.py` starts it here; a ZeroGPU Space runs the same file.

Data flow: photo → faces → crop → inversion → views. `samm` does the work; no tensor is made here.
"""

from __future__ import annotations

import html
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page asks no other host for anything

import spaces  # noqa: I001 - must come before anything that may start CUDA
import gradio as gr
import numpy as np

import samm
from samm.faces import (
    NO_FACE,
    Face,
    crop_face,
    face_warnings,
    find_faces,
    manual_quad,
    paste_back,
    quad_placement,
)
from samm.inversion import Inversion, Options, redose
from samm.photo import mask_to_u8, open_photo, save_png

log = logging.getLogger("samm.page")

REFINE_STEPS = 60
FILES_LIVE_S = 3000  # with a sweep every ten minutes, gone within the hour that the page promises
LOCAL = "SPACE_ID" not in os.environ
EXAMPLES_FOLDER = Path(__file__).parent / "examples"
EXAMPLES = {
    "astronaut": "flag, helmet",
    "hopper": "navy cap",
    "cap": "knitted cap",
    "sunglasses": "sunglasses",
    "scarf": "scarf",
    "microphone": "microphone",
    "face_paint": "face paint",
    "old_photo": "old photo",
}
COMPARE, BLENDED, GENERATED, KEPT, WHOLE = VIEWS = (
    "Before / after",
    "Inversion only",
    "Generator only",
    "Kept from photo",
    "Whole photo",
)

PRIVACY = (
    "Your photo never leaves this computer."
    if LOCAL
    else "Your photo is processed in memory on this server, not used for training, and deleted within an "
    "hour. Only upload people who agreed."
)
INTRODUCTION = f"""# SAMM face editor
Upload a portrait and see what a face generator can and cannot redraw. White parts of the mask, such as hats,
hands and backgrounds, are kept from your photo; the generator draws the rest. {PRIVACY}"""
ABOUT = """
An encoder finds a code for your face and a generator draws it. SAMM (Yang, Xu and Chen, ICCV 2023) warps the
generator's features onto your photo and predicts, at four resolutions, which pixels it cannot draw;
those are taken from the photo. Faces far from the front, small children and heavy shadows work least
well.

The generator derives from NVIDIA's StyleGAN2-FFHQ: for non-commercial research only.
"""
CSS = """
#page { display: grid; gap: 16px; width: 100%; max-width: 1400px; margin: 0 auto;
        grid-template: "photo result" auto "controls result" 1fr / minmax(320px, 5fr) 7fr; }
#source { grid-area: photo; } #result { grid-area: result; } #controls { grid-area: controls; }
h1 { font-family: system-ui, sans-serif !important; }  /* the bundled font mixes two sets of glyphs here */
.grid-container { grid-template-columns: repeat(var(--grid-cols), minmax(0, 1fr)) !important; }
.caption-label { max-width: 100% !important; left: 0; right: 0; bottom: 0; margin: 0 !important;
                 font-size: .75rem !important; white-space: normal !important; text-align: center; }
.grid-wrap { min-height: 0 !important; padding-top: 2.2rem !important; }
#view .wrap { gap: 6px; }
#status p { font-size: 1.05rem; margin: 0; min-height: 1.5em; }
#missing { border-left: 4px solid var(--error-border-color); padding-left: 12px; }
@media (min-width: 900px) { #result { position: sticky; top: 12px; align-self: start; } }
@media (max-width: 899px) {
  #page { grid-template: "photo" auto "result" auto "controls" auto / 100%; }
  #masks .grid-container { grid-template-columns: repeat(3, minmax(0, 1fr)) !important; }
  button.lg, #view label, #likeness label { min-height: 44px; }
}
"""

try:
    MODEL = samm.load("tiny" if os.environ.get("SAMM_TINY") else "mobile")
    DETECTOR = samm.load_detector()
    MISSING = ""
except samm.WeightsError as error:  # the page opens all the same and says what to do
    MODEL, DETECTOR, MISSING = None, None, str(error)

ON_GPU = MODEL is not None and MODEL.device.type == "cuda"
ZERO_GPU = bool(spaces.config.Config.zero_gpu)
FILES = tempfile.TemporaryDirectory(prefix="samm-")  # downloads are written here
PROGRESS = gr.Progress()  # as a default value it is how a handler asks for its own
STOPS: dict[str, threading.Event] = {}  # by browser session, while something is running


@dataclass(frozen=True)
class Session:
    """What one browser tab has reached; replaced as a whole, never changed."""

    path: str = ""  # of the upload; empty before there is one
    faces: tuple[Face, ...] = ()
    quad: np.ndarray | None = None  # (4, 2), what to invert
    inversion: Inversion | None = None  # at the mask strength of 1
    strength: float = 1.0

    @cached_property
    def shown(self) -> Inversion:
        """The inversion at the visitor's mask strength."""
        return redose(self.inversion, self.strength)


class Stopped(Exception):
    """The visitor pressed Stop."""


# The two functions that a GPU may run. On ZeroGPU they run in another process: what goes in and out is
# pickled, so `tell` is None there.
@spaces.GPU(duration=15)
def invert_on_gpu(crop_u8: np.ndarray, tell: Callable[..., Any] | None) -> Inversion:
    """Give the fast inversion of a crop."""
    return samm.invert(crop_u8, MODEL, Options(), tell)


@spaces.GPU(duration=15)
def refine_on_gpu(inversion: Inversion, tell: Callable[..., Any] | None) -> Inversion:
    """Give the faithful inversion that follows a fast one."""
    return samm.refine(inversion, MODEL, REFINE_STEPS, tell)


def guarded(handler: Callable[..., Iterator[dict]]) -> Callable[..., Iterator[dict]]:
    """Turn every error into one sentence on the page; what the visitor has made stays as it is."""

    @wraps(handler)
    def wrapper(*args: Any) -> Iterator[dict]:
        # A handler that yields nothing would empty all its outputs; this leaves them as they are.
        yield {status: gr.skip()}
        try:
            yield from handler(*args)
            return
        except Stopped:
            sentence = "Stopped. Nothing was changed."
        except samm.UserError as error:
            sentence = str(error)
            gr.Warning(html.escape(sentence), duration=None)
        except gr.Error:  # the GPU service's own messages, such as a spent quota
            raise
        except Exception as error:
            code = secrets.token_hex(2)
            log.error("code %s", code, exc_info=error)
            sentence = f"Something went wrong on our side (code {code}). Your photo and edits are still here."
            gr.Warning(sentence, duration=None)
        yield {status: say(sentence), stop: gr.Button(visible=False)}

    return wrapper


def say(sentence: str) -> str:
    """Make the status line: one sentence of present state, read out by screen readers."""
    return f'<p role="status" aria-live="polite">{html.escape(sentence)}</p>'


@guarded
def on_photo(upload: dict | None) -> Iterator[dict]:
    """Open an upload and look for faces; everything that belonged to an older photo is cleared."""
    yield {
        status: say("Looking for faces…" if upload else "Upload a portrait or pick an example."),
        session: Session(),
        faces: gr.Gallery(visible=False, value=None),
        compare: None,
        stage: None,
        masks: None,
        download: gr.DownloadButton(interactive=False),
        invert: gr.Button(interactive=False),
    }
    if not upload:
        return
    if MODEL is None:
        raise samm.WeightsError(MISSING)
    photo_u8 = open_photo(upload["path"])
    found = tuple(find_faces(photo_u8, DETECTOR))
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
        session: Session(upload["path"], found, quad if len(found) == 1 else None),
        status: say(sentence),
        faces: gr.Gallery(value=face_strip(photo_u8, found) if several else None, visible=several),
        crop: gr.Accordion(open=not found),
        **crop_controls(photo_u8, quad),
        invert: gr.Button(interactive=len(found) == 1),
    }


def crop_controls(photo_u8: np.ndarray, quad: np.ndarray) -> dict:
    """Set the sliders of the manual crop, and its preview, to a quad."""
    height, width = photo_u8.shape[:2]
    (x, y), size, turn = quad_placement(quad)
    return {
        crop_x: gr.Slider(value=round(x), maximum=width),
        crop_y: gr.Slider(value=round(y), maximum=height),
        crop_size: gr.Slider(value=round(size), maximum=2 * max(height, width)),
        crop_turn: gr.Slider(value=round(turn, 1)),
        crop_preview: crop_face(photo_u8, quad, 256),
    }


def on_example(event: gr.SelectData) -> str:
    """Put the example that was picked into the place of the upload."""
    return str(EXAMPLES_FOLDER / f"{list(EXAMPLES)[event.index]}.jpg")


def face_strip(photo_u8: np.ndarray, found: tuple[Face, ...]) -> list[tuple[np.ndarray, str]]:
    """Give a small crop of each face with a caption that says where it is."""
    thirds = ("left", "middle", "right")
    width = photo_u8.shape[1]

    def place(face: Face) -> str:
        return thirds[int(np.clip(3 * face.center_xy[0] / width, 0, 2))]

    return [
        (crop_face(photo_u8, face.quad, 160), f"Face {number} — {place(face)}")
        for number, face in enumerate(found, 1)
    ]


@guarded
def on_face(state: Session, event: gr.SelectData) -> Iterator[dict]:
    """Take the face that was picked."""
    quad = state.faces[event.index].quad
    yield {
        session: Session(state.path, state.faces, quad),
        **crop_controls(open_photo(state.path), quad),
        invert: gr.Button(interactive=True),
    }


@guarded
def on_crop_moved(state: Session, x: float, y: float, size: float, turn: float) -> Iterator[dict]:
    """Show what the crop sliders cut out."""
    if state.path:
        yield {crop_preview: crop_face(open_photo(state.path), manual_quad((x, y), size, turn), 256)}


@guarded
def on_crop(state: Session, x: float, y: float, size: float, turn: float) -> Iterator[dict]:
    """Take the crop that was placed by hand."""
    if not state.path:
        raise samm.PhotoError("There is no photo to crop; upload one or pick an example.")
    quad = manual_quad((x, y), size, turn)
    yield {session: Session(state.path, state.faces, quad), invert: gr.Button(interactive=True)}


@guarded
def on_invert(
    state: Session, choice: str, view_name: str, request: gr.Request, progress: gr.Progress = PROGRESS
) -> Iterator[dict]:
    """Invert the chosen crop: the fast picture at once, the faithful one in its place when it is ready."""
    if state.quad is None:
        return  # several faces and none picked yet, or no photo: the status says so already
    stopped = STOPS.setdefault(request.session_hash or "", threading.Event())
    stopped.clear()

    def tell(stage_name: str, done: int, total: int) -> bool:
        counted = f"{stage_name} {done} of {total}" if total > 1 else stage_name
        progress(done / total, desc=counted)
        return stopped.is_set()  # a refinement then ends with the best it has

    def tell_or_stop(*event: Any) -> None:
        if tell(*event):
            raise Stopped

    yield {status: say("Inverting…"), stop: gr.Button(visible=True)}
    start = time.perf_counter()
    crop_u8 = crop_face(open_photo(state.path), state.quad, MODEL.resolution)
    inversion = invert_on_gpu(crop_u8, None if ZERO_GPU else tell_or_stop)
    seconds = time.perf_counter() - start
    state = replace(state, inversion=inversion, strength=1.0)
    sentence = f"Done in {seconds:.1f} s. {kept_sentence(state)}"
    if choice == "Fast" and not ON_GPU:
        # A step, forward and backward through generator and perceptual network, takes about four drawings.
        expected = 4 * REFINE_STEPS * inversion.seconds["Drawing"]
        sentence += f" For more likeness choose Faithful (about {max(1, round(expected, -1)):.0f} s here)."
    yield {**result(state, view_name), status: say(sentence)}
    if choice == "Faithful":
        yield {status: say(f"{sentence} Now refining the likeness…"), stop: gr.Button(visible=True)}
        state = replace(state, inversion=refine_on_gpu(inversion, None if ZERO_GPU else tell))
        steps = state.inversion.refined
        cut = f" Stopped after {steps} steps." if stopped.is_set() else f" {steps} steps."
        seconds = time.perf_counter() - start
        sentence = f"Refined in {seconds:.0f} s.{cut} {kept_sentence(state)}"
        yield {**result(state, view_name), status: say(sentence)}


def kept_sentence(state: Session) -> str:
    """Say how much of the picture is the photo's."""
    share = state.shown.keep_photo.mean()
    return f"{100 * share:.0f} % of the picture is kept from your photo; the generator draws the rest."


def on_stop(request: gr.Request) -> None:
    """Ask what is running for this visitor to stop."""
    STOPS.setdefault(request.session_hash or "", threading.Event()).set()


def on_leave(request: gr.Request) -> None:
    """Forget a visitor whose tab was closed."""
    STOPS.pop(request.session_hash or "", None)


@guarded
def on_view(state: Session, view_name: str, strength: float) -> Iterator[dict]:
    """Show another view, or the same at another mask strength: blending only, nothing is drawn anew."""
    if state.inversion is None:
        return
    if strength == state.strength:
        yield pictures(state, view_name)
        return
    state = replace(state, strength=strength)
    yield {**result(state, view_name), status: say(kept_sentence(state))}


def result(state: Session, view_name: str) -> dict:
    """Give everything on the page that depends on an inversion and its mask strength."""
    inversion, size = state.shown, len(state.inversion.crop)
    levels = [
        (mask_to_u8(mask), f"{r}×{r} · {100 * mask.mean():.0f} % kept") for r, mask in inversion.masks.items()
    ]
    keep_photo = inversion.keep_photo
    gathered = (mask_to_u8(keep_photo), f"{size}×{size} · {100 * keep_photo.mean():.0f} % kept")
    return {
        session: state,
        **pictures(state, view_name),
        masks: [*levels, gathered],
        mask_strength: state.strength,
        download: gr.DownloadButton(value=write_png(inversion.blended), interactive=True),
        stop: gr.Button(visible=False),
    }


def pictures(state: Session, view_name: str) -> dict:
    """Give the one picture, or the pair, that a view shows."""
    inversion = state.shown
    if view_name == COMPARE:
        pair = (inversion.crop, inversion.blended)
        return {
            compare: gr.ImageSlider(value=pair, visible=True),
            stage: gr.Image(value=None, visible=False),
        }
    keep_photo = inversion.keep_photo[0, 0].numpy()
    if view_name == BLENDED:
        picture, alt = inversion.blended, "Inverted portrait: photo and generator blended"
    elif view_name == GENERATED:
        picture, alt = inversion.aligned, "The generator's picture before blending"
    elif view_name == KEPT:
        kept = inversion.crop * keep_photo[..., None]
        picture, alt = kept.round().astype(np.uint8), "What is kept from the photo, on black"
    else:
        picture = paste_back(open_photo(state.path), state.quad, inversion.aligned, keep_photo)
        alt = "The portrait pasted back into the whole photo"
    return {
        compare: gr.ImageSlider(visible=False),
        stage: gr.Image(value=picture, alt_text=alt, visible=True),
    }


def write_png(picture_u8: np.ndarray) -> str:
    """Write a download in full resolution under a name of its own; sweep what visitors have left."""
    folder = Path(FILES.name)
    for old in folder.iterdir():  # one folder a download
        if time.time() - old.stat().st_mtime > FILES_LIVE_S:
            shutil.rmtree(old, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"samm_{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.png"
    save_png(picture_u8, path)
    return str(path)


with gr.Blocks(title="SAMM face editor", fill_width=True, delete_cache=(600, FILES_LIVE_S)) as demo:
    session = gr.State(Session(), time_to_live=FILES_LIVE_S)
    gr.Markdown(INTRODUCTION)
    if MISSING:
        gr.Markdown(f"**Model files are missing.** {MISSING}", elem_id="missing")
    with gr.Row(elem_id="page"):
        with gr.Column(elem_id="source"):
            photo = gr.Image(
                label="Your photo",
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                elem_id="photo",
                alt_text="Your photo",
                height=340,
                buttons=["fullscreen"],
            )
            examples = gr.Gallery(
                [(str(EXAMPLES_FOLDER / f"{name}.jpg"), caption) for name, caption in EXAMPLES.items()],
                label="Or pick an example",
                columns=4,
                elem_id="examples",
                allow_preview=False,
                interactive=False,
                buttons=[],
            )
            faces = gr.Gallery(
                label="Faces found: pick one",
                columns=4,
                height="auto",
                visible=False,
                elem_id="faces",
                allow_preview=False,
                buttons=[],
            )
        with gr.Column(elem_id="result"):
            status = gr.HTML(say("Upload a portrait or pick an example."), elem_id="status")
            view = gr.Radio(
                list(VIEWS), value=COMPARE, label="View", show_label=False, container=False, elem_id="view"
            )
            compare = gr.ImageSlider(
                label="Your photo and its inversion",
                interactive=False,
                format="png",
                max_height=720,
                elem_id="compare",
                buttons=["fullscreen"],
            )
            stage = gr.Image(
                label="Result",
                interactive=False,
                format="png",
                visible=False,
                elem_id="stage",
                alt_text="No result yet",
                height=720,
                buttons=["fullscreen"],
            )
            masks = gr.Gallery(
                label="Masks: white is kept from the photo",
                columns=5,
                height="auto",
                elem_id="masks",
                interactive=False,
                buttons=["fullscreen"],
                object_fit="contain",
            )
        with gr.Column(elem_id="controls"):
            with gr.Row():
                invert = gr.Button("Invert this face", variant="primary", elem_id="invert", interactive=False)
                stop = gr.Button("Stop", elem_id="stop", visible=False)
            likeness = gr.Radio(
                ["Fast", "Faithful"],
                value="Faithful" if ON_GPU else "Fast",
                label="Likeness",
                info="Faithful shows the fast result first, then refines it on your photo.",
                elem_id="likeness",
            )
            mask_strength = gr.Slider(
                0,
                2,
                1,
                step=0.1,
                label="Mask strength",
                info="0 = only the generator, 1 = as predicted, 2 = keep more of the photo",
                elem_id="mask_strength",
                buttons=["reset"],
            )
            download = gr.DownloadButton(
                f"Download portrait (PNG, {MODEL.resolution}×{MODEL.resolution})" if MODEL else "Download",
                interactive=False,
                elem_id="download",
            )
            with gr.Accordion("Adjust the crop", open=False, elem_id="crop") as crop:
                crop_preview = gr.Image(
                    label="The crop",
                    interactive=False,
                    height=200,
                    elem_id="crop_preview",
                    alt_text="The part of your photo that will be inverted",
                    buttons=[],
                )
                crop_x = gr.Slider(0, 1024, 512, step=1, label="Center, left to right (px)", elem_id="crop_x")
                crop_y = gr.Slider(0, 1024, 512, step=1, label="Center, top to bottom (px)", elem_id="crop_y")
                crop_size = gr.Slider(20, 2048, 1024, step=1, label="Size (px)", elem_id="crop_size")
                crop_turn = gr.Slider(-180, 180, 0, step=0.5, label="Turn (degrees)", elem_id="crop_turn")
                use_crop = gr.Button("Use this crop", elem_id="use_crop")
            with gr.Accordion("How it works, limits, licence", open=False, elem_id="about"):
                gr.Markdown(ABOUT)

    crop_sliders = [crop_x, crop_y, crop_size, crop_turn]
    private = {"api_visibility": "private"}
    gpu = {**private, "concurrency_id": "gpu", "concurrency_limit": None if ZERO_GPU else 1}
    photo_outputs = [session, status, stop, faces, crop, *crop_sliders, crop_preview, invert]
    photo_outputs += [compare, stage, masks, download]
    result_outputs = [session, status, stop, compare, stage, masks, mask_strength, download]

    def then_invert(event: Any) -> None:
        """Invert after an event that has chosen a crop."""
        event.then(on_invert, [session, likeness, view], result_outputs, show_progress_on=[status], **gpu)

    # `on_photo` opens the upload itself (preprocess=False): it knows what to say about a bad file.
    uploaded = {"inputs": photo, "outputs": photo_outputs, "preprocess": False}
    uploaded |= {"show_progress_on": [status], "show_progress": "minimal", "trigger_mode": "always_last"}
    then_invert(photo.input(on_photo, **uploaded, **private))  # removing the photo is an input too
    picked = examples.select(on_example, None, photo, show_progress="hidden", **private)
    then_invert(picked.then(on_photo, **uploaded, **private))
    face_outputs = [session, status, stop, *crop_sliders, crop_preview, invert]
    then_invert(faces.select(on_face, session, face_outputs, show_progress="hidden", **private))
    gr.on(
        [event for slider in crop_sliders for event in (slider.input, slider.release)],
        on_crop_moved,
        [session, *crop_sliders],
        [crop_preview, status, stop],
        trigger_mode="always_last",
        show_progress="hidden",
        **private,
    )
    then_invert(use_crop.click(on_crop, [session, *crop_sliders], [session, status, stop, invert], **private))
    invert.click(on_invert, [session, likeness, view], result_outputs, show_progress_on=[status], **gpu)
    stop.click(on_stop, None, None, queue=False, show_progress="hidden", **private)
    demo.unload(on_leave)
    gr.on(
        [view.input, mask_strength.input, mask_strength.release],
        on_view,
        [session, view, mask_strength],
        result_outputs,
        trigger_mode="always_last",
        show_progress="hidden",
        **private,
    )

demo.queue(max_size=30)

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    demo.launch(
        css=CSS,
        max_file_size="15mb",
        run_history=False,
        ssr_mode=False,
        show_error=True,
        footer_links=["api", "settings"],
    )
