"""Pictures in and out: the only file that meets Pillow files.

Between modules a picture is ``image_u8``, a uint8 array (H, W, 3) in RGB, upright and without metadata;
networks see ``image_pm1``, a float tensor (N, 3, H, W) in -1…1. Both conversions live here and nowhere else.

Letters: N batch, H W pixels.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from samm.crop.color import alpha_of, over_white, to_srgb
from samm.errors import PhotoError

__all__ = [
    "DAMAGED",
    "MAX_MEGAPIXELS",
    "MIN_SIDE_PX",
    "open_photo",
    "open_stream",
    "reason",
]

MAX_MEGAPIXELS = 40
MIN_SIDE_PX = 32

# What cameras, phones and browsers write. Naming the formats keeps uploads away from Pillow's rarer decoders,
# among them PostScript, which would start an outside program.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")

_UNREADABLE = (
    "This file is not a picture we can read. Use a JPEG, PNG or WebP photo. "
    "(iPhone HEIC: choose 'Most compatible' or take a screenshot.)"
)
_EMPTY = "This file is empty; save or upload the picture again."
DAMAGED = "This picture seems to be cut off or damaged; save or download it again."

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_photo(source: str | Path | BinaryIO) -> np.ndarray:
    """Read a picture as people really have them and return it upright, opaque and in sRGB.

    EXIF orientation is applied, colors are converted as the file declares them, transparency is laid over
    white, deep grey is scaled to 8 bits and of an animation the first frame is taken.

    Args:
        source: A path, or a binary stream, which is read to its end.

    Returns:
        ``image_u8``: uint8 (H, W, 3), RGB, writable, at most `MAX_MEGAPIXELS`.

    Raises:
        PhotoError: The file is missing, unreadable, empty, damaged, too large or too small.
    """
    with open_stream(source) as stream:
        if not stream.read(1):
            raise PhotoError(_EMPTY)
        stream.seek(0)
        picture = _read_header(stream)
        try:
            picture.load()
        # The header was good, the pixels are not. Decoders raise nearly every kind of exception on bad data.
        except Exception as error:
            raise PhotoError(DAMAGED) from error
        try:
            picture = _turn_upright(picture)
            image_u8, alpha = np.array(to_srgb(picture)), alpha_of(picture)
            return image_u8 if alpha is None else over_white(image_u8, np.asarray(alpha))
        except ValueError as error:  # a color model Pillow cannot turn into RGB
            raise PhotoError(_UNREADABLE) from error


def open_stream(source: str | Path | BinaryIO) -> BinaryIO:
    """Open a path, or copy a stream so that it can be read from its start; blame by base name only."""
    if not isinstance(source, (str, Path)):
        return io.BytesIO(source.read())
    path = Path(source)
    try:
        if path.is_dir():
            raise PhotoError(f"{path.name} is a folder; choose a photo inside it.")
        # Pipes and devices exist but are no files; opening one could wait forever.
        if path.exists() and not path.is_file():
            raise PhotoError(f"{path.name} is not a file; choose a photo.")
        return path.open("rb")
    except FileNotFoundError as error:
        raise PhotoError(f"There is no file {path.name}; check its name and folder.") from error
    except PermissionError as error:
        raise PhotoError(
            f"You may not read {path.name}; change its permissions or choose another photo."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise PhotoError(
            f"{path.name!r} cannot be opened ({reason(error)}); choose another photo."
        ) from error


def reason(error: Exception) -> str:
    """Give the system's words for an error without the path that `str(error)` would carry."""
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def _read_header(stream: BinaryIO) -> Image.Image:
    """Recognize a picture and check its size before any pixel is decoded."""
    try:
        # Pillow warns from 89 megapixels on; our own limit is lower and says what to do.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(stream, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        # Raised from 179 megapixels on; the message alone tells the size.
        pixels = re.search(r"\d+", str(error))
        raise PhotoError(_too_big(int(pixels[0]) if pixels else 2 * (Image.MAX_IMAGE_PIXELS or 0))) from error
    # Damaged headers make the readers raise nearly every kind of exception.
    except Exception as error:
        raise PhotoError(_UNREADABLE) from error
    width, height = picture.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(_too_big(width * height))
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoError(
            f"This picture is only {width} × {height} pixels, too small to hold a face; use a larger one."
        )
    return picture


def _too_big(pixels: int) -> str:
    """Say how many megapixels are too many; rounded up, so that it never reads as the limit itself."""
    megapixels = math.ceil(pixels / 1_000_000)
    return (
        f"This picture has {megapixels} megapixels; the limit is {MAX_MEGAPIXELS}. "
        "Make it smaller and try again."
    )


def _turn_upright(picture: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; what has no readable EXIF is taken as upright."""
    try:
        orientation = picture.getexif().get(_EXIF_ORIENTATION, 1)
    # A broken EXIF block is no reason to refuse a sound picture, and its parser may raise anything.
    except Exception:
        return picture
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture
