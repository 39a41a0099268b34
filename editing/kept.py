"""The examples' inversions as they are shipped, each with one edit: opened at once instead of drawn anew.

A file `examples/kept/<name>.safetensors` holds code, flows and read-out as tensors, pictures as lossy WebP
(crop, drawing, the one that edits start from, the one before any read-out, drawing of the edit, a small
preview of each effect), masks as lossless WebP of 8 bits, and in its metadata everything else as JSON.
Nothing in it is unpickled. It belongs to the weights that made it: a fingerprint of them lies in the
metadata, and with other weights there is no inversion to open.

`python -m samm examples` makes the files; a test compares them with fresh inversions.

Shapes: L style rows, r level resolution, S edge of a picture, V = 256 of a small one, C channels of a map.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from editing.edit import Edit
from editing.recipe.file import from_json, to_json
from samm.crop.crop import Crop, Photo
from samm.crop.faces import Face
from samm.crop.png import write_whole
from samm.crop.tone import Tone
from samm.inversion import Inversion, Options
from samm.method.readout import Head, Readout
from samm.models import Model
from samm.networks.ops import area_resize
from samm.pixels import mask_to_01, mask_to_u8, shrunk, to_pm1

__all__ = ["EDITS", "EXAMPLES", "FOLDER", "PREVIEW_PX", "Kept", "fingerprint", "keep", "kept", "pair"]

EXAMPLES = Path(__file__).parents[1] / "examples"
FOLDER = EXAMPLES / "kept"
# Each example, and the edit that it is shown with.
EDITS = {
    "astronaut": "age +1.5",
    "hopper": "smile +1.5",
    "cap": "age +2",
    "sunglasses": "age +1.5",
    "scarf": "smile +1.5",
    "microphone": "age +1.5",
    "face_paint": "age +1.5",
    "old_photo": "smile +1.5",
}
_QUALITY = 85  # of the lossy pictures: one to two of 255 levels off on average
PREVIEW_PX = 192  # edge of an effect's preview
_MASK_PX = 256  # of the edit's mask, which is made from a map of half that edge
_PROBES = 64  # values of each tensor that the fingerprint looks at
_META, _PAIR = "kept", "pair"


@dataclass(frozen=True)
class Kept:
    """An example as it is shipped.

    Attributes:
        inversion: without its `generated` picture.
        edit: one of it that is drawn already.
        previews: of effects by name, uint8 (`PREVIEW_PX`, `PREVIEW_PX`, 3).
    """

    inversion: Inversion
    edit: Edit
    previews: Mapping[str, np.ndarray]


def kept(name: str, model: Model, folder: Path | None = None) -> Kept | None:
    """Open an example's inversion and edit.

    Args:
        name: of the example, with or without its ending.
        model: that will draw.
        folder: of the files; `FOLDER` if None.

    Returns:
        None where there is no such example or file, or where other weights made it.
    """
    name = name.removesuffix(".jpg")
    found = _read(name, model, folder)
    return found and _opened(name, *found)


def pair(name: str, model: Model, folder: Path | None = None) -> np.ndarray | None:
    """Give a small picture of an example, before and after side by side: uint8 (V', 2 V', 3), V' = 192.

    Args and what None means are those of `kept`.
    """
    found = _read(name.removesuffix(".jpg"), model, folder, [_PAIR])
    return found and _picture(found[1][_PAIR])


def keep(name: str, example: Kept, model: Model, folder: Path = FOLDER) -> Path:
    """Write an example; gives the file.

    Raises:
        PhotoError: the file cannot be written.
    """
    inversion, edit = example.inversion, example.edit
    assert inversion.crop.face
    assert inversion.readout
    assert inversion.drawn is not None
    assert inversion.anchor is not None
    assert not inversion.tuned  # whose weights would be larger than all else
    about = {
        "fingerprint": fingerprint(model),
        "preset": inversion.preset,
        "options": asdict(inversion.options),
        "refined": inversion.refined,
        "seconds": {stage: round(seconds, 3) for stage, seconds in inversion.seconds.items()},
        "tone": inversion.tone and inversion.tone.chroma,
        "turned_deg": inversion.crop.photo.turned_deg,
        "face": asdict(inversion.crop.face),
        "recipe": to_json(edit.recipe),
    }
    parts = {
        "quad": torch.from_numpy(np.asarray(inversion.crop.quad, np.float64)),
        "w_plus": inversion.w_plus,
        **{f"flow.{r}": flow.half() for r, flow in inversion.flows.items()},
        **{f"mask.{r}": _packed_mask(mask) for r, mask in inversion.masks.items()},
        **_heads_to_parts(inversion.readout),
        "photo": _packed(inversion.photo_u8),
        "aligned": _packed(inversion.aligned),
        "drawn": _packed(inversion.drawn),
        "anchor": _packed(inversion.anchor),
        "edit.w_plus": edit.w_plus,
        "edit.aligned": _packed(edit.aligned),
        "edit.gathered": _packed_mask(area_resize(edit.gathered, _MASK_PX)),
        **{f"preview.{key}": _packed(picture) for key, picture in example.previews.items()},
        _PAIR: _packed(
            np.concatenate([shrunk(inversion.photo_u8, PREVIEW_PX), shrunk(edit.blended, PREVIEW_PX)], axis=1)
        ),
    }
    file = folder / f"{name}.safetensors"
    folder.mkdir(exist_ok=True)
    whole = {key: part.contiguous() for key, part in parts.items()}
    write_whole(save(whole, {_META: json.dumps(about)}), file)
    return file


def _read(
    name: str, model: Model, folder: Path | None, keys: list[str] | None = None
) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Read what an example's file says, and some of its tensors or all; None as for `kept`."""
    file = (folder or FOLDER) / f"{name}.safetensors"
    if name not in EDITS or not file.is_file():
        return None
    with safe_open(file, "pt") as stream:
        about = json.loads(stream.metadata()[_META])
        if about["fingerprint"] != fingerprint(model):
            return None
        return about, {key: stream.get_tensor(key) for key in keys or stream.keys()}


