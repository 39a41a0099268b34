"""The files that a visitor takes home, and where a visit's files lie until they are deleted."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from gradio.utils import get_upload_folder
from PIL import Image
from safetensors.torch import save as to_safetensors

from editing.edit import Edit
from editing.page import folders
from editing.page.gate import EXAMPLES, GATE, has_example
from editing.page.session import Session, unpack
from editing.recipe.file import provenance, to_json
from editing.recipe.line import slug
from editing.recipe.recipe import Recipe
from samm.crop.png import png_bytes
from samm.pixels import mask_to_u8

__all__ = [
    "EXAMPLES",
    "LIVES_S",
    "copy_upload",
    "delete",
    "new_folder",
    "parcel",
    "put",
    "save_picture",
    "sweep",
]

LIVES_S = 3000  # with a sweep every ten minutes, gone within the hour that the page promises


def new_folder() -> Path:
    """Make a visit's own folder, under a name nobody can guess; Gradio serves files from there uncopied."""
    sweep()
    folder = _visits() / secrets.token_hex(16)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def sweep(age_s: float = LIVES_S) -> None:
    """Delete what visits and calls have left behind for too long, and what nobody remembers."""
    GATE.sweep(age_s)
    root = _visits().parent
    left = [*root.glob("visits/*"), *root.glob("uploads/*")]
    if folders.is_ours(root):  # a folder of Gradio's that is shared with others may hold what is theirs
        left += [folder for folder in root.glob("[0-9a-f]" * 64) if not has_example(folder)]
    for folder in left:
        with contextlib.suppress(OSError):  # another thread may have been quicker
            if time.time() - folder.stat().st_mtime > age_s:
                shutil.rmtree(folder)


def _visits() -> Path:
    return Path(get_upload_folder()).resolve() / "visits"


def copy_upload(upload: Path, folder: Path) -> Path:
    """Take an upload into the visit's folder under a plain name: its own may tell who is in it."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="upload_")
    os.close(descriptor)
    shutil.copyfile(upload, name)
    return Path(name)


def delete(folder: Path | None) -> None:
    """Delete all files of a visit."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def put(picture_u8: np.ndarray, folder: Path, extension: str = "png") -> str:
    """Write a picture that is only looked at; returns its path.

    Gradio would store an array in a folder of its own, where it stays when the visitor has gone.
    """
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="view_", suffix=f".{extension}")
    with os.fdopen(descriptor, "wb") as stream:
        if extension == "png":
            stream.write(png_bytes(picture_u8))
        else:
            Image.fromarray(picture_u8[..., :3]).save(stream, "JPEG", quality=90)  # JPEG has no opacity
    return name


def save_picture(picture_u8: np.ndarray, folder: Path, recipe: Recipe) -> str:
    """Write a PNG to show and to take home, recipe and provenance inside; returns its path."""
    path = Path(tempfile.mkdtemp(dir=folder)) / _name(recipe, "", "png")
    path.write_bytes(png_bytes(picture_u8, provenance(recipe)))
    return str(path)


def parcel(kind: str, session: Session, edited: Edit) -> str:
    """Write one of the downloads and give its path.

    Args:
        kind: portrait, photo, masks, recipe or latent.
        session: with an inversion.
        edited: the present picture.
    """
    recipe = session.recipe
    if kind == "portrait":
        return session.after
    if kind == "photo":
        return save_picture(edited.whole(), session.folder, recipe)
    make, suffix, extension = _MAKERS[kind]
    path = Path(tempfile.mkdtemp(dir=session.folder)) / _name(recipe, suffix, extension)
    path.write_bytes(make(session, edited))
    return str(path)


def _masks(session: Session, edited: Edit) -> bytes:
    """Zip the level masks and the mask of the present picture, white is kept from the photo."""
    stream = io.BytesIO()
    masks = {**unpack(session.inversion).masks, "gathered": edited.keep_photo}
    with zipfile.ZipFile(stream, "w") as archive:
        for name, mask in masks.items():
            archive.writestr(f"mask_{name}.png", png_bytes(mask_to_u8(mask)))
    return stream.getvalue()


def _recipe(session: Session, edited: Edit) -> bytes:
    return to_json(session.recipe).encode()


def _latent(session: Session, edited: Edit) -> bytes:
    """Store the codes before and after attributes and components, flows and masks, and tuned weights."""
    inversion = unpack(session.inversion)
    tensors = {"w_plus": inversion.w_plus, "w_plus_edited": edited.w_plus}
    for name, levels in (("flow", inversion.flows), ("mask", inversion.masks)):
        tensors |= {f"{name}_{r}": field for r, field in levels.items()}
    tensors |= {f"tuned.{name}": difference for name, difference in inversion.tuned.items()}
    metadata = {"preset": inversion.preset, "recipe": to_json(session.recipe)}
    if inversion.tuned:
        metadata["tuned"] = "Before drawing, add each tensor tuned.NAME to the generator's weight NAME."
    return to_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)


_MAKERS = {
    "masks": (_masks, "masks", "zip"),
    "recipe": (_recipe, "recipe", "json"),
    "latent": (_latent, "latent", "safetensors"),
}


def _name(recipe: Recipe, suffix: str, extension: str) -> str:
    """Name a file samm_<UTC>_<recipe>[_<suffix>].<extension>."""
    parts = ["samm", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), slug(recipe), suffix]
    return f"{'_'.join(filter(None, parts))}.{extension}"
