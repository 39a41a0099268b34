"""Amortized refinement: codes refined by optimization on training faces, as further targets for the encoder.

Refinement finds a better code than the encoder, in seconds for each photo. An encoder that is shown such
codes learns to give them at once. The file holds codes and which face of the pool each belongs to; making it
can be cut off and continued.

Shapes: K targets, N batch, L style rows, S = 256 picture edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from samm.errors import OptionError
from samm.likeness.refinement import refine_steps
from samm.method.alignment import aligner
from samm.method.gathering import gather
from samm.training.data import FacePool
from samm.training.dice import Dice
from samm.training.networks import Networks

__all__ = ["Targets", "read_targets", "refine_targets"]


@dataclass(frozen=True)
class Targets:
    """Faces of a pool whose refined codes are known."""

    faces: FacePool
    index: Tensor  # (K,), into the pool
    w_plus: Tensor  # (K, L, 512)

    def draw(self, n: int, dice: Dice) -> tuple[Tensor, Tensor]:
        """Draw n faces (n, 3, S, S) in -1…1, never mirrored, and their codes (n, L, 512)."""
        drawn = dice.below(len(self.index), n)
        return self.faces.take(self.index[drawn]), self.w_plus[drawn]


def read_targets(path: Path, faces: FacePool, device: torch.device) -> Targets:
    """Read a file that `refine_targets` wrote.

    Raises:
        OptionError: it is not there, or was made from other faces.
    """
    if not path.is_file():
        raise OptionError(
            f"There is no file {path.name}; make it with python -m samm.training refine-targets."
        )
    stored = load_file(path, str(device))
    index = stored["index"]
    known = index.max() < len(faces) and torch.equal(_brightness(faces, index), stored["brightness"])
    if not known:
        raise OptionError(
            f"The targets in {path.name} were made from other faces; name the same --data in the same order."
        )
    return Targets(faces, index, stored["w_plus"].float())


def refine_targets(
    networks: Networks,
    faces: FacePool,
    path: Path,
    count: int,
    batch: int = 8,
    steps: int = 60,
    seed: int = 0,
) -> None:
    """Refine the codes of `count` random faces of the pool, and keep them in a file; continue an old one.

    Args:
        networks: with the encoder and SAMM to start from.
        faces: to train on; held-out ones are never taken.
        path: the file; written after every batch, never half.
        count: how many targets the file should hold in the end.
        batch: faces that are refined together; they also stop together.
        steps: of optimization, at most.
        seed: of the choice of faces.

    Raises:
        OptionError: the file holds targets of other faces or of another choice.
    """
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(seed))[:count]
    order = order.to(networks.device)
    codes: list[Tensor] = []
    if path.is_file():
        done = read_targets(path, faces, networks.device)
        if not torch.equal(done.index, order[: len(done.index)]):
            raise OptionError(f"The targets in {path.name} were chosen with another --seed; give that again.")
        codes = [done.w_plus]
    begun = sum(map(len, codes))
    rest = order[begun:].split(batch)
    for index in tqdm(rest, desc="refining", unit="batch", disable=None):
        codes.append(_refine(networks, faces.take(index), steps))
        found = torch.cat(codes)
        brightness = _brightness(faces, order[: len(found)])
        partial = path.with_name(f"{path.name}.partial")
        save_file(
            {"index": order[: len(found)].clone(), "w_plus": found.half(), "brightness": brightness}, partial
        )
        partial.replace(path)


def _refine(networks: Networks, photos: Tensor, steps: int) -> Tensor:
    """Encode in two passes, mask, and optimize; (N, L, 512)."""
    generator, size = networks.generator, photos.shape[-1]
    with torch.no_grad():
        code = networks.encoder.encode(photos, generator, 2)
        adapt, alignment = aligner(networks.samm, code.features, 2)
        generator.synthesize(code.w_plus, adapt, size=size)
        keep_photo = gather(alignment.masks.values(), size)
    search = refine_steps(photos, keep_photo, generator, networks.alex, code.w_plus, steps)
    return [code.w_plus, *search][-1]


def _brightness(faces: FacePool, index: Tensor) -> Tensor:
    """Sum each face's values, (K,): whole numbers by which it is recognized."""
    return torch.cat([faces.take_u8(part).long().sum((1, 2, 3)) for part in index.split(256)])
