"""The page: layout, wiring and launch.

What happens on an event is in `editing.page.handlers`; this file says where things are and what calls what.
Element ids are names: handlers give updates by them, and tests find things by them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from editing.page import api, controls, files, folders, gpu, handlers, wall
from editing.page import sentences as texts
from editing.page.pictures import COMPARE, VIEWS
from editing.page.privacy import how_served, privacy
from editing.page.session import Session
from editing.page.values import picked
from editing.recipe.attributes import ATTRIBUTES, Attribute
from editing.recipe.recipe import COMPONENTS, FOCUS_RANGE, TextEdit

FOLDER = Path(os.environ.get("GRADIO_TEMP_DIR", ""))  # chosen by `app.py` before Gradio was imported
PAGE = Path(__file__).parent
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
# The default theme with texts and buttons dark enough to be read: contrast 4.5 or more.
THEME = gr.themes.Default().set(
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
)
# What has to reach Gradio's own parts too, where `style.css` has no say.
HEAD = """<style>
:focus-visible { outline: 3px solid var(--primary-600) !important; outline-offset: 2px; }
@media (max-width: 899px) { footer button, .toast-close { min-height: 44px; min-width: 44px; } }
</style>"""
TEXT_STRENGTH = 0.8  # a phrase at 1 is plain to see, and often a little too much


def attribute_slider(name: str, attribute: Attribute) -> None:
    """Lay out one slider of the attribute table."""
    gr.Slider(
        attribute.low,
        attribute.high,
        0,
        step=attribute.step,
        label=attribute.label,
        info=attribute.info,
        elem_id=name,
        interactive=False,
        buttons=["reset"],
    )


def attributes_tab() -> None:
    """Lay out the attribute table."""
    with gr.Row(elem_classes="sliders"):
        for name, attribute in ATTRIBUTES.items():
            if not attribute.more:
                attribute_slider(name, attribute)
    with gr.Accordion("More", open=False, elem_id="more_attributes"), gr.Row(elem_classes="sliders"):
        for name, attribute in ATTRIBUTES.items():
            if attribute.more:
                attribute_slider(name, attribute)


def words_tab() -> None:
    """Lay out the phrase, chips, rows and what most visitors do not need."""
    with gr.Row(elem_id="phrase"):
        gr.Textbox(
            label="What do you want to see?",
            info="hair, beard, glasses, make-up, age, expression, face shape; one phrase at a time",
            placeholder="blonde hair",
            elem_id="target",
            interactive=False,
            max_lines=1,
            scale=4,
        )
        gr.Button("Add", elem_id="add", variant="primary", interactive=False, min_width=80)
    with gr.Row(elem_id="chips"):
        for name, phrase in zip(controls.CHIPS, texts.PHRASES, strict=True):
            gr.Button(phrase, elem_id=name, size="sm", interactive=False, min_width=60)
    for row in controls.WORD_ROWS:
        with gr.Row(visible=False, elem_id=f"row_{row}", elem_classes="word"):
            limit = controls.STRENGTH_LIMIT
            gr.Slider(-limit, limit, 1, step=0.1, label="Phrase", elem_id=f"word_{row}", interactive=True)
            gr.Button("Remove", elem_id=f"remove_{row}", size="sm", min_width=80, scale=0)
    with gr.Accordion("Advanced", open=False, elem_id="words_advanced"):
        gr.Textbox(
            TextEdit.neutral,
            label="What the photo shows now",
            info="as plain as your words, for example “face with hair”",
            elem_id="neutral",
            max_lines=1,
        )
        gr.Slider(-2, 2, TEXT_STRENGTH, step=0.1, label="Strength of a new phrase", elem_id="strength")
        gr.Number(
            None,
            label="Focus β",
            info="0 changes everything that goes with the words, 1 next to nothing; empty: by itself",
            minimum=FOCUS_RANGE[0],
            maximum=FOCUS_RANGE[1],
            step=0.05,
            elem_id="focus",
        )


def explore_tab() -> None:
    """Lay out the principal components."""
    gr.Radio(
        list(controls.LAYERS),
        value="All",
        label="What a component may change",
        info=f"The first {len(controls.COMPONENT_SLIDERS)} of {COMPONENTS} principal components of the "
        "generator, strongest first; the choice counts for sliders moved from now on",
        elem_id="layers",
        interactive=False,
    )
    with gr.Row(elem_classes="sliders"):
        for number, name in enumerate(controls.COMPONENT_SLIDERS):
            limit = controls.COMPONENT_LIMIT
            gr.Slider(
                -limit,
                limit,
                0,
                step=0.1,
                label=f"Component {number}",
                elem_id=name,
                interactive=False,
                buttons=["reset"],
            )


def masks_tab() -> None:
    """Lay out overlay, strength, brush."""
    gr.Slider(
        0,
        2,
        1,
        step=0.1,
        label="Mask strength",
        info="0 = only the generator, 1 = as the paper, 2 = keep more of the photo",
        elem_id="mask_strength",
        interactive=False,
        buttons=["reset"],
    )
    gr.Checkbox(
        label="Show on my photo what the generator draws (orange)", elem_id="overlay", interactive=False
    )
    gr.Markdown("Paint **white** to keep my photo here, **black** to let the generator draw here.")
    gr.ImageEditor(
        label="Brush",
        elem_id="mask_edit",
        type="numpy",
        format="png",
        sources=(),
        transforms=(),
        layers=gr.LayerOptions(disabled=True),
        brush=gr.Brush(default_size=40, colors=["#ffffff", "#000000"], color_mode="fixed"),
        eraser=gr.Eraser(default_size=40),
        canvas_size=(handlers.PAINT_PX, handlers.PAINT_PX),
        fixed_canvas=True,
        buttons=[],
    )
    gr.Button("Reset masks", elem_id="mask_reset", size="sm", interactive=False)
    with gr.Accordion("Advanced", open=False, elem_id="masks_advanced"):
        gr.Checkbox(
            label="Recompute masks for every edit",
            info="as the paper's code does; otherwise the masks of the photo are fitted to the edit",
            elem_id="recompute",
            interactive=False,
        )


def strip_tab() -> None:
    """Lay out strips and grids."""
    names = [(attribute.label, name) for name, attribute in ATTRIBUTES.items()]
    with gr.Row():
        gr.Dropdown(names, value="age", label="Vary", elem_id="strip_by", interactive=False)
        gr.Dropdown(
            [handlers.NO_GRID, *names],
            value=handlers.NO_GRID,
            label="and downward",
            elem_id="strip_down",
            interactive=False,
        )
    gr.Button("Draw", elem_id="strip_draw", interactive=False)
    gr.Gallery(
        label="Pick a picture to take its values",
        columns=4,
        height="auto",
        elem_id="strip",
        allow_preview=False,
        interactive=False,
        buttons=["fullscreen"],
        object_fit="contain",
        format="jpeg",
    )


def source_column() -> None:
    """Lay out the photo and where it comes from."""
    gr.Image(
        label="Your photo",
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        elem_id="photo",
        alt_text="Your photo",
        height=340,
        buttons=["fullscreen"],
    )
    gr.Gallery(
        [(str(files.EXAMPLES / f"{name}.jpg"), caption) for name, caption in EXAMPLES.items()],
        label="Or pick an example",
        columns=4,
        elem_id="examples",
        allow_preview=False,
        interactive=False,
        buttons=[],
    )
    gr.Gallery(
        label="Faces found: pick one",
        columns=4,
        height="auto",
        visible=False,
        elem_id="faces",
        allow_preview=False,
        interactive=False,
        buttons=[],
    )


def result_column() -> None:
    """Lay out the state, the picture and how it is looked at."""
    gr.HTML(texts.say(texts.EMPTY), elem_id="status")
    gr.Radio(list(VIEWS), value=COMPARE, label="View", show_label=False, container=False, elem_id="view")
    gr.ImageSlider(
        label="Before and after",
        interactive=False,
        format="png",
        max_height=720,
        elem_id="compare",
        buttons=["fullscreen"],
    )
    gr.Image(
        label="Result",
        interactive=False,
        format="png",
        visible="hidden",
        elem_id="stage",
        alt_text="No result yet",
        buttons=["fullscreen"],
    )


def more_column() -> None:
    """Lay out masks, history and downloads."""
    gr.Gallery(
        label="Masks: white is kept from the photo",
        columns=5,
        height="auto",
        elem_id="masks",
        interactive=False,
        buttons=["fullscreen"],
        object_fit="contain",
        format="png",
    )
    with gr.Row(elem_id="steps"):
        gr.Button("↶ Undo", elem_id="undo", size="sm", interactive=False, min_width=80)
        gr.Button("↷ Redo", elem_id="redo", size="sm", interactive=False, min_width=80)
        gr.Button("Reset all", elem_id="reset", size="sm", interactive=False, min_width=80)
    gr.Gallery(
        label="History: pick a step to go back to it",
        columns=5,
        height="auto",
        elem_id="history",
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="contain",
        format="jpeg",
    )
    size = gpu.resolution() or 1024
    with gr.Row(elem_id="downloads"):
        for name, label in {
            "download": f"Download portrait (PNG, {size}×{size})",
            "download_photo": "Download whole photo (PNG, original size)",
            "download_masks": "Masks (ZIP)",
            "download_recipe": "Recipe (JSON)",
            "download_latent": "Latent (safetensors)",
        }.items():
            gr.Button(label, elem_id=name, size="sm", interactive=False, min_width=120)
    gr.File(visible="hidden", elem_id="parcel")
    gr.File(
        label="Load a recipe: JSON, or a PNG saved here",
        file_types=[".json", ".png"],
        elem_id="recipe_in",
        height=120,
        interactive=False,
    )


def controls_column() -> None:
    """Lay out inversion, crop and the tabs."""
    with gr.Row():
        gr.Button("Invert this face", variant="primary", elem_id="invert", interactive=False)
        gr.Button("Stop", elem_id="stop", visible=False)
    gr.Radio(
        list(handlers.LIKENESS),
        value="Faithful" if gpu.is_fast() else "Fast",
        label="Likeness",
        info="Faithful shows the fast result first, then refines it on your photo, which takes "
        f"{'seconds' if gpu.is_fast() else 'minutes'}; tuned also bends the generator to it, for the closest "
        "likeness.",
        elem_id="likeness",
    )
    with gr.Accordion("Adjust the crop", open=False, elem_id="crop"):
        gr.Image(
            label="The crop",
            interactive=False,
            height=200,
            elem_id="crop_preview",
            alt_text="The part of your photo that will be inverted",
            buttons=[],
        )
        gr.Slider(0, 1024, 512, step=1, label="Center, left to right (px)", elem_id="crop_x")
        gr.Slider(0, 1024, 512, step=1, label="Center, top to bottom (px)", elem_id="crop_y")
        gr.Slider(20, 2048, 1024, step=1, label="Size (px)", elem_id="crop_size")
        gr.Slider(-180, 180, 0, step=0.5, label="Turn (degrees)", elem_id="crop_turn")
        gr.Button("Use this crop", elem_id="use_crop")
    with gr.Tabs(elem_id="tabs"):
        for label, lay_out in {
            "Attributes": attributes_tab,
            "Words": words_tab,
            "Explore": explore_tab,
            "Masks": masks_tab,
            "Strip": strip_tab,
        }.items():
            # All tabs are there from the start: their sliders are inputs of every edit.
            with gr.Tab(label, elem_id=f"tab_{label.lower()}", render_children=True):
                lay_out()
    with gr.Accordion("How it works, limits, privacy, licence", open=False, elem_id="about"):
        gr.Markdown(texts.ABOUT)


class Wiring:
    """Connect events with handlers by element ids.

    Args:
        demo: the laid-out page.
        session: its state, known as "session".
    """

    def __init__(self, demo: gr.Blocks, session: gr.State):
        self.part: dict[str, Any] = {
            block.elem_id: block for block in demo.blocks.values() if getattr(block, "elem_id", None)
        }
        self.part["session"] = session

    def parts(self, names: Iterable[str]) -> list[Any]:
        """Look several parts up."""
        return [self.part[name] for name in names]

    def on(
        self,
        events: Callable[..., Any] | list[Callable[..., Any]],
        handler: Callable[..., Iterator[dict[str, Any]]],
        inputs: Iterable[str],
        outputs: Iterable[str],
        on_gpu: bool = False,
        **options: Any,
    ) -> Any:
        """Call a handler on events; it yields updates by name, of `outputs`, status and stop button."""

        @wraps(handler)
        def by_part(*values: Any) -> Iterator[dict[Any, Any]]:
            for updates in handler(*values):
                yield {self.part[name]: value for name, value in updates.items()}

        if on_gpu:
            options |= gpu.LANE
        names = dict.fromkeys([*outputs, "status", "stop"])
        options = {"show_progress": "hidden", "api_visibility": "private", **options}
        if isinstance(events, list):
            return gr.on(events, by_part, self.parts(inputs), self.parts(names), **options)
        return events(by_part, self.parts(inputs), self.parts(names), **options)


def wire(wiring: Wiring) -> None:
    """Say which event calls which handler with which parts."""
    part, on = wiring.part, wiring.on
    crop_sliders = ("crop_x", "crop_y", "crop_size", "crop_turn")
    shown = ("compare", "stage")
    seen = ("session", "view", "overlay")  # first inputs of all that draws
    result = ("session", *shown, "masks", "history", "undo", "redo")
    status_progress = {"show_progress_on": [part["status"]], "show_progress": "minimal"}
    stage_progress = {
        "show_progress_on": wiring.parts(shown),
        "show_progress": "minimal",
        "trigger_mode": "always_last",
        "on_gpu": True,
    }

    def then_invert(event: Any) -> None:
        """Invert after an event that has chosen a crop."""
        outputs = [*result, "mask_edit", *controls.CONTROLS]
        inputs = ("session", "likeness", "view", "overlay")
        on(event, handlers.on_invert, inputs, outputs, on_gpu=True, **status_progress)

    photo = part["photo"]
    cleared = [*result, "faces", "crop", *crop_sliders, "crop_preview", "invert", "strip", "mask_edit"]
    cleared += controls.CONTROLS
    # `on_photo` opens the upload itself (preprocess=False): it knows what to say about a bad file.
    opening = {"preprocess": False, "trigger_mode": "always_last", **status_progress}
    # Removing the photo is an input too, but then the value of an example that it had may still be sent.
    seen_photo = {"js": "(session, photo) => samm.shownPhoto(session, photo)"}
    uploaded = on(photo.input, handlers.on_photo, ("session", "photo"), cleared, **opening, **seen_photo)
    then_invert(uploaded.then)
    picked = part["examples"].select(
        pick_example, None, photo, show_progress="hidden", api_visibility="private"
    )
    then_invert(on(picked.then, handlers.on_photo, ("session", "photo"), cleared, **opening).then)
    chosen = ("session", *crop_sliders, "crop_preview", "invert")
    then_invert(on(part["faces"].select, handlers.on_face, ["session"], chosen).then)
    moved = [event for name in crop_sliders for event in (part[name].input, part[name].release)]
    placed = ("session", *crop_sliders)
    on(moved, handlers.on_crop_moved, placed, ["crop_preview"], trigger_mode="always_last")
    then_invert(on(part["use_crop"].click, handlers.on_crop, placed, ("session", "invert")).then)
    then_invert(part["invert"].click)
    part["stop"].click(
        handlers.on_stop, None, None, queue=False, show_progress="hidden", api_visibility="private"
    )

    # Arrow keys fire no `release`, and the reset button no `input`: both are listened to.
    sliders = [event for name in controls.SLIDERS for event in (part[name].input, part[name].release)]
    switches = [part["recompute"].input]
    values = (*seen, *controls.SLIDERS, "layers", "recompute")
    on([*sliders, *switches], handlers.on_controls, values, result, **stage_progress)

    words = (*result, *controls.WORD_OUTPUTS, "target")
    for phrase, events in {
        "target": [part["target"].submit, part["add"].click],
        **{name: [part[name].click] for name in controls.CHIPS},
    }.items():
        inputs = (*seen, phrase, "neutral", "strength", "focus")
        on(events, handlers.on_words, inputs, words, **stage_progress)
    for row in controls.WORD_ROWS:
        slider, remove = part[f"word_{row}"], part[f"remove_{row}"]
        inputs = (*seen, f"word_{row}")
        on([slider.input, slider.release], handlers.word_slider(row), inputs, result, **stage_progress)
        on(remove.click, handlers.word_remover(row), seen, words, **stage_progress)

    restored = (*result, "mask_edit", *controls.CONTROLS)
    for name, handler in {
        "undo": handlers.on_undo,
        "redo": handlers.on_redo,
        "reset": handlers.on_reset,
        "mask_reset": handlers.on_mask_reset,
    }.items():
        # Every press counts, also those that come while a picture is drawn.
        on(part[name].click, handler, seen, restored, **stage_progress | {"trigger_mode": "multiple"})
    on(part["history"].select, handlers.on_history, seen, restored, **stage_progress)
    loaded = {**stage_progress, "preprocess": False}
    on(part["recipe_in"].upload, handlers.on_recipe_file, (*seen, "recipe_in"), restored, **loaded)

    on([part["view"].input, part["overlay"].input], handlers.on_view, seen, shown, trigger_mode="always_last")
    painted = [part["mask_edit"].input, part["mask_edit"].apply]
    on(painted, handlers.on_paint, (*seen, "mask_edit"), result, trigger_mode="always_last")
    drawn = ("session", "strip")
    strip_progress = {"on_gpu": True, "show_progress_on": [part["strip"]], "show_progress": "minimal"}
    varied = ("session", "strip_by", "strip_down")
    on(part["strip_draw"].click, handlers.on_strip, varied, drawn, **strip_progress)
    on(part["strip"].select, handlers.on_strip_picked, seen, restored, **stage_progress)

    for name, kind in {
        "download": "portrait",
        "download_photo": "photo",
        "download_masks": "masks",
        "download_recipe": "recipe",
        "download_latent": "latent",
    }.items():
        made = on(part[name].click, handlers.downloader(kind), ["session"], ["parcel"])
        made.then(None, part["parcel"], None, js="(file) => samm.save(file)", api_visibility="private")


def pick_example(event: gr.SelectData) -> str:
    """Put the example that was picked into the place of the upload."""
    return str(files.EXAMPLES / f"{picked(list(EXAMPLES), event.index)}.jpg")


def build() -> gr.Blocks:
    """Lay out the page and wire it."""

    def tell_privacy(request: gr.Request) -> str:
        """Say what becomes of a photo, now that it is known how the page was started and is reached."""
        how = how_served(os.environ, demo.server_name, demo.share, demo.root_path, request.headers)
        return texts.introduction(privacy(how))

    folders.claim(FOLDER, files.LIVES_S)
    gpu.load()
    with wall.GatedBlocks(title=texts.TITLE, fill_width=True, delete_cache=(600, files.LIVES_S)) as demo:
        state = gr.State(
            Session(), time_to_live=files.LIVES_S, delete_callback=lambda left: files.delete(left.folder)
        )
        headline = gr.Markdown(texts.introduction(privacy(how_served(os.environ))))
        if gpu.missing():
            gr.Markdown(f"**Model files are missing.** {gpu.missing()}", elem_id="missing")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="left"):
                with gr.Column(elem_id="source"):
                    source_column()
                with gr.Column(elem_id="controls"):
                    controls_column()
            with gr.Column(elem_id="right"):
                with gr.Column(elem_id="result"):
                    result_column()
                with gr.Column(elem_id="more"):
                    more_column()
        wire(Wiring(demo, state))
        api.publish()
        demo.load(tell_privacy, None, headline, api_visibility="private", queue=False, show_progress="hidden")
        demo.unload(handlers.on_leave)
    return demo.queue(max_size=30)


def launch(demo: gr.Blocks) -> None:
    """Serve the page until somebody stops it."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folders.delete_at_exit(FOLDER)
    folders.keep_clean(files.sweep, every_s=600)
    demo.launch(
        theme=THEME,
        head=HEAD,
        css_paths=PAGE / "style.css",
        js=(PAGE / "page.js").read_text(encoding="utf-8"),
        max_file_size="15mb",
        run_history=False,
        ssr_mode=False,
        show_error=True,
        footer_links=["api", "settings"],
        mcp_server=importlib.util.find_spec("mcp") is not None,
        **wall.open_doors(),
    )
