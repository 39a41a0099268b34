"""How it works in three pictures, and what one should know before using it."""

from __future__ import annotations

import gradio as gr
import numpy as np
from PIL import Image

from editing.page import files, ids
from editing.page.opening import first, shipped
from editing.page.packing import unpack, unpack_edit
from editing.page.sentences import ABOUT, HOW

__all__ = ["lay_out"]

SMALL_PX = 256


def lay_out() -> None:
    """Lay out the pictures, open until a photo comes, and the sentences."""
    with gr.Accordion("How it works", open=True, elem_id=ids.HOW):
        _pictures()
        gr.Markdown(HOW)
    with gr.Accordion("Limits, privacy, licence", open=False, elem_id=ids.ABOUT):
        gr.Markdown(ABOUT)


def _pictures() -> None:
    """Lay out photo, what is kept and result of an example, if one is at hand."""
    example = shipped(first().example)
    if example is None:
        return
    inversion = unpack(example.inversion)
    edited = unpack_edit(example.edit, inversion.crop)
    kept = (edited.photo_u8 * edited.mask[..., None]).round().astype(np.uint8)
    pictures = {
        "1. Your photo": edited.photo_u8,
        "2. What the AI cannot draw stays": kept,
        "3. The rest is edited": edited.blended,
    }
    shown = []
    for caption, picture in pictures.items():
        small = Image.fromarray(picture).resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX)
        shown.append((files.put(np.asarray(small), files.lasting_folder(), "jpg"), caption))
    gr.Gallery(
        shown,
        label="How it works",
        show_label=False,
        columns=3,
        height="auto",
        elem_id=ids.METHOD,
        allow_preview=False,
        interactive=False,
        buttons=[],
    )
