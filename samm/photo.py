"""Pictures in and out: the only file that meets Pillow files.

Between modules a picture is ``image_u8``, a uint8 array (H, W, 3) in RGB, upright and without metadata;
networks see ``image_pm1``, a float tensor (N, 3, H, W) in -1…1. Both conversions live here and nowhere else.

Letters: N batch, H W pixels.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import struct
import uuid
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageCms, PngImagePlugin
from torch import Tensor

from samm.errors import PhotoError

__all__ = [
    "MAX_MEGAPIXELS",
    "MIN_SIDE_PX",
    "PICTURE_SUFFIXES",
    "list_photos",
    "mask_to_u8",
    "open_photo",
    "png_bytes",
    "read_png_text",
    "save_png",
    "to_pm1",
    "to_u8",
]

MAX_MEGAPIXELS = 40
MIN_SIDE_PX = 32
PICTURE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jp2",
        ".jpeg",
        ".jpg",
        ".mpo",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)

# What cameras, phones and browsers write. Naming the formats keeps uploads away from Pillow's rarer decoders,
# among them PostScript, which would start an outside program.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")

_UNREADABLE = (
    "This file is not a picture we can read. Use a JPEG, PNG or WebP photo. "
    "(iPhone HEIC: choose 'Most compatible' or take a screenshot.)"
)
_EMPTY = "This file is empty; save or upload the picture again."
_DAMAGED = "This picture seems to be cut off or damaged; save or download it again."

_PNG_LEVEL = 2  # a whole photo in a quarter of the time of the usual 6, for a tenth more bytes
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = (b"iTXt", b"tEXt", b"zTXt")
_MAX_PNG_CHUNKS = 100_000  # 40 megapixels fill 15,000 of libpng's usual 8 KiB
_MAX_PNG_TEXT = 1 << 20  # bytes, packed or unpacked, of all text fields together
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
    with _open_stream(source) as stream:
        if not stream.read(1):
            raise PhotoError(_EMPTY)
        stream.seek(0)
        picture = _read_header(stream)
        try:
            picture.load()
        # The header was good, the pixels are not. Decoders raise nearly every kind of exception on bad data.
        except Exception as error:
            raise PhotoError(_DAMAGED) from error
        try:
            return np.array(_to_srgb(_turn_upright(picture)))
        except ValueError as error:  # a color model Pillow cannot turn into RGB
            raise PhotoError(_UNREADABLE) from error


def png_bytes(image_u8: np.ndarray, text: dict[str, str] | None = None) -> bytes:
    """Encode a picture as PNG.

    Args:
        image_u8: uint8 (H, W, 3) in RGB, or (H, W) in grey.
        text: Stored as iTXt chunks, keyword to UTF-8 text.
    """
    chunks = PngImagePlugin.PngInfo()
    for keyword, value in (text or {}).items():
        chunks.add_itxt(keyword, value)
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, format="PNG", pnginfo=chunks, compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def save_png(image_u8: np.ndarray, path: str | Path, text: dict[str, str] | None = None) -> None:
    """Write a picture as PNG, whole or not at all.

    The bytes go to a hidden neighbor first and take the final name in one step, so a full disk or a stop
    leaves neither half a picture nor a damaged older one. Folders are not created.

    Args:
        image_u8: uint8 (H, W, 3) in RGB, or (H, W) in grey.
        path: Where to write; an existing file is replaced.
        text: Stored as iTXt chunks, keyword to UTF-8 text.

    Raises:
        PhotoError: The folder is missing, full or closed to writing.
    """
    path = Path(path)
    data = png_bytes(image_u8, text)
    # Created by name rather than by `tempfile`, whose files nobody but the owner may read.
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise PhotoError(
            f"{path.name} could not be saved ({_reason(error)}); "
            "choose an existing folder with free space that you may write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def read_png_text(source: str | Path) -> dict[str, str]:
    """Read the text fields of a PNG, keyword to text, stored in any of the three ways of the format.

    We write iTXt; other tools may rewrite it as tEXt or zTXt, or move it behind the pixels. Pillow would
    have to decode the pixels to see those, so the chunks are walked here (PNG specification, W3C, 11.3.3).
    Fields beyond 1 MiB are left out; of fields with the same keyword the last is taken.

    Raises:
        PhotoError: the file is missing, unreadable, no PNG, cut off or damaged.
    """
    with _open_stream(source) as stream:
        if stream.read(len(_PNG_SIGNATURE)) != _PNG_SIGNATURE:
            raise PhotoError(f"{Path(source).name} is not a PNG; choose a picture that was saved as PNG.")
        try:
            return _decode_texts(_text_chunks(stream))
        # struct and zlib raise for what is cut off, the others for fields that are not built as they should.
        except (struct.error, zlib.error, ValueError, IndexError) as error:
            raise PhotoError(_DAMAGED) from error


def list_photos(paths: Iterable[str | Path]) -> list[Path]:
    """Expand folders to the pictures directly inside them, by name; pass files through in the given order.

    A file named outright is kept whatever its suffix: `open_photo` judges it by its content.

    Raises:
        PhotoError: A folder may not be read or holds no picture.
    """
    photos: list[Path] = []
    for path in map(Path, paths):
        # Unlike `Path.is_dir`, this says no to what it may not look at, and `open_photo` will tell why.
        photos += _photos_in(path) if os.path.isdir(path) else [path]
    return photos


def to_pm1(image_u8: np.ndarray) -> Tensor:
    """Turn a uint8 picture (H, W, 3) into a float32 tensor (1, 3, H, W) in -1…1."""
    image = torch.tensor(image_u8).permute(2, 0, 1)[None]  # (H, W, 3) → (1, 3, H, W)
    return image.float().contiguous().div_(127.5).sub_(1)  # in place: a picture has three million values


def to_u8(image_pm1: Tensor) -> np.ndarray:
    """Turn a tensor (1, 3, H, W) or (3, H, W) in -1…1, else clamped, into a uint8 picture (H, W, 3)."""
    if image_pm1.ndim == 4 and len(image_pm1) == 1:
        image_pm1 = image_pm1[0]
    if image_pm1.ndim != 3 or len(image_pm1) != 3:
        raise ValueError(f"expected (1, 3, H, W) or (3, H, W), got {tuple(image_pm1.shape)}")
    pixels = image_pm1.detach().float().permute(1, 2, 0).contiguous()  # (3, H, W) → (H, W, 3)
    return _quantize(pixels.mul(127.5).add_(127.5)).numpy()


def mask_to_u8(mask_01: Tensor) -> np.ndarray:
    """Turn a mask (1, 1, H, W) or (H, W) in 0…1, else clamped, into a grey uint8 picture (H, W)."""
    if mask_01.ndim == 4 and mask_01.shape[:2] == (1, 1):
        mask_01 = mask_01[0, 0]
    if mask_01.ndim != 2:
        raise ValueError(f"expected (1, 1, H, W) or (H, W), got {tuple(mask_01.shape)}")
    return _quantize(mask_01.detach().float() * 255).contiguous().numpy()


def _quantize(levels: Tensor) -> Tensor:
    """Round to the nearest of 0…255, on the CPU; `levels` is used up."""
    return levels.clamp_(0, 255).round_().to("cpu", torch.uint8)


def _text_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of a PNG's text chunks, as far as the limit allows; step over all others."""
    left = _MAX_PNG_TEXT
    for _ in range(_MAX_PNG_CHUNKS):
        length, kind = struct.unpack(">I4s", stream.read(8))
        if kind == b"IEND":
            return
        if kind not in _PNG_TEXTS or length > left:
            stream.seek(length + 4, os.SEEK_CUR)
            continue
        left -= length
        content = stream.read(length)
        if struct.unpack(">I", stream.read(4)) != (zlib.crc32(kind + content),):
            raise ValueError("wrong checksum")
        yield kind, content
    raise ValueError("too many chunks")


