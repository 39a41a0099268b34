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
import threading
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from samm.crop.color import alpha_of, over_white, to_srgb, uncover
from samm.crop.quad import reduce_picture, sample_quad, side
from samm.crop.tiff import open_deep_tiff
from samm.errors import PhotoError

__all__ = [
    "DAMAGED",
    "KEPT_MEGAPIXELS",
    "MAX_FILE_MB",
    "MAX_MEGAPIXELS",
    "MIN_SIDE_PX",
    "PhotoFile",
    "is_heif",
    "is_picture",
    "open_photo",
    "open_stream",
    "read_photo",
    "reason",
    "register_heif",
]

MAX_MEGAPIXELS = 210  # phones of today take 200
KEPT_MEGAPIXELS = 40  # what larger ones are reduced to
MAX_FILE_MB = 80  # what such a phone writes in its best quality
MIN_SIDE_PX = 32

# What cameras, phones and browsers write. Naming the formats keeps uploads away from Pillow's rarer decoders,
# among them PostScript, which would start an outside program.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")

# Readers that hold a picture several times over, and the megapixels that they read in under a gigabyte.
_MOST_MEGAPIXELS = {"WEBP": 45, "AVIF": 55, "JPEG2000": 40}
_BAND_PX = 64  # rows of a huge picture that are reduced at once

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_REDUCED = "This photo has {:.0f} megapixels and was reduced to {}, also for the whole photo that is saved."
_HEIC = (
    "This is an iPhone HEIC photo, which cannot be read here; save it as JPEG (on the phone: Settings, "
    "Camera, Formats, 'Most compatible'), or install pillow-heif where this program runs."
)
_UNREADABLE = (
    "This file is not a picture we can read. Use a JPEG, PNG or WebP photo. "
    "(iPhone HEIC: choose 'Most compatible' or take a screenshot.)"
)
_EMPTY = "This file is empty; save or upload the picture again."
DAMAGED = "This picture seems to be cut off or damaged; save or download it again."

