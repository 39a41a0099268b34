"""What a visitor takes home, and the recipe that is brought back.

Another download is one more entry of `DOWNLOADS`, with its id.
"""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gradio as gr
from safetensors.torch import save as to_safetensors

from editing.edit import Edit
from editing.page import gpu, ids
from editing.page.drawing import restore
from editing.page.files import name_of, put_away, save_picture
from editing.page.gate import GATE
from editing.page.packing import unpack
from editing.page.parts import Part, Updates
from editing.page.pictures import present
from editing.page.session import Inverted, Visit, inverted
from editing.page.wiring import RESTORED, Handler, Wiring
from editing.recipe.file import load_recipe, to_json
from editing.recipe.recipe import require_quick
from editing.share import card, morph
from samm.crop.png import png_bytes
from samm.pixels import mask_to_u8

__all__ = ["DOWNLOADS", "PART", "Download", "on_recipe_file"]


@dataclass(frozen=True)
class Download:
    """A file to take home.

    Attributes:
        id: of its button.
        label: of its button, with the picture's edge as `{size}`.
        make: writes it, for a visit and its present picture, and gives its path.
    """

    id: str
    label: str
    make: Callable[[Inverted, Edit], str]


def portrait(visit: Inverted, edited: Edit) -> str:
    """Give the result, which lies there already."""
    return visit.after


def photo(visit: Inverted, edited: Edit) -> str:
    """Write the whole photo with the result in it."""
    return save_picture(edited.whole(), visit.folder, visit.recipe)


def before_after(visit: Inverted, edited: Edit) -> str:
    """Put the photo and the result side by side."""
    data = card(edited.photo_u8, edited.blended, visit.recipe)
    return put_away(data, visit.folder, name_of(visit.recipe, "before_after", "jpg"))


def film(visit: Inverted, edited: Edit) -> str:
    """Fade from the photo to the result and back."""
    data = morph(edited.photo_u8, edited.blended, visit.recipe)
    return put_away(data, visit.folder, name_of(visit.recipe, "film", "webp"))


def masks(visit: Inverted, edited: Edit) -> str:
    """Zip the level masks and the mask of the present picture, white is kept from the photo."""
    stream = io.BytesIO()
    levels = {**unpack(visit.inversion).masks, "gathered": edited.keep_photo}
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
    Download(ids.DOWNLOAD, "Download portrait (PNG, {size}×{size})", portrait),
    Download(ids.DOWNLOAD_PHOTO, "Download whole photo (PNG, original size)", photo),
    Download(ids.DOWNLOAD_CARD, "Before/after card (JPEG)", before_after),
    Download(ids.DOWNLOAD_FILM, "Short film (WebP)", film),
    Download(ids.DOWNLOAD_MASKS, "Masks (ZIP)", masks),
    Download(ids.DOWNLOAD_RECIPE, "Recipe (JSON)", recipe),
    Download(ids.DOWNLOAD_LATENT, "Code (for programs)", latent),
)


def lay_out() -> None:
    """Lay out the buttons, and where a recipe is brought back."""
    size = gpu.resolution() or 1024
    with gr.Row(elem_id=ids.DOWNLOADS):
        for download in DOWNLOADS:
            label = download.label.format(size=size)
            gr.Button(label, elem_id=download.id, size="sm", interactive=False, min_width=120)
    gr.File(visible="hidden", elem_id=ids.PARCEL)
    gr.File(
        label="Load a recipe: JSON, or a PNG saved here",
        file_types=[".json", ".png"],
        elem_id=ids.RECIPE_IN,
        height=120,
        interactive=False,
    )


def wire(wiring: Wiring) -> None:
    """Connect the buttons, and the recipe that is brought back."""
    parcel = wiring[ids.PARCEL]
    for download in DOWNLOADS:
        made = wiring.on(wiring[download.id].click, _downloader(download), (), [ids.PARCEL])
        made.then(None, parcel, None, js="(file) => samm.save(file)", api_visibility="private")
    brought = wiring[ids.RECIPE_IN].upload
    wiring.draws(brought, on_recipe_file, [ids.RECIPE_IN], RESTORED, preprocess=False)


def _downloader(download: Download) -> Handler:
    """Make the handler of a download; the page then fetches the file."""

    def on_download(visit: Visit) -> Iterator[Updates]:
        visit = inverted(visit)
        yield {ids.PARCEL: download.make(visit, present(visit))}

    return on_download


def on_recipe_file(visit: Visit, upload: dict | None) -> Iterator[Updates]:
    """Take a recipe from JSON or from one of our PNGs."""
    if not upload:
        return
    loaded = load_recipe(GATE.file(upload, visit.tab or None))
    require_quick(loaded)
    for warning in gpu.engine().moves.warnings(loaded):
        gr.Warning(html.escape(warning))
    yield from restore(inverted(visit), loaded)


def settings(visit: Visit) -> Updates:
    """Switch buttons and upload on."""
    ready = isinstance(visit, Inverted)
    return {
        **{download.id: gr.Button(interactive=ready) for download in DOWNLOADS},
        ids.RECIPE_IN: gr.File(interactive=ready),
    }


PART = Part(lay_out=lay_out, wire=wire, settings=settings)
