"""What programs and other visits can read: masks, recipe and code, and a recipe that is brought back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import gradio as gr
from safetensors.torch import save as to_safetensors

from editing.edit import Edit
from editing.page import gpu, ids
from editing.page.drawing import restore
from editing.page.files import name_of, put_away
from editing.page.gate import GATE
from editing.page.packing import unpack
from editing.page.parts import Tab, Updates
from editing.page.regions.downloads import Download, offered
from editing.page.sentences import warn
from editing.page.session import Inverted, Visit
from editing.page.wiring import RESTORED, Wiring
from editing.recipe.file import load_recipe, to_json
from editing.recipe.recipe import require_quick
from samm.crop.png import png_bytes
from samm.pixels import mask_to_u8

__all__ = ["TAB", "on_recipe_file"]


def masks(visit: Inverted, edited: Edit) -> str:
    """Zip the level masks and the mask of the present picture, white is kept from the photo."""
    stream = io.BytesIO()
    levels = {**visit.inversion.masks, "gathered": edited.keep_photo}
    with zipfile.ZipFile(stream, "w") as archive:
        for name, mask in levels.items():
            archive.writestr(f"mask_{name}.png", png_bytes(mask_to_u8(mask)))
    return put_away(stream.getvalue(), visit.folder, name_of(visit.recipe, "masks", "zip"))


def recipe(visit: Inverted, edited: Edit) -> str:
    """Write the recipe as JSON."""
    name = name_of(visit.recipe, "recipe", "json")
    return put_away(to_json(visit.recipe).encode(), visit.folder, name)


def latent(visit: Inverted, edited: Edit) -> str:
    """Store the codes before and after attributes and components, flows and masks, and tuned weights."""
    inversion = unpack(visit.inversion)
    tensors = {"w_plus": inversion.w_plus, "w_plus_edited": edited.w_plus}
    for name, levels in (("flow", inversion.flows), ("mask", inversion.masks)):
        tensors |= {f"{name}_{r}": field for r, field in levels.items()}
    tensors |= {f"tuned.{name}": difference for name, difference in inversion.tuned.items()}
    metadata = {"preset": inversion.preset, "recipe": to_json(visit.recipe)}
    if inversion.tuned:
        metadata["tuned"] = "Before drawing, add each tensor tuned.NAME to the generator's weight NAME."
    data = to_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)
    return put_away(data, visit.folder, name_of(visit.recipe, "latent", "safetensors"))


DOWNLOADS = (
    Download(ids.DOWNLOAD_MASKS, "Masks (ZIP)", masks),
    Download(ids.DOWNLOAD_RECIPE, "Recipe (JSON)", recipe),
    Download(ids.DOWNLOAD_LATENT, "Code (for programs)", latent),
)


def lay_out() -> None:
    """Lay out the buttons, and where a recipe is brought back."""
    with gr.Row(elem_id=ids.PROGRAMS):
        for download in DOWNLOADS:
            gr.Button(download.label, elem_id=download.id, size="sm", interactive=False, min_width=120)
    gr.File(
        label="Load a recipe: JSON, or a PNG saved here",
        file_types=[".json", ".png"],
        elem_id=ids.RECIPE_IN,
        height=120,
        interactive=False,
    )


def wire(wiring: Wiring) -> None:
    """Connect the buttons, and the recipe that is brought back."""
    for download in DOWNLOADS:
        offered(wiring, download)
    brought = wiring[ids.RECIPE_IN].upload
    wiring.draws(brought, on_recipe_file, [ids.RECIPE_IN], RESTORED, preprocess=False)


def on_recipe_file(visit: Inverted, upload: dict | None) -> Iterator[Updates]:
    """Take a recipe from JSON or from one of our PNGs."""
    if not upload:
        return
    loaded = load_recipe(GATE.file(upload, visit.tab or None))
    require_quick(loaded)
    warn(gpu.engine().moves.warnings(loaded))
    yield from restore(visit, loaded)


def settings(visit: Visit) -> Updates:
    """Switch buttons and upload on."""
    ready = isinstance(visit, Inverted)
    return {
        **{download.id: gr.Button(interactive=ready) for download in DOWNLOADS},
        ids.RECIPE_IN: gr.File(interactive=ready),
    }


TAB = Tab(label="For programs", lay_out=lay_out, wire=wire, settings=settings)
