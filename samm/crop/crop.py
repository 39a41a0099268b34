"""A photo and the crops that are taken from it: what an inversion starts from and is pasted back into.

`Photo` and `Crop` are immutable values. Pixels are read, faces found and crops cut when they are first asked
for, and kept as long as the value lives.

Letters: H W pixels of the photo, S edge of a crop.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from samm.crop.domains import FACES, Domain, Place
from samm.crop.faces import Face, FaceDetector, face_warnings
from samm.crop.photo import PhotoFile, read_photo
from samm.crop.photographed import unlike_a_photo
from samm.crop.quad import Placement, manual_quad, quad_placement

__all__ = ["Crop", "Photo"]


class Photo:
    """A photo, upright and in sRGB; see `Photo.open`.

    One with a path pickles and copies without its pixels, which are read again when they are asked for.

    Args:
        path: of its file; read when pixels are first asked for.
        pixels: uint8 (H, W, 3), for a photo without a file; or these with what else a file holds.
        name: for people; the file's if None.
        turned_deg: by how much the picture of the file is turned clockwise: 0, 90, 180 or 270.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        pixels: np.ndarray | PhotoFile | None = None,
        name: str | None = None,
        turned_deg: int = 0,
    ):
        if (path is None) == (pixels is None):
            raise ValueError("a photo has either a path or pixels")
        self.path = None if path is None else Path(path)
        self.name = name or (self.path.name if self.path else "photo")
        self.turned_deg = turned_deg
        self._places: dict[Domain, list[Place]] = {}
        if pixels is not None:
            self.file = pixels if isinstance(pixels, PhotoFile) else PhotoFile(pixels)

    @staticmethod
    def open(source: str | Path | BinaryIO) -> Photo:
        """Read a photo from a path or a binary stream.

        Raises:
            PhotoError: the file is missing, unreadable, empty, damaged, too large or too small.
        """
        if isinstance(source, str | Path):
            photo = Photo(source)
            _ = photo.file  # refused now, if at all
            return photo
        return Photo(pixels=read_photo(source))

    @cached_property
    def file(self) -> PhotoFile:
        """What its file holds: pixels, opacity, and what was changed on reading.

        Raises:
            PhotoError: it cannot be read any more.
        """
        assert self.path is not None
        return read_photo(self.path).turned(self.turned_deg)

    @property
    def pixels(self) -> np.ndarray:
        """The photo, upright and opaque in sRGB, uint8 (H, W, 3); not to be written to."""
        return self.file.image_u8

    @cached_property
    def faces(self) -> tuple[Crop, ...]:
        """The crops of all faces that the embedded detector finds, largest first; empty if there are none."""
        return self.locate(FACES)

    def locate(self, domain: Domain, detector: FaceDetector | None = None) -> tuple[Crop, ...]:
        """Give the crops of all things of a domain: every face, or a car's picture from the middle.

        Args:
            domain: what to look for, as `model.domain`.
            detector: finds faces; the embedded one if None.
        """
        if domain not in self._places:
            self._places[domain] = domain.locate(self.pixels, detector)
        return tuple(Crop(self, place.quad, domain, place.face) for place in self._places[domain])

    def upright(self, domain: Domain = FACES, detector: FaceDetector | None = None) -> Photo:
        """Give the photo turned so that what it shows stands upright; itself where it does.

        Args:
            domain: what to look for.
            detector: finds faces; the embedded one if None.
        """
        crops = self.locate(domain, detector)
        turn_deg = domain.turn(self.pixels, [crop.face for crop in crops if crop.face], detector)
        if not turn_deg:
            return self
        turned = self.file.turned(turn_deg)
        total_deg = (self.turned_deg + turn_deg) % 360
        photo = Photo(self.path, None if self.path else turned, self.name, total_deg)
        photo.file = turned
        return photo if photo.locate(domain, detector) else self

    def crop(self, x: float, y: float, size: float, turn: float = 0.0, domain: Domain = FACES) -> Crop:
        """Place a crop by hand.

        Args:
            x: of its middle, in pixels of the photo.
            y: likewise.
            size: its edge, or a car's width, in pixels of the photo.
            turn: -180…180 degrees; positive turns it clockwise.
            domain: what it shows.

        Raises:
            OptionError: a value is not a number or out of its range.
        """
        return Crop(self, manual_quad((x, y), size, turn), domain)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be read or found again."""
        kept = ("path", "name", "turned_deg") + (() if self.path else ("file",))
        return {**{name: self.__dict__[name] for name in kept}, "_places": {}}


@dataclass(frozen=True, eq=False)
class Crop:
    """A square part of a photo, as a generator draws it.

    Attributes:
        photo: that it is taken from, and pasted back into.
        quad: (4, 2), the square's corners in pixels of the photo, see `samm.crop.faces`.
        domain: what it shows.
        face: that was found there; None for a crop by hand.
        cut: its pixels by edge, as far as they have been asked for.
    """

    photo: Photo
    quad: np.ndarray
    domain: Domain = FACES
    face: Face | None = None
    cut: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(square_u8: np.ndarray, domain: Domain = FACES) -> Crop:
        """Take a picture, uint8 (S, S, 3), that is cropped already as a photo of its own.

        Raises:
            ValueError: it is of another shape or type.
        """
        size = len(square_u8)
        if square_u8.shape != (size, size, 3) or square_u8.dtype != np.uint8:
            raise ValueError(f"expected uint8 (S, S, 3), got {square_u8.dtype} {square_u8.shape}")
        bar = domain.rows(size).start
        corners = np.array([[0, -bar], [0, size - bar], [size, size - bar], [size, -bar]]) - 0.5
        return Crop(Photo(pixels=domain.trim(square_u8)), corners, domain, cut={size: square_u8})

    def pixels(self, size: int) -> np.ndarray:
        """Cut it out at an edge of `size` pixels: uint8 (S, S, 3), upright; not to be written to.

        Raises:
            PhotoError: too much of it lies outside the photo, or the photo's file has gone.
        """
        if size not in self.cut:
            self.cut[size] = self.domain.crop(self.photo.pixels, self.quad, size)
        return self.cut[size]

    def paste(
        self, portrait_u8: np.ndarray, keep_photo: np.ndarray, onto: np.ndarray | None = None
    ) -> np.ndarray:
        """Put a portrait back into the photo: uint8 (H, W, 3).

        Args:
            portrait_u8: the generator's picture before blending, uint8 (S, S, 3).
            keep_photo: the mask to blend with, (S, S) in 0…1; 1 keeps the photo's pixel.
            onto: the photo as other portraits have changed it so far, uint8 (H, W, 3); as it is if None.
        """
        photo_u8 = self.photo.pixels if onto is None else onto
        return self.domain.paste(photo_u8, self.quad, portrait_u8, keep_photo)

    @property
    def placement(self) -> Placement:
        """Its center, size and turn, from which `Photo.crop` makes it again."""
        return quad_placement(self.quad)

    @property
    def warnings(self) -> list[str]:
        """What may spoil the result with this face, in sentences."""
        if self.face is None:
            return []
        doubt = unlike_a_photo(self.photo.pixels, self.face)
        return [*([doubt] if doubt else []), *face_warnings(self.face)]

    def with_pixels(self, square_u8: np.ndarray) -> Crop:
        """Derive the same crop that has these pixels, uint8 (S, S, 3), at their size."""
        return replace(self, cut={len(square_u8): square_u8})

    def light(self) -> Crop:
        """Derive the same crop without pixels in memory, of itself or of a photo that has a path."""
        photo = self.photo
        if photo.path:
            photo = Photo(photo.path, name=photo.name, turned_deg=photo.turned_deg)
        return replace(self, photo=photo, cut={})
