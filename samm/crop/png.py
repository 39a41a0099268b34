"""PNG files: pictures with the texts that travel in them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from samm.crop.photo import DAMAGED, open_stream, reason
from samm.errors import PhotoError

__all__ = [
    "png_bytes",
    "read_png_text",
    "remedy",
    "save_png",
    "write_at_once",
    "write_whole",
]

_PNG_LEVEL = 2  # a whole photo in a quarter of the time of the usual 6, for a tenth more bytes
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = (b"iTXt", b"tEXt", b"zTXt")
_MAX_PNG_CHUNKS = 100_000  # 40 megapixels fill 15,000 of libpng's usual 8 KiB
_MAX_PNG_TEXT = 1 << 20  # bytes, packed or unpacked, of all text fields together


def png_bytes(image_u8: np.ndarray, text: dict[str, str] | None = None) -> bytes:
    """Encode a picture as PNG.

    Args:
        image_u8: uint8 (H, W, 3) in RGB, (H, W, 4) in RGBA, or (H, W) in grey.
        text: Stored as iTXt chunks, keyword to UTF-8 text.
    """
    chunks = PngImagePlugin.PngInfo()
    for keyword, value in (text or {}).items():
        chunks.add_itxt(keyword, value)
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, format="PNG", pnginfo=chunks, compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def save_png(image_u8: np.ndarray, path: str | Path, text: dict[str, str] | None = None) -> None:
    """Write a picture as PNG, whole or not at all, see `write_whole`.

    Args:
        image_u8: uint8 (H, W, 3) in RGB, (H, W, 4) in RGBA, or (H, W) in grey.
        path: Where to write; an existing file is replaced.
        text: Stored as iTXt chunks, keyword to UTF-8 text.

    Raises:
        PhotoError: The folder is missing, full or closed to writing.
    """
    write_whole(png_bytes(image_u8, text), path)


def write_whole(data: bytes, path: str | Path) -> None:
    """Write a file, whole or not at all.

    The bytes go to a hidden neighbor first and take the final name in one step, so a full disk or a stop
    leaves neither half a picture nor a damaged older one. Folders are not created.

    Raises:
        PhotoError: The folder is missing, full or closed to writing.
    """
    path = Path(path)
    try:
        write_at_once(data, path)
    except OSError as error:
        raise PhotoError(f"{path.name} could not be saved ({reason(error)}); {remedy(error)}.") from error


def write_at_once(data: bytes, path: Path) -> None:
    """Write a file as `write_whole` does, for a place that nobody has chosen.

    Raises:
        OSError: as the system says.
    """
    # Created by name rather than by `tempfile`, whose files nobody but the owner may read.
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def remedy(error: OSError) -> str:
    """Say what helps where the system refuses to write, for the end of a sentence."""
    remedies = {
        "ENAMETOOLONG": "choose a shorter name, or a folder with a shorter path",
        "EISDIR": "a folder of that name is in the way, so move it or choose another folder",
        "EACCES": "choose a folder that you may write to",
        "EPERM": "choose a folder that you may write to",
        "EROFS": "choose a folder that you may write to",
    }
    usual = "choose an existing folder with free space that you may write to"
    return remedies.get(errno.errorcode.get(error.errno or 0, ""), usual)


def read_png_text(source: str | Path) -> dict[str, str]:
    """Read the text fields of a PNG, keyword to text, stored in any of the three ways of the format.

    We write iTXt; other tools may rewrite it as tEXt or zTXt, or move it behind the pixels. Pillow would
    have to decode the pixels to see those, so the chunks are walked here (PNG specification, W3C, 11.3.3).
    Fields beyond 1 MiB are left out; of fields with the same keyword the last is taken.

    Raises:
        PhotoError: the file is missing, unreadable, no PNG, cut off or damaged.
    """
    with open_stream(source) as stream:
        if stream.read(len(_PNG_SIGNATURE)) != _PNG_SIGNATURE:
            raise PhotoError(f"{Path(source).name} is not a PNG; choose a picture that was saved as PNG.")
        try:
            return _decode_texts(_text_chunks(stream))
        # struct and zlib raise for what is cut off, the others for fields that are not built as they should.
        except (struct.error, zlib.error, ValueError, IndexError) as error:
            raise PhotoError(DAMAGED) from error


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
