"""Three functions for programs: `/invert`, `/edit`, `/describe`; MCP tools where `mcp` is installed.

They remember nothing between calls. Files come back with their provenance inside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

import samm
from editing.edit import edit
from editing.page import gpu
from editing.page.files import new_folder, put, save_picture
from editing.page.sentences import PHRASES
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import from_json, to_json
from editing.recipe.line import parse
from editing.recipe.recipe import COMPONENT_RANGE, COMPONENTS, MASK_RANGE, TEXT_RANGE, Recipe
from samm.crop.faces import NO_FACE
from samm.crop.paste import paste_back
from samm.crop.photo import read_photo
from samm.crop.png import png_bytes
from samm.crop.quad import crop_face
from samm.crop.turn import upright_faces
from samm.errors import PhotoError, UserError, WeightsError
from samm.inversion import Inversion
from samm.pixels import mask_to_u8

__all__ = ["describe", "edit_photo", "invert_photo", "publish"]


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a caller one sentence instead of a traceback."""

    @wraps(function)
    def wrapper(*args: Any) -> Any:
        try:
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
    _, _, inversion = _invert(photo, face)
    folder = new_folder()
    levels = {f"{r}x{r}": mask for r, mask in inversion.masks.items()} | {"gathered": inversion.keep_photo}
    masks = []
    for name, mask in levels.items():
        path = folder / f"mask_{name}.png"
        path.write_bytes(png_bytes(mask_to_u8(mask)))
        masks.append((str(path), f"{name}: {100 * mask.mean():.0f} % kept"))
    blended = save_picture(inversion.blended, folder, Recipe())
    return put(inversion.crop, folder), blended, masks, inversion.report


@_told
def edit_photo(photo: dict | None, recipe: str) -> tuple[str, str, str]:
    """Edit the largest face in a photo.

    Args:
        photo: a picture with a face.
        recipe: what to change, as a line such as "age +2, blonde hair 0.8" or as JSON.

    Returns:
        The edited portrait, the whole photo with it, and the recipe as JSON.
    """
    wanted = from_json(recipe) if recipe.lstrip().startswith("{") else parse(recipe)
    file, quad, inversion = _invert(photo, 0)
    if wanted.only_blends:
        edited = edit(inversion, wanted, gpu.MODEL, gpu.TOOLS)  # blending only
    else:
        edited = gpu.edit_on_gpu(inversion, wanted)
    whole = paste_back(file.image_u8, quad, edited.aligned, edited.keep_photo[0, 0].numpy())
    pictures = file.crop_with_alpha(edited.blended, quad), file.with_alpha(whole)
    folder = new_folder()
    portrait, pasted = (save_picture(picture, folder, wanted) for picture in pictures)
    return portrait, pasted, to_json(wanted)


def describe() -> dict:
    """Say what recipes may hold: attributes with their limits, phrases that work, ranges, and the model."""
    return {
        "model": gpu.PRESET,
        "size": gpu.MODEL.resolution if gpu.MODEL else None,
        "version": samm.__version__,
        "attributes": {
            name: {"info": a.info, "low": a.low, "high": a.high, "step": a.step}
            for name, a in ATTRIBUTES.items()
        },
        "phrases": list(PHRASES),
        "ranges": {
            "text": list(TEXT_RANGE),
            "component": list(COMPONENT_RANGE),
            "mask_strength": list(MASK_RANGE),
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
    gr.api(describe, api_name="describe")


def _invert(photo: dict | None, number: float) -> tuple[Any, Any, Inversion]:
    """Open a photo and invert one of its faces; give photo, quad and inversion."""
    if not photo:
        raise PhotoError("Call /invert first or pass the photo.")
    if gpu.MODEL is None:
        raise WeightsError(gpu.MISSING)
    file = read_photo(photo["path"])
    turned_deg, _, faces = upright_faces(file.image_u8, gpu.DETECTOR)
    file = file.turned(turned_deg)
    if not faces:
        raise PhotoError(NO_FACE)
    if not 0 <= number < len(faces):
        raise PhotoError(f"There is no face {number:g}; the photo has {len(faces)}, counted from 0.")
    quad = faces[int(number)].quad
    return file, quad, gpu.invert_on_gpu(crop_face(file.image_u8, quad, gpu.MODEL.resolution), None)
