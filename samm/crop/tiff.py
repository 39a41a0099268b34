"""TIFF pictures with several channels of floats, or of integers too deep for Pillow: raw converters do so.

Pillow reads the tags and refuses the pixels. Read here: strips, uncompressed or deflated, with any predictor
(TIFF 6.0 and its technical note 3).

Letters: H W pixels, C channels.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from samm.crop.color import levels_to_u8

__all__ = ["open_deep_tiff"]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _ORIENTATION = 256, 257, 258, 259, 273, 274
_CHANNELS, _ROWS, _BYTES, _PLANAR, _PREDICTOR, _FORMAT, _PROFILE = 277, 278, 279, 284, 317, 339, 34675
_DTYPES = {(1, 16): "u2", (1, 32): "u4", (3, 16): "f2", (3, 32): "f4", (3, 64): "f8"}
_DEFLATE = (8, 32946)
_MOST_BYTES = 800_000_000


def open_deep_tiff(stream: BinaryIO, max_pixels: int) -> Image.Image | None:
    """Read a TIFF of three or four deep channels as RGB or RGBA; None where it is another kind of file.

    Profile and orientation come along as with Pillow's own pictures.

    Raises:
        ValueError: The pixels are cut off or damaged.
    """
    stream.seek(0)
    head = stream.read(8)
    if head[:4] not in (b"II*\0", b"MM\0*"):
        return None
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    stream.seek(tags.next)
    tags.load(stream)
    bits, channels = tags.get(_BITS, (1,)), tags.get(_CHANNELS, 1)
    dtype = _DTYPES.get((tags.get(_FORMAT, (1,))[0], bits[0]))
    known = channels in (3, 4) and len(set(bits)) == 1 and tags.get(_PLANAR, 1) == 1
    if dtype is None or not known or _STRIPS not in tags or tags.get(_COMPRESSION, 1) not in (1, *_DEFLATE):
        return None
    width, height = tags[_WIDTH], tags[_HEIGHT]
    rows = min(tags.get(_ROWS, height), height)
    # Of all pixels four bytes a channel are held, and one strip as it is stored.
    held = width * channels * (4 * height + rows * int(dtype[1]))
    if width * height > max_pixels or held > _MOST_BYTES:
        return None
    levels = np.zeros((height, width, channels), np.float32)
    for strip, (offset, length) in enumerate(zip(tags[_STRIPS], tags[_BYTES], strict=True)):
        stream.seek(offset)
        part = levels[strip * rows : (strip + 1) * rows]
        part[:] = _decode(stream.read(length), part.shape, dtype, head[:1] == b"M", tags)
    whites = (65535,) if dtype == "u2" else (1, 255, 65535)
    color = levels_to_u8(levels[..., :3], whites)
    if channels == 4:
        color = np.dstack([color, levels_to_u8(levels[..., 3], whites)])
    picture = Image.fromarray(color)
    if _PROFILE in tags:
        picture.info["icc_profile"] = tags[_PROFILE]
    picture.getexif()[_ORIENTATION] = tags.get(_ORIENTATION, 1)
    return picture


def _decode(
    data: bytes, shape: tuple[int, ...], dtype: str, is_big: bool, tags: TiffImagePlugin.ImageFileDirectory_v2
) -> np.ndarray:
    """Unpack a strip (H, W, C) and undo its predictor."""
    height, width, channels = shape
    size = int(dtype[1])
    expected = height * width * channels * size
    if tags.get(_COMPRESSION, 1) in _DEFLATE:
        try:
            data = zlib.decompressobj().decompress(data, expected)
        except zlib.error as error:
            raise ValueError("damaged strip") from error
    if len(data) < expected:
        raise ValueError("the strip is cut off")
    predictor = tags.get(_PREDICTOR, 1)
    if predictor == 3:  # differences of bytes, the high bytes of a row first
        steps = np.frombuffer(data, np.uint8, expected).reshape(height, -1, channels)
        planes = steps.cumsum(1, dtype=np.uint8).reshape(height, size, width * channels)
        return np.ascontiguousarray(planes.swapaxes(1, 2)).view(">" + dtype).reshape(shape)
    levels = np.frombuffer(data, (">" if is_big else "<") + dtype, expected // size).reshape(shape)
    return levels.cumsum(1, dtype=dtype) if predictor == 2 else levels
