"""Labeled faces: pictures of a pack with CelebA's attributes, ages, and what can be measured in them.

What is not known of a face is NaN; training leaves it out.

Shapes: N faces, K scores, H W pixels.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from editing.moves.scorer import CELEBA, SCORES
from samm.networks.detector import Detector
from samm.training.data import read_pack

__all__ = ["LabeledFaces", "measure_points", "read_labeled"]

SIZE = 192
HELD_OUT = 12  # the last faces of each pack, as in `samm.training`
_AGE_IN_NAME = re.compile(r"^\d+A(\d\d)\.")  # All-Age-Faces: 07606A33.jpg is 33 years old
_DARK = 0.55  # lenses whose lightness is below this share of the skin's hide the eyes


@dataclass(frozen=True)
class LabeledFaces:
    """Pictures and what is known of them.

    Attributes:
        faces: uint8 (N, 3, SIZE, SIZE).
        labels: (N, K), NaN where unknown.
        held_out: booleans (N,), which of them only validate.
    """

    faces: Tensor
    labels: Tensor
    held_out: Tensor

    def __add__(self, other: LabeledFaces) -> LabeledFaces:
        """Join two packs."""
        pairs = zip(
            (self.faces, self.labels, self.held_out), (other.faces, other.labels, other.held_out), strict=True
        )
        return LabeledFaces(*(torch.cat(pair) for pair in pairs))


def read_labeled(
    pack: Path, attributes: Path, detector: Detector, cache: Path, every: int = 12
) -> LabeledFaces:
    """Read a tar of FFHQ-type crops and label it.

    Args:
        pack: the tar; names are CelebA ids, or carry an age as All-Age-Faces does.
        attributes: `.npz` with `files` (M,) and `values` (M, 40) of -1 and 1, columns in the order of
            `scores.CELEBA`.
        detector: finds the five points from which the head's turn is measured.
        cache: folder where the points are kept, because finding them takes minutes.
        every: one face in so many is held out besides the pack's last ones.
    """
    faces = read_pack(pack, SIZE)
    names = _member_names(pack)
    labels = torch.full((len(faces), len(SCORES)), torch.nan)
    labels[:, : len(CELEBA)] = _celeba_rows(names, attributes)
    column = {name: labels[:, i] for i, name in enumerate(SCORES)}  # views: writing fills `labels`
    ages = [_AGE_IN_NAME.match(name) for name in names]
    column["age"][:] = torch.tensor([float(age[1]) if age else torch.nan for age in ages])
    for name, values in zip(
        ("yaw", "pitch", "roll"), _head_turn(_points(pack, faces, detector, cache)), strict=True
    ):
        column[name][:] = values
    skin, eyes = _lightness(faces, (0.52, 0.66, 0.34, 0.66)), _lightness(faces, (0.43, 0.51, 0.30, 0.70))
    column["skin_lightness"][:] = skin
    column["dark_lenses"][:] = column["eyeglasses"] * (eyes < _DARK * skin)
    held_out = torch.arange(len(faces)) % every == 0
    held_out[-HELD_OUT:] = True
    return LabeledFaces(faces, labels, held_out)


def _member_names(pack: Path) -> list[str]:
    with tarfile.open(pack) as tar:
        return [Path(member.name).name for member in tar if member.isfile()]


def _celeba_rows(names: Sequence[str], attributes: Path) -> Tensor:
    """Look the attributes up by file name: 0 or 1, NaN for files the table does not know."""
    table = np.load(attributes, allow_pickle=False)
    if table["values"].shape[1] != len(CELEBA):
        raise ValueError(f"{attributes.name} has {table['values'].shape[1]} columns instead of {len(CELEBA)}")
    row_of = {name: row for row, name in enumerate(table["files"])}
    rows = np.array([row_of.get(name, -1) for name in names])
    values = torch.from_numpy(table["values"][rows] > 0).float()
    values[torch.from_numpy(rows < 0)] = torch.nan
    return values


def _points(pack: Path, faces: Tensor, detector: Detector, cache: Path) -> Tensor:
    file = cache / f"points_{pack.stem}.npy"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, measure_points(faces, detector))
    return torch.from_numpy(np.load(file, allow_pickle=False))


def measure_points(faces: Tensor, detector: Detector) -> np.ndarray:
    """Find the five points of the central face in each crop: (N, 5, 2) pixels, NaN where none was found."""
    size = faces.shape[-1]
    middle = np.array([0.5, 0.54]) * size
    points = np.full((len(faces), 5, 2), np.nan, np.float32)
    for i, face in enumerate(tqdm(faces, unit="face", disable=None)):
        found = detector.detect(face.permute(1, 2, 0).contiguous().numpy(), min_face_px=size / 4)
        if len(found.scores):
            centers = found.boxes.reshape(-1, 2, 2).mean(1)
            points[i] = found.points[np.abs(centers - middle).sum(1).argmin()]
    return points


def _head_turn(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Measure yaw, pitch and roll, each (N,), from points (N, 5, 2); see `scores.MEASURES`."""
    left, right, nose, *corners = points.unbind(1)
    eyes, mouth = (left + right) / 2, sum(corners) / 2
    across, down = right - left, mouth - eyes
    yaw = ((nose - (eyes + mouth) / 2) * across).sum(1) / across.square().sum(1)
    pitch = 0.5 - ((nose - eyes) * down).sum(1) / down.square().sum(1)
    return yaw, pitch, torch.rad2deg(torch.atan2(across[:, 1], across[:, 0]))


def _lightness(faces: Tensor, box: tuple[float, float, float, float]) -> Tensor:
    """Take the median luma (N,), 0…1, of a box given as top, bottom, left, right shares of the crop."""
    top, bottom, left, right = (round(share * faces.shape[-1]) for share in box)
    patch = faces[:, :, top:bottom, left:right].float() / 255
    return (patch * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1).flatten(1).median(1).values