def _opened(name: str, about: Mapping[str, Any], parts: Mapping[str, Tensor]) -> Kept:
    face = Face(
        box=tuple(about["face"]["box"]),
        points=tuple((x, y) for x, y in about["face"]["points"]),
        score=about["face"]["score"],
    )
    photo = Photo(EXAMPLES / f"{name}.jpg", turned_deg=about["turned_deg"])
    crop = Crop(photo, parts["quad"].numpy(), face=face).with_pixels(_picture(parts["photo"]))
    inversion = Inversion(
        crop=crop,
        w_plus=parts["w_plus"],
        aligned_pm1=to_pm1(_picture(parts["aligned"])),
        preset=about["preset"],
        options=Options(**about["options"]),
        flows={r: flow.float() for r, flow in _levels(parts, "flow").items()},
        masks={r: _mask(data) for r, data in _levels(parts, "mask").items()},
        seconds=about["seconds"],
        refined=about["refined"],
        readout=_parts_to_heads(parts),
        drawn=_picture(parts["drawn"]),
        anchor=_picture(parts["anchor"]),
        tone=about["tone"] and Tone(tuple((cb, cr) for cb, cr in about["tone"])),
    )
    edit = Edit(
        crop=crop,
        w_plus=parts["edit.w_plus"],
        aligned_pm1=to_pm1(_picture(parts["edit.aligned"])),
        gathered=_enlarged(_mask(parts["edit.gathered"]), inversion.size),
        recipe=from_json(about["recipe"]),
    )
    previews = {
        key.removeprefix("preview."): _picture(data)
        for key, data in parts.items()
        if key.startswith("preview.")
    }
    return Kept(inversion, edit, previews)


@lru_cache(maxsize=4)
def fingerprint(model: Model) -> str:
    """Sum up the weights of a model's generator, encoder and SAMM as 64 hexadecimal digits.

    Of each tensor some values, spread over it, stand for all: training changes every tensor, and the files
    need not be read again. What reads sketches is left out: only searches look at them. A model that draws
    its weights at random has a fingerprint as well.
    """
    digest = hashlib.sha256(model.preset.encode())
    for network in (model.generator, model.encoder, model.samm):
        for name, values in network.state_dict().items() if network else ():
            if name.startswith("reader."):
                continue
            digest.update(f"{name}{tuple(values.shape)}".encode())
            values = values.detach().flatten()
            some = values[:: max(len(values) // _PROBES, 1)]
            digest.update(some.to("cpu", torch.float32).numpy().tobytes())
    return digest.hexdigest()


def _levels(parts: Mapping[str, Tensor], kind: str) -> dict[int, Tensor]:
    """Give the parts of one kind by resolution, coarsest first."""
    found = {
        int(name.rpartition(".")[2]): part for name, part in parts.items() if name.startswith(f"{kind}.")
    }
    return dict(sorted(found.items()))


def _heads_to_parts(readout: Readout) -> dict[str, Tensor]:
    return {
        f"head.{r}.{each.name}": getattr(head, each.name)
        for r, head in readout.heads.items()
        for each in fields(Head)
    }


def _parts_to_heads(parts: Mapping[str, Tensor]) -> Readout:
    resolutions = sorted({int(name.split(".")[1]) for name in parts if name.startswith("head.")})
    heads = {r: Head(*(parts[f"head.{r}.{each.name}"] for each in fields(Head))) for r in resolutions}
    return Readout(heads)


def _packed(picture_u8: np.ndarray, lossless: bool = False) -> Tensor:
    """Compress a picture; gives its bytes."""
    stream = io.BytesIO()
    Image.fromarray(picture_u8).save(stream, "WEBP", quality=_QUALITY, method=6, lossless=lossless)
    return torch.frombuffer(bytearray(stream.getvalue()), dtype=torch.uint8)


def _packed_mask(mask: Tensor) -> Tensor:
    return _packed(mask_to_u8(mask), lossless=True)


def _picture(data: Tensor) -> np.ndarray:
    """Give a compressed picture back, uint8 (S, S, 3)."""
    return np.array(Image.open(io.BytesIO(data.numpy().tobytes())).convert("RGB"))


def _mask(data: Tensor) -> Tensor:
    """Give a compressed mask back, (1, 1, S, S) float32 in 0…1."""
    return mask_to_01(_picture(data)[..., 0])


def _enlarged(mask: Tensor, size: int) -> Tensor:
    return F.interpolate(mask, size=(size, size), mode="bilinear", align_corners=False)
