"""What the brush sends is read by Gradio, with any reader that Pillow has; here it is looked at first."""

from __future__ import annotations

import io
from functools import wraps
from typing import Any

import gradio as gr
from PIL import Image

from samm.errors import PhotoError

__all__ = ["check_painted", "limit_strokes"]

_FORMATS = ("PNG", "WEBP", "JPEG")  # what browsers draw into
_MOST_PX = 2048  # of an edge; the canvas has a quarter of it
_MOST_LAYERS = 8  # the page's own brush has one
_MOST_WAITING = 64  # paintings that were sent and not yet used
_UNFIT = "What was painted does not fit the picture; reset the masks and paint again."


def check_painted(editor: gr.ImageEditor, value: Any) -> None:
    """Look at the headers of all pictures that a value of the brush brings along or refers to.

    Raises:
        PhotoError: one is of a format or size that no browser paints.
    """
    if not isinstance(value, dict):
        return
    layers = value.get("layers")
    layers = layers if isinstance(layers, list) else []
    pictures = [value.get("background"), value.get("composite"), *layers]
    waiting = editor.blob_storage.get(str(value.get("id")))
    if waiting:
        pictures += [waiting.background, waiting.composite, *(waiting.layers or [])]
    for picture in pictures:
        if picture is not None and not _fits(picture):
            raise PhotoError(_UNFIT)


def limit_strokes() -> None:
    """Have the brush keep only so much of what anybody sends it, since it keeps that in memory."""
    accept = gr.ImageEditor.accept_blobs

    @wraps(accept)
    def accept_blobs(self: gr.ImageEditor, data: Any) -> None:
        index = data.data["index"]
        if index and index != "null" and not 0 <= int(index) < _MOST_LAYERS:
            raise ValueError("there are not that many layers")
        while len(self.blob_storage) >= _MOST_WAITING:
            self.blob_storage.pop(next(iter(self.blob_storage)))
        accept(self, data)

    gr.ImageEditor.accept_blobs = accept_blobs


def _fits(picture: Any) -> bool:
    try:
        stream = io.BytesIO(picture) if isinstance(picture, bytes) else picture["path"]
        with Image.open(stream, formats=_FORMATS) as opened:
            return max(opened.size) <= _MOST_PX
    except Exception:  # readers raise nearly every kind of exception on bad data
        return False
