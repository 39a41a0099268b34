"""Small real files of every format that is read, made here, from which the bad ones are made."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, features
from safetensors.torch import save

from editing.recipe.file import provenance, to_json
from editing.recipe.line import parse
from samm.crop.png import png_bytes
from samm.networks.generators import STYLE_DIM

__all__ = ["EXAMPLES", "SECRET", "layers", "photos", "recipes", "tagged_jpeg", "tensors", "weights"]

EXAMPLES = Path(__file__).parents[3] / "examples"
SECRET = "Canary-7c31e5"  # stands in the metadata of a photo
_SIZE = (48, 40)
_LINES = (
    "age +2, smile −1, blonde hair 0.5",
    'component 3 +1.5 (rows 0–8), "5 o\'clock shadow" 1.2 (from "a man", focus 0.2)',
    "mask strength 0.5, masks recompute, no glasses, 20 years old",
)
_GPS, _DESCRIPTION, _ORIENTATION = 0x8825, 0x010E, 0x0112


def photos() -> list[bytes]:
    """Give small pictures in all formats and modes that are read, and two of our examples."""
    seeds = [tagged_jpeg(_picture("RGB"))]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode in ("L", "RGB", "CMYK"):
        seeds.append(_encode(_picture(mode), "JPEG", icc_profile=profile, progressive=mode == "L"))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        seeds.append(_encode(_picture(mode), "PNG"))
        seeds.append(_encode(_picture(mode), "TIFF", compression="raw"))
    for mode in ("L", "RGB", "CMYK", "F"):
        packing = "tiff_adobe_deflate" if mode == "F" else "tiff_lzw"
        seeds.append(_encode(_picture(mode), "TIFF", compression=packing))
    frames = [_picture("RGB"), _picture("L").convert("RGB")]
    for format in ("GIF", "WEBP", *(["AVIF"] if features.check("avif") else [])):
        seeds.append(_encode(frames[0], format))
        seeds.append(_encode(frames[0], format, save_all=True, append_images=frames[1:]))
    seeds.append(_encode(_picture("RGBA"), "WEBP", lossless=True))
    seeds += [_encode(_picture("P"), "BMP"), _encode(_picture("RGB"), "BMP"), _encode(_picture("L"), "PPM")]
    if features.check("jpg_2000"):
        seeds += [_encode(_picture("RGB"), "JPEG2000"), _encode(_picture("RGB"), "JPEG2000", no_jp2=True)]
    seeds.append(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))  # how an iPhone's photo begins
    return [*seeds, _deep_tiff(), *((EXAMPLES / name).read_bytes() for name in ("hopper.jpg", "cap.jpg"))]


def tagged_jpeg(picture: Image.Image) -> bytes:
    """Encode a picture with all that a phone writes beside it: place, words, XMP; each holds `SECRET`."""
    exif = Image.Exif()
    exif[_DESCRIPTION] = SECRET
    exif[_ORIENTATION] = 1
    exif.get_ifd(_GPS).update({1: "N", 2: (48.0, 51.0, 29.5), 29: SECRET})
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>{SECRET}</a></x:xmpmeta>'.encode()
    return _encode(picture, "JPEG", exif=exif, xmp=xmp, comment=SECRET, quality=95)


def recipes() -> list[bytes]:
    """Give recipe files: JSON in three encodings, and PNGs with a recipe inside."""
    texts = [to_json(parse(line)) for line in _LINES]
    pictures = [png_bytes(np.zeros((4, 4, 3), np.uint8), provenance(parse(line))) for line in _LINES]
    return [*(text.encode(name) for text in texts for name in ("utf-8", "utf-16", "utf-32")), *pictures]


def tensors() -> list[bytes]:
    """Give directions, components and a table of directions: .npy, .pt in both ways, safetensors."""
    row = torch.nn.functional.normalize(torch.arange(1.0, STYLE_DIM + 1), dim=0)
    seeds = []
    for array in (row[None].numpy(), np.repeat(row[None].numpy(), 18, 0).astype(np.float64)):
        stream = io.BytesIO()
        np.save(stream, array)
        seeds.append(stream.getvalue())
    for value in (row[None], {"direction": row.half()}):
        seeds += [_saved(value, zipped) for zipped in (True, False)]
    table = {"directions": json.dumps({"age": {"rows": [0, None], "sigma": 1.0}})}
    parts = {"mean": row, "vectors": torch.eye(3, STYLE_DIM), "sigma": torch.ones(3)}
    published = {"mean": row[None], "comp": torch.eye(3, STYLE_DIM)[:, None], "std": torch.ones(3)}
    return [*seeds, save({"age": row}, table), save(parts), _saved(published, True)]


def layers() -> dict[str, torch.Tensor]:
    """Give the state of a small network, which `weights` stores."""
    return {"weight": torch.ones(3, 4), "bias": torch.zeros(3)}


def weights() -> list[bytes]:
    """Give files of a small network: our safetensors, and what others publish."""
    original = {"g_ema": layers(), "latent_avg": torch.zeros(4), "opts": {"size": 256, "name": "small"}}
    return [save(layers()), save({key: value.half() for key, value in layers().items()}),
            _saved(original, True), _saved(original, False)]  # fmt: skip


def _picture(mode: str) -> Image.Image:
    ramp = np.linspace(0, 255, _SIZE[0] * _SIZE[1]).reshape(_SIZE[::-1])
    if mode == "I;16":
        return Image.fromarray((ramp * 257).astype(np.uint16))
    if mode == "F":
        return Image.fromarray((ramp / 255).astype(np.float32))
    return Image.fromarray(ramp.astype(np.uint8)).convert("RGB").convert(mode)


def _encode(picture: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def _deep_tiff() -> bytes:
    """Write by hand what raw converters write and Pillow does not: three channels of floats in a strip."""
    width, height = _SIZE
    pixels = np.linspace(0, 1, width * height * 3, dtype="<f4").tobytes()
    tags = {256: width, 257: height, 258: 32, 259: 1, 262: 2, 273: 0, 277: 3, 278: height, 339: 3}
    tags[279] = len(pixels)
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(_tag(number, tags[number]) for number in sorted(tags))
    return (
        b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little") + entries + bytes(4) + pixels
    )


def _tag(number: int, value: int) -> bytes:
    return number.to_bytes(2, "little") + b"\x04\0\x01\0\0\0" + value.to_bytes(4, "little")


def _saved(value: torch.Tensor | Mapping[str, Any], zipped: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()
