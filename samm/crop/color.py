"""Color: any Pillow picture to RGB in the sRGB color space.

What a file says about its colors is believed in the order of the PNG specification (W3C, third edition,
section 13.13): an ICC profile, the mark "this is sRGB", and then gamma and primaries. Profiles are judged by
what they do to colors, never by their name: GIMP's linear one is called sRGB, too.
"""

from __future__ import annotations

import contextlib
import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageFilter

__all__ = ["alpha_of", "levels_to_u8", "over_white", "to_srgb", "uncover"]

_SAME_LEVELS = 2  # a profile that moves no color by more is sRGB in other digits
_SAME_GAMMA = 0.03  # 1/2.2 is how PNG writes sRGB's own curve
_GRID = 9  # colors a side at which profiles are looked at
_LUT = 33  # colors a side of the table that exchanges primaries
_BAND_PX = 64  # rows of floats that are scaled at once
_WHITES = (1, 255, 65535)  # what floats call white

# White, red, green and blue as (x, y) pairs, in the order of PNG's cHRM.
_SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 256 / 563
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_EXIF_INTEROP, _INTEROP_INDEX = 0xA005, 1


def to_srgb(picture: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB in the sRGB color space; transparency is dropped, see `alpha_of`."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        bits_16 = picture.mode.startswith("I;16") or picture.mode == "I"
        deep = np.asarray(picture, dtype=np.float32)
        converted = Image.fromarray(levels_to_u8(deep, _WHITES[2:] if bits_16 else _WHITES))
    elif picture.mode in ("1", "LA"):
        converted = picture.convert("L")  # a profile of grey stays one
    elif picture.mode == "RGBA":
        converted = picture.convert("RGB")
    elif picture.mode in ("L", "RGB", "CMYK", "LAB"):
        converted = picture
    else:  # profiles speak about colors, not about palette entries
        converted = picture.convert("RGBA" if picture.has_transparency_data else "RGB").convert("RGB")
    profile = picture.info.get("icc_profile")
    if profile and (profiled := _apply_profile(converted, profile)):
        return profiled
    converted = converted.convert("RGB")
    if "srgb" in picture.info:
        return converted
    gamma, primaries = picture.info.get("gamma"), picture.info.get("chromaticity")
    if gamma is None and _is_adobe_rgb(picture):
        gamma, primaries = _ADOBE_GAMMA, _ADOBE_XY
    return _apply_gamma(converted, gamma, primaries) if gamma else converted


def alpha_of(picture: Image.Image) -> Image.Image | None:
    """Give the opacity of a picture, mode L; None where all of it is opaque."""
    if not picture.has_transparency_data or picture.mode.startswith("I"):
        return None
    alpha = (picture if picture.mode == "RGBA" else picture.convert("RGBA")).getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def over_white(image_u8: np.ndarray, alpha_u8: np.ndarray) -> np.ndarray:
    """Lay a picture (H, W, 3) of opacity (H, W) over white."""
    laid = Image.new("RGB", image_u8.shape[1::-1], "white")
    laid.paste(Image.fromarray(image_u8), mask=Image.fromarray(alpha_u8))
    return np.array(laid)


def uncover(image_u8: np.ndarray, alpha_u8: np.ndarray) -> np.ndarray:
    """Undo `over_white`: the RGBA picture (H, W, 4) that looks like `image_u8` on white.

    What nobody can see becomes white. Colors that are too dark for their opacity are clipped.
    """
    covered = 255 - image_u8.astype(np.float32)
    colors = 255 - covered * 255 / np.maximum(alpha_u8, 1, dtype=np.float32)[..., None]
    colors[alpha_u8 == 0] = 255
    return np.dstack([np.rint(colors.clip(0, 255)).astype(np.uint8), alpha_u8])


def levels_to_u8(levels: np.ndarray, whites: tuple[int, ...] = _WHITES) -> np.ndarray:
    """Scale 16-bit, 32-bit and float levels to 0…255, where Pillow's own conversion would clip to white.

    The smallest of the usual `whites` that holds the brightest level is taken, or else that level itself.
    """
    bands = [
        levels[top : top + _BAND_PX] for top in range(0, len(levels), _BAND_PX)
    ]  # to copy little at once
    brightest = max(float(np.nan_to_num(band, posinf=0, neginf=0).max()) for band in bands)
    white = next((level for level in whites if brightest <= level), brightest)
    scaled = np.empty(levels.shape, np.uint8)
    for band, target in zip(bands, np.split(scaled, range(_BAND_PX, len(levels), _BAND_PX)), strict=True):
        clean = np.nan_to_num(band, posinf=0, neginf=0)
        target[:] = np.rint(clean.clip(0, white) * (255 / white))
    return scaled


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert from an ICC profile to sRGB; None for one that is damaged or of another color model.

    A profile is a hint, which browsers ignore as well when it makes no sense.
    """
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(embedded, ImageCms.createProfile("sRGB"), picture.mode, "RGB")
        if picture.mode in ("L", "RGB"):
            grid = _color_grid(picture.mode)
            before, after = (np.asarray(p, np.int16) for p in (grid.convert("RGB"), transform.apply(grid)))
            if np.abs(after - before).max() <= _SAME_LEVELS:
                return picture.convert("RGB")
        return transform.apply(picture)
    return None


@lru_cache(maxsize=2)
def _color_grid(mode: str) -> Image.Image:
    """Draw colors from all over the color cube, or all greys."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, _GRID).round().astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(_GRID, -1, 3))


def _apply_gamma(picture: Image.Image, gamma: float, primaries: tuple[float, ...] | None) -> Image.Image:
    """Convert from a power curve, levels = light ** gamma, and its primaries to sRGB."""
    if abs(gamma - 1 / 2.2) > _SAME_GAMMA and 0.1 <= gamma <= 2:
        curve = 255 * _encode((np.arange(256) / 255) ** (1 / gamma))
        picture = picture.point(np.rint(curve).astype(int).tolist() * 3)
    if primaries and np.abs(np.subtract(primaries, _SRGB_XY)).max() > 0.01:
        with contextlib.suppress(np.linalg.LinAlgError):  # primaries on one line
            matrix = np.linalg.inv(_to_xyz(_SRGB_XY)) @ _to_xyz(primaries)
            picture = picture.filter(
                ImageFilter.Color3DLUT.generate(
                    _LUT, lambda *rgb: tuple(_encode(matrix @ _decode(np.array(rgb))).tolist())
                )
            )
    return picture


def _is_adobe_rgb(picture: Image.Image) -> bool:
    """Tell whether a camera marked its picture as DCF's optional color space, which stands for a profile."""
    try:
        return picture.getexif().get_ifd(_EXIF_INTEROP).get(_INTEROP_INDEX) == "R03"
    except Exception:  # the parser may raise anything on a broken block
        return False


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """Give the matrix from linear RGB of these primaries to XYZ, adapted to D65 by Bradford."""
    xy = np.reshape(primaries, (4, 2))
    white, *colors = np.column_stack([xy, 1 - xy.sum(1)]) / np.maximum(xy[:, 1:], 1e-6)
    columns = np.stack(colors, axis=1)
    columns = columns * np.linalg.solve(columns, white)
    x, y = _SRGB_XY[:2]
    cones = (_BRADFORD @ [x / y, 1, (1 - x - y) / y]) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ (cones[:, None] * (_BRADFORD @ columns))


def _encode(linear: np.ndarray) -> np.ndarray:
    """Apply sRGB's curve (IEC 61966-2-1) to light in 0…1, else clipped."""
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _decode(levels: np.ndarray) -> np.ndarray:
    """Undo `_encode`."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
