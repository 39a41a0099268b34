"""Where in an FFHQ crop things are: the background, and the region that each attribute lives in.

The crop is aligned by eyes and mouth, so fixed ellipses serve all faces. Places are those of a picture that
spans -1…1, x to the right and y down.

Shapes: S edge of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from samm.method.regions import blur
from samm.metrics import psnr

__all__ = [
    "CREASES",
    "CROWN",
    "FACE",
    "FACE_SKIN",
    "FRINGE",
    "GAZE",
    "GLASSES",
    "HAIR",
    "HEAD",
    "INNER_FACE",
    "NECK",
    "PSNR_LIMIT",
    "REGIONS",
    "ROUNDING",
    "TURNING",
    "WHOLE_MOUTH",
    "Ellipse",
    "Region",
    "background",
    "marked",
    "psnr_within",
    "region_of",
    "share_inside",
    "soft",
]

# Half axes, across and down, of the ellipse about the middle that holds face and short hair; a third of the
# crop lies outside.
FACE = (0.85, 1.0)
ROUNDING = 1 / 12  # mean squared error of rounding to whole levels
PSNR_LIMIT = float(10 * np.log10(255.0**2 / ROUNDING))  # 58.9 dB


@dataclass(frozen=True)
class Ellipse:
    """Center and half axes."""

    x: float
    y: float
    across: float
    down: float

    def holds(self, size: int) -> np.ndarray:
        """Mark the pixels inside: bool (S, S)."""
        place = (2 * np.arange(size) + 1) / size - 1  # of pixel centers
        return ((place - self.x) / self.across) ** 2 + ((place[:, None] - self.y) / self.down) ** 2 <= 1


@dataclass(frozen=True)
class Region:
    """All of some ellipses without all of others."""

    name: str
    parts: tuple[Ellipse, ...]
    without: tuple[Ellipse, ...] = ()

    def holds(self, size: int) -> np.ndarray:
        """Mark the pixels inside: bool (S, S)."""
        return _any(self.parts, size) & ~_any(self.without, size)


def _any(parts: Iterable[Ellipse], size: int) -> np.ndarray:
    marked = np.zeros((size, size), dtype=bool)
    for part in parts:
        marked |= part.holds(size)
    return marked


_FACE_OVAL = Ellipse(0, 0.14, 0.5, 0.66)  # from the forehead to the chin
HEAD = Region("head", (Ellipse(0, 0, *FACE),))
HAIR = Region("hair", (Ellipse(0, -0.1, 1.0, 1.05),), (_FACE_OVAL,))
SKIN = Region("skin", (Ellipse(0, 0.12, 0.62, 0.75), Ellipse(0, 0.95, 0.5, 0.3)))
FRINGE = Region("forehead and hair", (Ellipse(0, -0.5, 0.8, 0.5),))
EYES = Region("eyes", (Ellipse(-0.25, -0.06, 0.2, 0.13), Ellipse(0.25, -0.06, 0.2, 0.13)))
BROWS = Region("brows", (Ellipse(-0.27, -0.18, 0.24, 0.14), Ellipse(0.27, -0.18, 0.24, 0.14)))
GLASSES = Region(
    "glasses",
    (Ellipse(-0.28, -0.03, 0.32, 0.24), Ellipse(0.28, -0.03, 0.32, 0.24), Ellipse(0, -0.05, 0.8, 0.14)),
)
NOSE = Region("nose", (Ellipse(0, 0.14, 0.22, 0.28),))
LIPS = Region("lips", (Ellipse(0, 0.42, 0.3, 0.17),))
MOUTH = Region("mouth and cheeks", (Ellipse(0, 0.4, 0.5, 0.36),))
JAW = Region("lower face", (Ellipse(0, 0.5, 0.62, 0.48),))

CROWN = Region("crown", (Ellipse(0, -1.0, 1.1, 0.78),))  # above the brows, where a hat sits
CREASES = Region("creases", (Ellipse(0, 0.46, 0.5, 0.3),), (Ellipse(0, 0.14, 0.3, 0.2),))  # beside the mouth
GAZE = Region("gaze", (Ellipse(-0.25, -0.06, 0.15, 0.07), Ellipse(0.25, -0.06, 0.15, 0.07)))  # between lids
WHOLE_MOUTH = Region("whole mouth", (Ellipse(0, 0.42, 0.34, 0.19),))  # with the skin around its lips
NECK = Region("neck", (Ellipse(0, 1.12, 0.7, 0.28),))  # and what is worn about it
FACE_SKIN = Region("skin of the face", (_FACE_OVAL,), (*GAZE.parts, *WHOLE_MOUTH.parts))
INNER_FACE = Region("inner face", (_FACE_OVAL,))
TURNING = Region("turning head", (Ellipse(0, -0.1, 0.78, 0.72),))  # without neck and upper edge

REGIONS: dict[str, Region] = {
    **dict.fromkeys(("age", "yaw", "pitch", "gender", "face_width"), HEAD),
    **dict.fromkeys(("blond_hair", "black_hair", "brown_hair", "grey_hair", "wavy_hair", "bald"), HAIR),
    **dict.fromkeys(("makeup", "skin"), SKIN),
    "bangs": FRINGE,
    "eyes_open": EYES,
    "eyebrows": BROWS,
    "glasses": GLASSES,
    "nose": NOSE,
    "lipstick": LIPS,
    **dict.fromkeys(("smile", "mouth_open"), MOUTH),
    "beard": JAW,
}


def region_of(attributes: Iterable[str], size: int) -> np.ndarray:
    """Mark where some attributes live together: bool (S, S)."""
    return np.logical_or.reduce([REGIONS[name].holds(size) for name in attributes])


def marked(place: Region | Ellipse, size: int) -> Tensor:
    """Mark a place: (1, 1, S, S) of zeros and ones."""
    return torch.from_numpy(place.holds(size)).float()[None, None]


def soft(region: Region, size: int, blur_px: float) -> Tensor:
    """Mark a region with a soft outline: (1, 1, S, S) in 0…1."""
    return blur(marked(region, size), blur_px)


def share_inside(before_pm1: Tensor, after_pm1: Tensor, region: np.ndarray) -> Tensor:
    """Give the share of all change between pictures (N, 3, S, S) that lies in a region (S, S): (N,).

    Where nothing changes at all the share is 1.
    """
    change = (after_pm1 - before_pm1).abs().mean(1)
    total = change.sum((1, 2))
    inside = (change * torch.from_numpy(region).to(change.device)).sum((1, 2))
    return torch.where(total > 0, inside / total.clamp(min=1e-12), torch.ones_like(total))


def background(size: int) -> np.ndarray:
    """Mark what lies outside the ellipse `FACE` of an FFHQ crop: bool (S, S).

    It is the same for all faces and methods: the wall and shoulders, but also the ends of long hair.
    """
    return ~HEAD.holds(size)


def psnr_within(a_u8: np.ndarray, b_u8: np.ndarray, region: np.ndarray) -> float:
    """Give the PSNR in dB over a region, bool (H, W), at most `PSNR_LIMIT`, so that its mean stays finite.

    Raises:
        ValueError: the region is empty.
    """
    if not region.any():
        raise ValueError("the region holds no pixel")
    return min(psnr(a_u8[region], b_u8[region]), PSNR_LIMIT)
