"""How it works in three pictures, and what one should know before using it."""

from __future__ import annotations

import gradio as gr
import numpy as np
from PIL import Image

from editing.page import files, ids
from editing.page.opening import first, shipped
from editing.page.packing import unpack, unpack_edit
from editing.page.sentences import ABOUT

__all__ = ["lay_out"]

SMALL_PX = 256


def lay_out() -> None:
    """Lay out the pictures, if an example is at hand, and the sentences."""
    example = shipped(first().example)
    if example:
        inversion = unpack(example.inversion)
        edited = unpack_edit(example.edit, inversion.crop)
        kept = (edited.photo_u8 * edited.mask[..., None]).round().astype(np.uint8)
        folder = files.lasting_folder()
        with gr.Row(elem_id=ids.HOW):
            for label, picture in (
                ("1. Your photo", edited.photo_u8),
                ("2. What the AI cannot draw is kept", kept),
                ("3. The rest is edited", edited.blended),
            ):
                small = Image.fromarray(picture).resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX)
                gr.Image(
                    files.put(np.asarray(small), folder, "jpg"),
                    label=label,
                    alt_text=label,
                    interactive=False,
                    buttons=[],
                    min_width=100,
                )
    gr.Markdown(ABOUT)
