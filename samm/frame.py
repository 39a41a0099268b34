"""Where a picture lies in the square that networks see.

Everything inside the program is square, as generators are. A picture that is wider than high fills the middle
rows of the square and leaves bars above and below.

Letters: H edge of a square, h rows of its picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["SQUARE", "Frame"]


@dataclass(frozen=True)
class Frame:
    """The rows of a square that hold a picture.

    Attributes:
        height: share of the square's rows that hold the picture, above 0, at most 1.
    """

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


SQUARE = Frame()  # without bars
