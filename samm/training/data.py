"""Real pictures for training: packs of FFHQ-type crops or of cars, kept as uint8 on the device.

A pack is a tar or a folder. Members are opened by content, because names lie about their format. The last
pictures of each pack are never trained on; they validate.

Pictures of a domain with bars are letterboxed into squares: their bars are black, and what is asked of masks
and figures is asked `within` the picture's rows.

Shapes: N batch, H W pixels.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from samm.crop.domains import FACES, Domain
from samm.errors import OptionError
from samm.pixels import batch_to_pm1
from samm.training.dice import Dice

__all__ = ["FacePool", "read_pack", "with_bars", "within"]

SIZE = 256
# A pack of n faces is drawn with probability ∝ √n: large packs lead, and small, sharp ones are seen often.
SHARE_EXPONENT = 0.5


def read_pack(path: Path, size: int = SIZE, domain: Domain = FACES) -> Tensor:
    """Decode a tar or folder of pictures, in their stored order, to uint8 (N, 3, size, size) on the CPU.

    What is longer than the domain's pictures in one direction loses as much at both ends.
    """
    with ProcessPoolExecutor() as pool:  # WebP decoding holds the interpreter's lock: threads would not help
        decode = partial(_decode, size=size, domain=domain)
        pictures = list(pool.map(decode, _blobs(path), chunksize=64))
    if not pictures:
        raise OptionError(f"{path} holds no pictures; give --data a tar or folder that does.")
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _blobs(path: Path) -> Iterable[bytes]:
    if path.is_dir():
        yield from (file.read_bytes() for file in sorted(path.iterdir()) if file.is_file())
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if stream := tar.extractfile(member):  # None for what is no file
                yield stream.read()


def _decode(blob: bytes, size: int, domain: Domain) -> np.ndarray:
    square = np.zeros((size, size, 3), np.uint8)
    rows = domain.rows(size)
    with Image.open(io.BytesIO(blob)) as picture:
        fitted = ImageOps.fit(
            picture.convert("RGB"), (size, rows.stop - rows.start), Image.Resampling.BICUBIC
        )
    square[rows] = np.asarray(fitted)
    return square


def within(x: Tensor, domain: Domain) -> Tensor:
    """Cut pictures or masks (N, C, H, H) down to the rows that hold the picture, (N, C, h, H)."""
    return x[:, :, domain.rows(x.shape[2])]


def with_bars(image_pm1: Tensor, domain: Domain) -> Tensor:
    """Paint the domain's bars black in pictures (N, 3, H, H); what lay under them gets no gradient."""
    bar = domain.rows(image_pm1.shape[2]).start
    return F.pad(within(image_pm1, domain), (0, 0, bar, bar), value=-1.0) if bar else image_pm1


class FacePool:
    """All packs on one device, to draw batches from; `held_out` (M, 3, H, W) in -1…1 only validates."""

    def __init__(
        self,
        packs: Sequence[Tensor],
        device: torch.device | str,
        held_out: int = 12,
        exponent: float = SHARE_EXPONENT,
    ):
        for number, pack in enumerate(packs):
            if len(pack) <= held_out:
                raise OptionError(
                    f"Pack {number + 1} of --data has {len(pack)} faces, and with {held_out} held out none "
                    "are left to train on; join it with another."
                )
        sizes = torch.tensor([len(pack) - held_out for pack in packs], device=device)
        self._sizes, self._starts = sizes, sizes.cumsum(0) - sizes
        self._weights = sizes.double() ** exponent
        self._faces = torch.cat([pack[: len(pack) - held_out] for pack in packs]).to(device)
        tails = torch.cat([pack[len(pack) - held_out :] for pack in packs])
        self.held_out = batch_to_pm1(tails.to(device))

    def __len__(self) -> int:
        """Count the faces to train on."""
        return len(self._faces)

    def draw(self, n: int, dice: Dice) -> Tensor:
        """Draw n faces (n, 3, H, W) in -1…1, each mirrored with probability one half."""
        pack = dice.pick(self._weights, n)
        within = (dice.uniform(n) * self._sizes[pack]).long().clamp(max=self._sizes[pack] - 1)
        faces = batch_to_pm1(self._faces[self._starts[pack] + within])
        mirrored = dice.chance(0.5, n, 1, 1, 1)
        return torch.where(mirrored, faces.flip(3), faces)
