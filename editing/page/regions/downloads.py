"""What a visitor takes home or sends: the whole photo first, then portrait, card and film.

Another download is one more entry of `DOWNLOADS`, with its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gradio as gr

from editing.edit import Edit
from editing.page import gpu, ids
from editing.page.files import name_of, put_away, save_picture
from editing.page.opening import inverted
from editing.page.parts import Part, Updates
from editing.page.pictures import present, whole
from editing.page.session import Inverted, Visit
from editing.page.wiring import Handler, Wiring
from editing.share import card, morph

__all__ = ["DOWNLOADS", "PART", "Download", "offered"]


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
    """Write the result, as the page shows it, without loss."""
    return save_picture(edited.blended, visit.folder, visit.recipe, "portrait")


def photo(visit: Inverted, edited: Edit) -> str:
    """Write the whole photo with the result in it, of all faces that were worked on."""
    return save_picture(whole(visit, edited), visit.folder, visit.recipe)


def before_after(visit: Inverted, edited: Edit) -> str:
    """Put the photo and the result side by side."""
    data = card(edited.photo_u8, edited.blended, visit.recipe)
    return put_away(data, visit.folder, name_of(visit.recipe, "before_after", "jpg"))


def film(visit: Inverted, edited: Edit) -> str:
    """Fade from the photo to the result and back."""
    data = morph(edited.photo_u8, edited.blended, visit.recipe)
    return put_away(data, visit.folder, name_of(visit.recipe, "film", "webp"))


SAVE = Download(ids.SAVE, "Save", photo)
SHARE = Download(ids.SHARE, "Share", before_after)
DOWNLOADS = (
    Download(ids.DOWNLOAD, "Portrait (PNG, {size}×{size})", portrait),
    Download(ids.DOWNLOAD_CARD, "Before/after card (JPEG)", before_after),
    Download(ids.DOWNLOAD_FILM, "Short film (WebP)", film),
)


def lay_out() -> None:
    """Lay out what can be saved besides the whole photo, whose button is below the stage."""
    size = gpu.resolution() or 1024
    with gr.Row(elem_id=ids.DOWNLOADS):
        for download in DOWNLOADS:
            label = download.label.format(size=size)
            gr.Button(label, elem_id=download.id, size="sm", interactive=False, min_width=120)
    gr.File(visible="hidden", elem_id=ids.PARCEL)


def wire(wiring: Wiring) -> None:
    """Connect the buttons."""
    for download in (SAVE, *DOWNLOADS):
        offered(wiring, download)
    offered(wiring, SHARE, "share")


def offered(wiring: Wiring, download: Download, how: str = "save") -> None:
    """Have a button make its file, which the page then saves or, where it can, hands to other programs."""
    parcel = wiring[ids.PARCEL]
    made = wiring.shows(wiring[download.id].click, _downloader(download), (), [ids.PARCEL])
    made.then(None, parcel, None, js=f"(file) => samm.{how}(file)", api_visibility="private")


def _downloader(download: Download) -> Handler:
    """Make the handler of a download; the page then fetches the file."""

    def on_download(visit: Visit) -> Iterator[Updates]:
        visit = inverted(visit)
        yield {ids.PARCEL: download.make(visit, present(visit))}

    return on_download


def settings(visit: Visit) -> Updates:
    """Switch the buttons on."""
    ready = isinstance(visit, Inverted)
    return {download.id: gr.Button(interactive=ready) for download in (SAVE, SHARE, *DOWNLOADS)}


PART = Part(lay_out=lay_out, wire=wire, settings=settings)
