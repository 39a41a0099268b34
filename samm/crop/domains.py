"""Domains: what a generator draws, and what that asks of a crop.

A domain finds its things in a photo, cuts them out as its generator was trained, and pastes what was drawn
back. One that is wider than high leaves black bars above and below in its square, see `samm.frame`; people
see the picture's rows only.

Letters: H W pixels of the photo, S edge of a crop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from samm.crop.cars import CAR_FRAME, center_quad, crop_car
from samm.crop.faces import Face, FaceDetector, find_faces
from samm.crop.paste import paste_back
from samm.crop.quad import crop_face
from samm.crop.turn import find_turn
from samm.frame import Frame
from samm.networks.detector import load_detector

__all__ = ["CARS", "FACES", "Domain", "Place"]

# The oval from forehead to chin in an FFHQ crop, of a picture that spans -1…1, y down.
_FACE_Y, _FACE_AXES = 0.12, (0.44, 0.54)
_FACE_EDGE = 0.25  # half of its soft outline, of its axes
_FACE_COUNTS = 4.0  # times as much as what lies around it


class Place(NamedTuple):
    """Where something lies in a photo: the quad (4, 2) of its crop, and the face if it is one."""

    quad: np.ndarray
    face: Face | None = None


@dataclass(frozen=True)
class Domain(Frame, ABC):
    """A kind of picture.

    Attributes:
        name: as in messages: "There is no … in this photo".
        searched: whether things are looked for in a photo, of which there may be several or none.
    """

    name: str = field(kw_only=True)
    searched: bool = field(default=True, kw_only=True)

    @abstractmethod
    def locate(self, photo_u8: np.ndarray, detector: FaceDetector | None = None) -> list[Place]:
        """Say where in a photo, uint8 (H, W, 3), things of this kind are, largest first.

        Args:
            photo_u8: the photo.
            detector: finds faces; the embedded one, loaded when first needed, if None.
        """

    def turn(self, photo_u8: np.ndarray, faces: Sequence[Face], detector: FaceDetector | None = None) -> int:
        """Tell by how many degrees clockwise a photo must be turned to be upright: 0, 90, 180 or 270.

        Args:
            photo_u8: uint8 (H, W, 3).
            faces: found in it as it is.
            detector: finds faces; the embedded one, loaded when first needed, if None.
        """
        return 0

    @abstractmethod
    def crop(self, photo_u8: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
        """Cut a quad (4, 2) out of a photo as an upright square with this domain's bars, uint8 (S, S, 3).

        Raises:
            PhotoError: too much of it lies outside the photo.
        """

    def importance(self, size: int) -> Tensor:
        """Say how many times each place of a crop counts: (1, 1, size, size), at least 1."""
        return torch.ones(1, 1, size, size)

    def paste(
        self, photo_u8: np.ndarray, quad: np.ndarray, portrait_u8: np.ndarray, keep_photo: np.ndarray
    ) -> np.ndarray:
        """Put what was drawn back where its crop was taken, without the bars; see `samm.crop.paste`.

        Args:
            photo_u8: uint8 (H, W, 3).
            quad: (4, 2), where the crop was taken.
            portrait_u8: the generator's picture before blending, uint8 (S, S, 3).
            keep_photo: the mask to blend with, (S, S) in 0…1; 1 keeps the photo's pixel.
        """
        return paste_back(photo_u8, self.inner(quad), self.trim(portrait_u8), self.trim(keep_photo))


class _Faces(Domain):
    """Found by the detector, cropped as FFHQ."""

    def locate(self, photo_u8: np.ndarray, detector: FaceDetector | None = None) -> list[Place]:
        faces = find_faces(photo_u8, detector or _embedded_detector())
        return [Place(face.quad, face) for face in faces]

    def turn(self, photo_u8: np.ndarray, faces: Sequence[Face], detector: FaceDetector | None = None) -> int:
        return find_turn(photo_u8, faces, detector or _embedded_detector())

    def crop(self, photo_u8: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
        return crop_face(photo_u8, quad, size)

    def importance(self, size: int) -> Tensor:
        across, down = _FACE_AXES
        x = torch.linspace(-1, 1, size)
        way = ((x / across).square() + ((x[:, None] - _FACE_Y) / down).square()).sqrt()  # 1 at the oval
        within = ((1 + _FACE_EDGE - way) / (2 * _FACE_EDGE)).clamp(0, 1)
        return (1 + (_FACE_COUNTS - 1) * within)[None, None]


class _Cars(Domain):
    """Taken from the middle of the photo, since nothing here finds cars; 4:3."""

    def locate(self, photo_u8: np.ndarray, detector: FaceDetector | None = None) -> list[Place]:
        return [Place(center_quad(photo_u8))]

    def crop(self, photo_u8: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
        return crop_car(photo_u8, quad, size)


@cache
def _embedded_detector() -> FaceDetector:
    return load_detector()


FACES = _Faces(name="face")
CARS = _Cars(CAR_FRAME.height, name="car", searched=False)
