"""Pictures to send: a portrait, before and after side by side, and a film that fades from one to the other.

All carry what other saved pictures carry, see `editing.recipe.file.provenance`: the XMP packet that calls
the picture edited as it is, program and recipe as the EXIF fields Software and ImageDescription.

Letters: H W pixels of a picture, C 3 or 4 channels.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from editing.recipe.file import provenance
from editing.recipe.recipe import Recipe

__all__ = ["CARD_PX", "MORPH_PX", "card", "morph", "webp"]

CARD_PX = 1024  # largest edge of one picture of a card
MORPH_PX = 512  # and of a film
GAP = 0.012  # of the largest edge
WHITE = (255, 255, 255)
FADES = 12  # pictures between before and after
HOLD = 0.3  # of the film's time, twice: each end stands still, and the fades have the rest
_SOFTWARE, _DESCRIPTION = 0x0131, 0x010E  # EXIF 2.3, table 4


def webp(picture_u8: np.ndarray, recipe: Recipe | None = None) -> bytes:
    """Write a picture, uint8 (H, W, 3), without loss: three quarters of a PNG's size in half of its time.

    Args:
        picture_u8: uint8 (H, W, 3).
        recipe: what was changed; None for a picture that says nothing of that.
    """
    stream, texts = io.BytesIO(), _texts(recipe) if recipe else {}
    Image.fromarray(picture_u8).save(stream, "WEBP", lossless=True, method=0, quality=0, **texts)
    return stream.getvalue()


def card(before_u8: np.ndarray, after_u8: np.ndarray, recipe: Recipe) -> bytes:
    """Put before and after side by side, with a thin gap and nothing over them: a JPEG.

    Args:
        before_u8: uint8 (H, W, C), the crop or whole photo; opacity is left out.
        after_u8: of the same size.
        recipe: what was changed.

    Raises:
        ValueError: the sizes differ.
    """
    before, after = _pair(before_u8, after_u8, CARD_PX)
    gap = max(round(GAP * max(before.size)), 2)
    joined = Image.new("RGB", (2 * before.width + gap, before.height), WHITE)
    joined.paste(before)
    joined.paste(after, (before.width + gap, 0))
    stream = io.BytesIO()
    joined.save(stream, "JPEG", quality=90, **_texts(recipe))
    return stream.getvalue()


def morph(before_u8: np.ndarray, after_u8: np.ndarray, recipe: Recipe, seconds: float = 2.0) -> bytes:
    """Fade from before to after and back, for ever: an animated WebP, which GIF's 256 colors would spoil.

    Args:
        before_u8: as for `card`.
        after_u8: as for `card`.
        recipe: what was changed.
        seconds: of one time there and back.

    Raises:
        ValueError: the sizes differ.
    """
    before, after = _pair(before_u8, after_u8, MORPH_PX)
    steps = [(1 - np.cos(np.pi * step / (FADES + 1))) / 2 for step in range(1, FADES + 1)]
    there = [Image.blend(before, after, step) for step in steps]
    pictures = [before, *there, after, *reversed(there)]
    hold_ms, fade_ms = 1000 * seconds * HOLD, 1000 * seconds * (1 - 2 * HOLD) / (2 * FADES)
    durations = [hold_ms, *[fade_ms] * FADES] * 2
    stream = io.BytesIO()
    pictures[0].save(
        stream,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=[round(duration) for duration in durations],
        loop=0,
        quality=80,
        method=2,  # a third of the time of the usual 4
        **_texts(recipe),
    )
    return stream.getvalue()


def _pair(before_u8: np.ndarray, after_u8: np.ndarray, edge: int) -> list[Image.Image]:
    """Make two pictures of one size opaque and reduce them to a largest edge."""
    if before_u8.shape[:2] != after_u8.shape[:2]:
        raise ValueError(f"the pictures differ in size: {before_u8.shape} and {after_u8.shape}")
    pictures = [Image.fromarray(np.ascontiguousarray(each[..., :3])) for each in (before_u8, after_u8)]
    for picture in pictures:
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return pictures


def _texts(recipe: Recipe) -> dict[str, bytes]:
    """Give the provenance as Pillow's options for JPEG and WebP."""
    packet = provenance(recipe)
    exif = Image.Exif()
    exif[_SOFTWARE] = packet["Software"]
    exif[_DESCRIPTION] = packet["samm:recipe"]
    return {"exif": exif.tobytes(), "xmp": packet["XML:com.adobe.xmp"].encode()}
