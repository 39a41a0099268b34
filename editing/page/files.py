"""Where the files of visits lie until they are deleted, and the pictures that are written there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gradio.utils import get_upload_folder
from PIL import Image

from editing.page import folders
from editing.page.gate import EXAMPLES, GATE, has_example
from editing.recipe.file import provenance
from editing.recipe.line import slug
from editing.recipe.recipe import Recipe
from editing.share import webp
from samm.crop.png import png_bytes, write_at_once

__all__ = [
    "EXAMPLES",
    "LIVES_S",
    "copy_upload",
    "delete",
    "lasting_folder",
    "name_of",
    "new_folder",
    "put",
    "put_away",
    "put_webp",
    "save_picture",
    "show_picture",
    "sweep",
]

_LOSSLESS = {"png": png_bytes, "webp": webp}
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


def lasting_folder() -> Path:
    """Make a folder for what is shown to everybody, which stays as long as the server."""
    folder = _visits().parent / "shown" / secrets.token_hex(16)
    folder.mkdir(parents=True, mode=0o700)
    return folder


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
    """Write a picture that is only looked at, unless it is there already; returns its path.

    Gradio would store an array in a folder of its own, where it stays when the visitor has gone.
    """
    path = folder / f"view_{_digest(picture_u8)}.{extension}"
    if not path.exists():
        stream = io.BytesIO()
        if extension in _LOSSLESS:
            stream.write(_LOSSLESS[extension](picture_u8))
        else:
            picture = Image.fromarray(picture_u8[..., :3])  # JPEG has no opacity
            picture.save(stream, "JPEG", quality=90)
        write_at_once(stream.getvalue(), path)  # another handler of the visit may look for it
    return str(path)


def show_picture(picture_u8: np.ndarray, folder: Path, recipe: Recipe) -> str:
    """Write a result to look at, a WebP, unless it is there already; returns its path.

    Recipe and provenance are inside, as in what is taken home: browsers save what they show, too.
    """
    return _result(picture_u8, folder, recipe, "webp", lambda: webp(picture_u8, recipe))


def save_picture(picture_u8: np.ndarray, folder: Path, recipe: Recipe, what: str = "") -> str:
    """Write a PNG to take home, unless it is there already; returns its path.

    Recipe and provenance are inside; `what` it shows ends its name.
    """
    return _result(picture_u8, folder, recipe, "png", lambda: png_bytes(picture_u8, provenance(recipe)), what)


def _result(
    picture_u8: np.ndarray,
    folder: Path,
    recipe: Recipe,
    extension: str,
    encode: Callable[[], bytes],
    what: str = "",
) -> str:
    made = folder / f"made_{_digest(picture_u8, *provenance(recipe).values())}"
    for path in made.glob(f"*.{extension}"):
        return str(path)
    made.mkdir(mode=0o700, exist_ok=True)
    path = made / name_of(recipe, what, extension)
    write_at_once(encode(), path)
    return str(path)


def _digest(picture_u8: np.ndarray, *text: str) -> str:
    """Name a picture by its content; steps back and forth show the same files again."""
    digest = hashlib.blake2b(picture_u8.tobytes(), digest_size=16)
    digest.update("\n".join((str(picture_u8.shape), *text)).encode())
    return digest.hexdigest()


def put_webp(data: bytes, folder: Path) -> str:
    """Write a picture that is a WebP already, see `put`."""
    path = folder / f"view_{hashlib.blake2b(data, digest_size=16).hexdigest()}.webp"
    write_at_once(data, path)
    return str(path)


def put_away(data: bytes, folder: Path, name: str) -> str:
    """Write a file under its own name into a new folder of a visit; returns its path."""
    path = Path(tempfile.mkdtemp(dir=folder)) / name
    path.write_bytes(data)
    return str(path)


def name_of(recipe: Recipe, suffix: str, extension: str) -> str:
    """Name a file samm_<UTC>_<recipe>[_<suffix>].<extension>."""
    parts = ["samm", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), slug(recipe), suffix]
    return f"{'_'.join(filter(None, parts))}.{extension}"