def _decode_texts(chunks: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Decode text chunks, as far as the limit allows."""
    texts: dict[str, str] = {}
    left = _MAX_PNG_TEXT
    for kind, content in chunks:
        keyword, value = content.split(b"\0", 1)
        is_packed = kind == b"zTXt"
        if kind == b"iTXt":  # flag, method, language, translated keyword
            is_packed = bool(value[0])
            _, _, value = value[2:].split(b"\0", 2)
        elif is_packed:
            value = value[1:]  # method
        if is_packed:
            value = zlib.decompressobj().decompress(value, left + 1)
        if len(value) > left:
            continue
        left -= len(value)
        texts[keyword.decode("latin-1")] = value.decode("utf-8" if kind == b"iTXt" else "latin-1")
    return texts


def _photos_in(folder: Path) -> list[Path]:
    """List the pictures directly in a folder, sorted by name, hidden ones left out."""
    try:
        photos = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise PhotoError(
            f"The folder {folder.name} cannot be read ({_reason(error)}); "
            "change its permissions or name the photos one by one."
        ) from error
    if not photos:
        raise PhotoError(
            f"The folder {folder.name} holds no pictures; choose one with JPEG, PNG or WebP photos."
        )
    return photos


def _open_stream(source: str | Path | BinaryIO) -> BinaryIO:
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
            f"{path.name!r} cannot be opened ({_reason(error)}); choose another photo."
        ) from error


def _reason(error: Exception) -> str:
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
