"""Three functions for programs: `/invert`, `/edit`, `/describe`; MCP tools where `mcp` is installed.

They remember nothing between calls. Files come back with their provenance inside, and what a person would be
warned of stands in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import gradio as gr
from gradio.events import api as offer

import samm
from editing.edit import Edit
from editing.page import gpu
from editing.page.asked import face_choice, face_numbers, open_asked
from editing.page.files import new_folder, put, save_picture
from editing.page.idle import IDLE
from editing.page.sentences import PHRASES, warn
from editing.people import everybody
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import from_json, to_json
from editing.recipe.line import parse
from editing.recipe.recipe import COMPONENT_RANGE, COMPONENTS, TEXT_RANGE, Recipe, require_quick
from samm.crop.crop import Crop
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
        photo), and a report with likeness, shares kept, seconds, the number of faces found, and warnings.
    """
    if not isinstance(face, int | float) or isinstance(face, bool) or face % 1:
        raise OptionError(f"face must be a whole number from 0 on, not {str(face)[:40]!r}.")
    asked = open_asked(photo)
    (number,) = face_numbers(face, len(asked.crops))
    inversion = _invert(asked.crops[number])
    doubts = _doubts(asked.crops[number], inversion)
    warnings = [*asked.notes([number], "face takes another"), *doubts]
    warn(warnings)  # also while the call goes on
    folder = new_folder()
    levels = {f"{r}x{r}": mask for r, mask in inversion.masks.items()} | {"gathered": inversion.keep_photo}
    masks = []
    for name, mask in levels.items():
        path = folder / f"mask_{name}.png"
        path.write_bytes(png_bytes(mask_to_u8(mask)))
        masks.append((str(path), f"{name}: {100 * mask.mean():.0f} % kept"))
    blended = save_picture(inversion.blended, folder, Recipe())
    report = {**inversion.report, "faces": len(asked.crops), "warnings": warnings}
    return put(inversion.photo_u8, folder), blended, masks, report


@_told
def edit_photo(
    photo: dict | None, recipe: str, face: str | float = "largest"
) -> tuple[str, str, str, dict[str, Any]]:
    """Edit one face in a photo, or all of them.

    Args:
        photo: a picture with a face.
        recipe: what to change, as a line such as "age +2, blonde hair 0.8" or as JSON.
        face: "largest", a number counted from 0, largest first, or "all", which edits the twelve largest.

    Returns:
        The edited portrait (of all, the largest one's), the whole photo with every edited face, the recipe as
        JSON, and a report with the number of faces found, the numbers of those edited, and warnings.
    """
    if not isinstance(recipe, str):
        raise OptionError('recipe must be a line such as "age +2, blonde hair 0.8", or JSON as text.')
    wanted = from_json(recipe) if recipe.lstrip().startswith("{") else parse(recipe)
    require_quick(wanted)
    asked = open_asked(photo)
    numbers = face_numbers(face, len(asked.crops))
    notes = asked.notes(numbers, 'face takes another, or "all"')
    edits, warnings = _edit_each([(number, asked.crops[number]) for number in numbers], wanted)
    warnings = [*gpu.engine().moves.warnings(wanted), *notes, *warnings]
    warn(warnings)  # also while the call goes on
    folder = new_folder()
    portrait = save_picture(edits[min(edits)].portrait(), folder, wanted)
    whole = save_picture(everybody(asked.photo, edits), folder, wanted)
    report = {"faces": len(asked.crops), "edited": sorted(edits), "warnings": warnings}
    return portrait, whole, to_json(wanted), report


def describe() -> dict:
    """Say what recipes may hold: attributes with their limits, phrases that work, ranges, and the model."""
    return {
        "model": gpu.PRESET,
        "size": gpu.resolution(),
        "version": samm.__version__,
        "attributes": {
            name: {"label": a.label, "info": a.info, "low": a.low, "high": a.high, "step": a.step}
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
        faces = face_choice()
        recipe = gr.Textbox(label="recipe")
        pictures = [gr.Image(label=name, format="png") for name in ("aligned", "inversion")]
        masks, report = gr.Gallery(label="masks", format="png"), gr.JSON(label="report")
        results = [gr.Image(label=name, format="png") for name in ("portrait", "whole")]
        made, edited = gr.Textbox(label="recipe"), gr.JSON(label="report")
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
        gr.on(
            gr.Button().click,
            edit_photo,
            [photo, recipe, faces],
            [*results, made, edited],
            api_name="edit",
            **call,
        )
    offer(describe, api_name="describe")


def _invert(crop: Crop) -> Inversion:
    crop.pixels(gpu.engine().model.resolution)  # read and judged here
    return gpu.invert_on_gpu(crop, None)


def _edit_each(crops: Sequence[tuple[int, Crop]], recipe: Recipe) -> tuple[dict[int, Edit], list[str]]:
    """Edit faces by their numbers, and give what is to be known of each.

    Raises:
        PhotoError: none of them can be.
    """
    edits: dict[int, Edit] = {}
    warnings = []
    for number, crop in crops:
        name = f"Face {number}: " if len(crops) > 1 else ""
        try:
            inversion = _invert(crop)
            edits[number] = _edit(inversion, recipe)
            warnings += [name + doubt for doubt in _doubts(crop, inversion)]
        except PhotoError as error:  # the other faces are not to blame
            if number == crops[-1][0] and not edits:
                raise
            warnings.append(f"{name}it stays as it was. {error}")
    return edits, warnings


def _edit(inversion: Inversion, recipe: Recipe) -> Edit:
    if recipe.only_blends:
        return gpu.engine().edit(inversion, recipe)  # blending only
    return gpu.edit_on_gpu(inversion, recipe)


def _doubts(crop: Crop, inversion: Inversion) -> list[str]:
    """Say what may spoil an inversion."""
    return [*crop.warnings, *([inversion.notice] if inversion.notice else [])]
