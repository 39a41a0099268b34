"""A drawn picture of a photo's crop: what the generator drew, and the mask by which the photo joins it.

An inversion is a picture, and so is an edit. The mask's strength and what was painted over it are fields;
what they bring about is computed when it is first asked for, so `dataclasses.replace` with another strength,
or with paint, is all it takes to blend anew.

Shapes: L style rows, S edge of the picture, H W pixels of the photo. Masks: 1 keeps the photo's pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from samm.crop.crop import Crop
from samm.crop.domains import Domain
from samm.crop.png import save_png
from samm.method.blending import blend, final_mask
from samm.method.masking import check_strength
from samm.pixels import to_pm1, to_u8

__all__ = ["Picture"]


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture and its mask; plain CPU data that can be pickled.

    Attributes:
        crop: what is drawn, and where it lies in its photo.
        w_plus: (1, L, 512) float32, the code that was drawn.
        aligned_pm1: the generator's picture with aligned features, before blending, (1, 3, S, S) float32 in
            -1…1: x̂_in.
        gathered: the mask before strength and paint, (1, 1, S, S) float32 in 0…1.
        strength: of the mask; 0 = generator only, 1 = as predicted, up to 2 = keep more of the photo.
        keep: painted area that stays as in the photo, (1, 1, S, S) in 0…1.
        draw: painted area that the generator draws; wins over `keep`.

    Raises:
        OptionError: the strength is outside its range.
    """

    crop: Crop
    w_plus: Tensor
    aligned_pm1: Tensor = field(repr=False)
    gathered: Tensor = field(repr=False)
    strength: float = 1.0
    keep: Tensor | None = field(default=None, repr=False)
    draw: Tensor | None = field(default=None, repr=False)

    def __post_init__(self):
        """Check the strength."""
        check_strength(self.strength)

    @property
    def size(self) -> int:
        """S, the edge of the picture in pixels."""
        return self.aligned_pm1.shape[-1]

    @property
    def domain(self) -> Domain:
        """What is drawn; of all pictures and masks here only its rows are shown and measured."""
        return self.crop.domain

    @property
    def photo_u8(self) -> np.ndarray:
        """The photo's crop, uint8 (S, S, 3)."""
        return self.crop.pixels(self.size)

    @cached_property
    def photo_pm1(self) -> Tensor:
        """The photo's crop, (1, 3, S, S) float32 in -1…1."""
        return to_pm1(self.photo_u8)

    @cached_property
    def aligned(self) -> np.ndarray:
        """The generator's picture before blending, uint8 (S, S, 3)."""
        return to_u8(self.aligned_pm1)

    @cached_property
    def keep_photo(self) -> Tensor:
        """The mask that `blended` is made with, (1, 1, S, S) in 0…1."""
        return final_mask(self.gathered, self.strength, self.keep, self.draw)

    @cached_property
    def blended(self) -> np.ndarray:
        """The result x̂ of equation 4, uint8 (S, S, 3)."""
        return to_u8(blend(self.photo_pm1, self.aligned_pm1, self.keep_photo))

    @property
    def mask(self) -> np.ndarray:
        """`keep_photo` as an array, (S, S) float32 in 0…1."""
        return self.keep_photo[0, 0].numpy()

    @property
    def kept(self) -> float:
        """The share of the picture that `blended` keeps from the photo, 0…1."""
        return float(self.keep_photo[:, :, self.domain.rows(self.size)].mean())

    def whole(self) -> np.ndarray:
        """Paste the picture back into its photo: equation 4 at the photo's own resolution.

        Returns:
            uint8 (H, W, 3), or (H, W, 4) with the photo's own opacity.

        Raises:
            PhotoError: the photo's file cannot be read any more.
        """
        return self.crop.photo.file.with_alpha(self.crop.paste(self.aligned, self.mask))

    def portrait(self) -> np.ndarray:
        """Give the blended picture without its domain's bars, uint8 (h, S, 3), or 4 with the photo's opacity.

        Raises:
            PhotoError: the photo's file cannot be read any more.
        """
        file = self.crop.photo.file
        return self.domain.trim(file.crop_with_alpha(self.blended, self.crop.quad))

    def save(self, path: str | Path, whole: bool = False, text: dict[str, str] | None = None) -> None:
        """Write the blended picture, without its domain's bars, as PNG.

        Args:
            path: where to; folders are not created.
            whole: write the whole photo with the picture in it instead.
            text: fields to store in the file.

        Raises:
            PhotoError: the folder is missing, full or closed to writing, or the photo cannot be read any
                more.
        """
        save_png(self.whole() if whole else self.portrait(), path, text)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the large values that follow from the others."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
