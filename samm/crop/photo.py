"""Pictures in and out: the only file that meets Pillow files.

Between modules a picture is ``image_u8``, a uint8 array (H, W, 3) in RGB, upright and without metadata;
networks see ``image_pm1``, a float tensor (N, 3, H, W) in -1…1. Both conversions live here and nowhere else.

Letters: N batch, H W pixels.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from samm.errors import PhotoError

__all__ = [
    "DAMAGED",
    "MAX_MEGAPIXELS",
    "MIN_SIDE_PX",
    "is_picture",
    "open_photo",
    "open_stream",
    "reason",
    "register_heif",
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

    EXIF orientation is applied, an embedded color profile is converted, transparency is laid over white, deep
    grey is scaled to 8 bits and of an animation the first frame is taken.

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
            return np.array(_to_srgb(_turn_upright(picture)))
        except ValueError as error:  # a color model Pillow cannot turn into RGB
            raise PhotoError(_UNREADABLE) from error


@cache
def register_heif() -> bool:
    """Let Pillow read HEIC photos if the package pillow-heif is installed, and say whether it is."""
    try:
        from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_picture(path: Path) -> bool:
    """Tell by its first bytes whether a file is of a format that `open_photo` reads; it may be damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(path, formats=_formats()).close()
    except Image.DecompressionBombError:
        return True
    except Exception:  # damaged headers make the readers raise nearly every kind
        return False
    return True


def _formats() -> tuple[str, ...]:
    return (*_FORMATS, "HEIF") if register_heif() else _FORMATS


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
            picture = Image.open(stream, formats=_formats())
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


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB in the sRGB color space."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(_deep_grey_to_u8(picture)).convert("RGB")
    profile = picture.info.get("icc_profile")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        return Image.composite(
            _apply_profile(picture.convert("RGB"), profile), white, picture.getchannel("A")
        )
    if picture.mode in ("1", "P"):  # profiles speak about colors, not about palette entries
        picture = picture.convert("RGB")
    return _apply_profile(picture, profile)


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert from an embedded ICC profile to sRGB where that works, else by Pillow's plain rules."""
    if profile:
        # A profile is a hint: one that is damaged, or of another color model, is ignored as browsers do.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(embedded).lower():
                srgb = ImageCms.createProfile("sRGB")
                picture = ImageCms.profileToProfile(picture, embedded, srgb, outputMode="RGB") or picture
    return picture.convert("RGB")


def _deep_grey_to_u8(picture: Image.Image) -> np.ndarray:
    """Scale 16-bit, 32-bit and float grey to 0…255, where Pillow's own conversion would clip it to white.

    Only the 16-bit modes fix what white is. For the others the smallest usual white level that holds the
    brightest pixel is taken: 1 or 255 for floats, 65535, or that pixel itself.
    """
    grey = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)
    usual = {"F": (1, 255, 65535)}.get(picture.mode, (65535,))
    brightest = float(grey.max())
    white = next((level for level in usual if brightest <= level), brightest)
    return np.rint(grey.clip(0, white) * (255 / white)).astype(np.uint8)
