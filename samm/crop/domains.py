"""Domains: what a generator draws, and what that asks of a crop.

Everything inside the program is square, as generators are. A domain whose pictures are wider than high fills
the middle rows of the square and leaves black bars above and below, as its generator was trained to. People
see the picture's rows only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CARS", "FACES", "Domain"]


@dataclass(frozen=True)
class Domain:
    """A kind of picture.

    Attributes:
        name: as in messages: "There is no … in this photo".
        height: share of the square's rows that hold the picture, 0…1.
    """

    name: str
    height: float = 1.0

    def rows(self, size: int) -> slice:
        """Give the rows of a square of `size` pixels that hold the picture."""
        bar = round(size * (1 - self.height) / 2)
        return slice(bar, size - bar)

    def trim(self, square: np.ndarray) -> np.ndarray:
        """Cut the bars off a picture or mask (H, H, …): (h, H, …) without a copy."""
        return square[self.rows(len(square))]

    def inner(self, quad: np.ndarray) -> np.ndarray:
        """Give the corners (4, 2) of the picture in a square given by its own, see `samm.crop.quad`."""
        top_left, bottom_left, _, _ = quad
        bar = (1 - self.height) / 2 * (bottom_left - top_left)
        return quad + np.stack([bar, -bar, -bar, bar])


FACES = Domain("face")
CARS = Domain("car", height=0.75)  # 512×384 pixels in 512×512; section 4.2 of the paper