# A picture beyond what Pillow is to open at all takes up to a gigabyte until it is reduced.
Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000 // 2  # Pillow refuses twice this, by the header alone
_ONE_HUGE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class PhotoFile:
    """What a file holds, upright and in sRGB.

    Attributes:
        image_u8: uint8 (H, W, 3), RGB, over white where the file is transparent.
        alpha_u8: opacity, uint8 (H, W); None where all of it is opaque.
        notes: what was changed on reading and a person should know, in sentences.
    """

    image_u8: np.ndarray
    alpha_u8: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def turned(self, turn_deg: int) -> PhotoFile:
        """Turn it by a multiple of 90 degrees, clockwise where positive; see `samm.crop.turn`."""
        image_u8 = np.ascontiguousarray(np.rot90(self.image_u8, -turn_deg // 90))
        if self.alpha_u8 is None:
            return PhotoFile(image_u8, None, self.notes)
        return PhotoFile(image_u8, np.ascontiguousarray(np.rot90(self.alpha_u8, -turn_deg // 90)), self.notes)

    def with_alpha(self, image_u8: np.ndarray) -> np.ndarray:
        """Give a changed picture of the same size the file's opacity: (H, W, 4), or as it is if opaque."""
        return image_u8 if self.alpha_u8 is None else uncover(image_u8, self.alpha_u8)

    def crop_with_alpha(self, crop_u8: np.ndarray, quad: np.ndarray) -> np.ndarray:
        """Give a crop (S, S, 3) the file's opacity within its quad; beyond the file nothing is opaque."""
        if self.alpha_u8 is None:
            return crop_u8
        width, height = crop_u8.shape[1::-1]
        alpha, corners = Image.fromarray(self.alpha_u8), quad + 0.5
        if side(quad) > 2 * width:
            alpha, ratio = reduce_picture(alpha, 2 * width / side(quad))
            corners = corners * ratio
        return uncover(crop_u8, sample_quad(alpha, corners, (width, height)))


def open_photo(source: str | Path | BinaryIO) -> np.ndarray:
    """Read a picture as people really have them and return it upright, opaque and in sRGB.

    The same as `read_photo`, for whoever needs the pixels alone: uint8 (H, W, 3), RGB, writable.
    """
    return read_photo(source).image_u8


def read_photo(source: str | Path | BinaryIO) -> PhotoFile:
    """Read a picture as people really have them.

    EXIF orientation is applied, colors are converted as the file declares them, deep channels are scaled to
    8 bits, more than `KEPT_MEGAPIXELS` are reduced to them and of an animation the first frame is taken.

    Args:
        source: A path, or a binary stream, which is read to its end.

    Raises:
        PhotoError: The file is missing, unreadable, empty, damaged, too large or too small.
    """
    with open_stream(source) as stream:
        if not stream.read(1):
            raise PhotoError(_EMPTY)
        stream.seek(0)
        picture = _read_header(stream)
        megapixels = math.prod(picture.size) / 1e6
        is_huge = megapixels > KEPT_MEGAPIXELS
        with _ONE_HUGE_AT_A_TIME if is_huge else contextlib.nullcontext():
            try:
                if is_huge:
                    _reduce(picture)
                else:
                    picture.load()
            # The header was good, the pixels are not. Decoders raise nearly every kind of exception on bad
            # data.
            except Exception as error:
                raise PhotoError(DAMAGED) from error
        try:
            _turn_upright(picture)
            image_u8, alpha = np.array(to_srgb(picture)), alpha_of(picture)
            picture.close()  # and what its reader holds
        except ValueError as error:  # a color model Pillow cannot turn into RGB
            raise PhotoError(_UNREADABLE) from error
    notes = (_REDUCED.format(megapixels, KEPT_MEGAPIXELS),) if is_huge else ()
    if alpha is None:
        return PhotoFile(image_u8, None, notes)
    alpha_u8 = np.array(alpha)
    return PhotoFile(over_white(image_u8, alpha_u8), alpha_u8, notes)


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
    heif = is_heif(stream)
    if heif and not register_heif():
        raise PhotoError(_HEIC)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(stream, formats=("HEIF",) if heif else _FORMATS)
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))  # the message alone tells the size
        raise PhotoError(_too_big(int(pixels[0]) if pixels else 2 * (Image.MAX_IMAGE_PIXELS or 0))) from error
    # Damaged headers make the readers raise nearly every kind of exception.
    except Exception as error:
        picture = _read_deep_tiff(stream)
        if picture is None:
            raise PhotoError(_UNREADABLE) from error
    width, height = picture.size
    most = _MOST_MEGAPIXELS.get(picture.format or "", MAX_MEGAPIXELS)
    if width * height > most * 1_000_000:
        raise PhotoError(_too_big(width * height, most, picture.format))
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoError(
            f"This picture is only {width} × {height} pixels, too small to hold a face; use a larger one."
        )
    return picture


def _read_deep_tiff(stream: BinaryIO) -> Image.Image | None:
    try:
        return open_deep_tiff(stream, KEPT_MEGAPIXELS * 1_000_000)
    except ValueError as error:
        raise PhotoError(DAMAGED) from error
    except Exception:  # tags that are not built as they should be
        return None


def is_heif(stream: BinaryIO) -> bool:
    """Tell by its content whether a file is what iPhones write by default; AVIF, its relative, is not."""
    head = stream.read(12)
    stream.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _too_big(pixels: int, most: int = MAX_MEGAPIXELS, format: str | None = None) -> str:
    """Say how many megapixels are too many; rounded up, so that it never reads as the limit itself."""
    megapixels = math.ceil(pixels / 1_000_000)
    limit = f"the limit is {most}" if most == MAX_MEGAPIXELS else f"the limit for {format} is {most}"
    remedy = (
        "Make it smaller and try again" if most == MAX_MEGAPIXELS else "Save it as JPEG, or make it smaller"
    )
    return f"This picture has {megapixels} megapixels; {limit}. {remedy}."


def _reduce(picture: Image.Image) -> None:
    """Reduce a huge picture while it is read: a JPEG by its decoder, without ever being there in full.

    What the decoder leaves goes band by band, because Pillow would hold the whole picture two or three times.
    """
    scale = math.sqrt(KEPT_MEGAPIXELS * 1e6 / math.prod(picture.size))
    size = (int(picture.width * scale), int(picture.height * scale))
    picture.draft(None, size)
    picture.load()
    reduced, step = picture.crop((0, 0, *size)), picture.height / size[1]  # with its palette
    for top in range(0, size[1], _BAND_PX):
        bottom = min(top + _BAND_PX, size[1])
        # Four rows more on each side than the band shows: LANCZOS looks at three.
        first, last = max(int((top - 4) * step), 0), min(math.ceil((bottom + 4) * step), picture.height)
        band = picture.crop((0, first, picture.width, last))
        box = (0, top * step - first, picture.width, bottom * step - first)
        reduced.paste(band.resize((size[0], bottom - top), Image.Resampling.LANCZOS, box), (0, top))
    picture.im, picture._size = reduced.im, size  # in place, as Pillow's own `thumbnail`


def _turn_upright(picture: Image.Image) -> None:
    """Apply the EXIF orientation; what has no readable EXIF is taken as upright."""
    # A broken EXIF block is no reason to refuse a sound picture, and its parser may raise anything.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)
