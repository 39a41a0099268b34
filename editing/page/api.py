"""Three functions for programs: `/invert`, `/edit`, `/describe`; MCP tools where `mcp` is installed.

They remember nothing between calls. Files come back with their provenance inside.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
from gradio.events import api as offer

import samm
from editing.page import gpu
from editing.page.files import new_folder, put, save_picture
from editing.page.gate import GATE
from editing.page.idle import IDLE
from editing.page.sentences import PHRASES
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import from_json, to_json
from editing.recipe.line import parse
from editing.recipe.recipe import COMPONENT_RANGE, COMPONENTS, TEXT_RANGE, Recipe, require_quick
from samm.crop.crop import Photo
from samm.crop.faces import NO_FACE
from samm.crop.png import png_bytes
from samm.errors import OptionError, PhotoError, UserError
from samm.inversion import Inversion
from samm.method.masking import STRENGTH_RANGE
from samm.pixels import mask_to_u8

__all__ = ["describe", "edit_photo", "invert_photo", "publish"]


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a caller one sentence instead of a traceback."""

    @wraps(function)
    def wrapper(*args: Any) -> Any:
        try:
            with IDLE.awake():
                return function(*args)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except gr.Error:
            raise
        except Exception as error:
            raise gr.Error(gpu.our_fault(error)) from error

    return wrapper


@_told
def invert_photo(photo: dict | None, face: float = 0) -> tuple[str, str, list[tuple[str, str]], dict]:
    """Invert the face in a photo.

    Args:
        photo: a picture with a face.
        face: which face, counted from 0, largest first.

    Returns:
        The aligned crop, its inversion, the masks (four levels and the gathered one; white is kept from the
        photo), and a report with likeness, shares kept and seconds.
    """
    if not isinstance(face, int | float) or isinstance(face, bool) or face % 1:
        raise OptionError(f"face must be a whole number from 0 on, not {str(face)[:40]!r}.")
    inversion = _invert(photo, face)
    folder = new_folder()
    levels = {f"{r}x{r}": mask for r, mask in inversion.masks.items()} | {"gathered": inversion.keep_photo}
    masks = []
    for name, mask in levels.items():
        path = folder / f"mask_{name}.png"
        path.write_bytes(png_bytes(mask_to_u8(mask)))
        masks.append((str(path), f"{name}: {100 * mask.mean():.0f} % kept"))
    blended = save_picture(inversion.blended, folder, Recipe())
    return put(inversion.photo_u8, folder), blended, masks, inversion.report


@_told
def edit_photo(photo: dict | None, recipe: str) -> tuple[str, str, str]:
    """Edit the largest face in a photo.

    Args:
        photo: a picture with a face.
        recipe: what to change, as a line such as "age +2, blonde hair 0.8" or as JSON.

    Returns:
        The edited portrait, the whole photo with it, and the recipe as JSON.
    """
    if not isinstance(recipe, str):
        raise OptionError('recipe must be a line such as "age +2, blonde hair 0.8", or JSON as text.')
    wanted = from_json(recipe) if recipe.lstrip().startswith("{") else parse(recipe)
    require_quick(wanted)
    for warning in gpu.engine().moves.warnings(wanted):
        gr.Warning(html.escape(warning))
    inversion = _invert(photo, 0)
    if wanted.only_blends:
        edited = gpu.engine().edit(inversion, wanted)  # blending only
    else:
        edited = gpu.edit_on_gpu(inversion, wanted)
    folder = new_folder()
    portrait, pasted = (save_picture(p, folder, wanted) for p in (edited.portrait(), edited.whole()))
    return portrait, pasted, to_json(wanted)


def describe() -> dict:
    """Say what recipes may hold: attributes with their limits, phrases that work, ranges, and the model."""
    return {
        "model": gpu.PRESET,
        "size": gpu.resolution(),
        "version": samm.__version__,
        "attributes": {
            name: {"info": a.info, "low": a.low, "high": a.high, "step": a.step}
            for name, a in ATTRIBUTES.items()
        },
        "phrases": list(PHRASES),
        "ranges": {
            "text": list(TEXT_RANGE),
            "component": list(COMPONENT_RANGE),
            "mask_strength": list(STRENGTH_RANGE),
        },
        "components": COMPONENTS,
    }


def publish() -> None:
    """Offer the functions on the page that is being laid out; their parts are never shown."""
    with gr.Column(visible=False):
        photo = gr.Image(type="filepath", label="photo")
        face = gr.Number(0, label="face", precision=0)
        recipe = gr.Textbox(label="recipe")
        pictures = [gr.Image(label=name, format="png") for name in ("aligned", "inversion")]
        masks, report = gr.Gallery(label="masks", format="png"), gr.JSON(label="report")
        results = [gr.Image(label=name, format="png") for name in ("portrait", "whole")]
        made = gr.Textbox(label="recipe")
        call = {"api_visibility": "public", "preprocess": False, "show_progress": "hidden"}
        call |= gpu.LANE
        gr.on(
            gr.Button().click,
            invert_photo,
            [photo, face],
            [*pictures, masks, report],
            api_name="invert",
            **call,
        )
        gr.on(gr.Button().click, edit_photo, [photo, recipe], [*results, made], api_name="edit", **call)
    offer(describe, api_name="describe")


def _invert(photo: dict | None, number: float) -> Inversion:
    """Open a photo and invert one of its faces."""
    if not photo:
        raise PhotoError("Call /invert first or pass the photo.")
    engine = gpu.engine()
    upright = Photo.open(GATE.recorded(photo)).upright(engine.model.domain, engine.detector)
    faces = upright.locate(engine.model.domain, engine.detector)
    if not faces:
        raise PhotoError(NO_FACE)
    if not 0 <= number < len(faces):
        raise PhotoError(f"There is no face {number:g}; the photo has {len(faces)}, counted from 0.")
    crop = faces[int(number)]
    crop.pixels(engine.model.resolution)  # read and judged here
    return gpu.invert_on_gpu(crop, None)
