"""e4e, "encoder for editing" (Tov et al. 2021): one pass, codes close to W. The paper's main encoder.

Names of modules and parameters are those of omertov/encoder4editing (MIT), so the `encoder.*` part of its
checkpoints loads unchanged; the code is our own.

Pictures that are wider than high, as those of cars are, are looked at without their bars: the network sees
192 of 256 rows, as published, and each map is framed again so that it lies over the generator's feature.

Shapes: N batch, L style rows, C channels, H W pixels, r map resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.frame import SQUARE, Frame
from samm.networks.encoders import Code, Encoder
from samm.networks.encoders.ir_se import DEPTHS, IRSE, WIDTHS, StyleHead, codes
from samm.networks.generators import STYLE_DIM, Generator
from samm.networks.ops import module_list

__all__ = ["E4E"]

HEAD_SIZES = {16: 3, 32: 7}  # rows below 3 are read off the 16² map, below 7 off the 32² one, others off 64²


class E4E(Encoder, IRSE):
    """IR-SE-50, a feature pyramid from 16² up to 64², and one head for each style row."""

    input_size = 256
    default_steps = 1
    latent_avg: Tensor  # (L, 512)

    def __init__(
        self,
        num_layers: int = 18,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        frame: Frame = SQUARE,
    ):
        super().__init__(3, widths, depths)
        self.frame = frame
        coarse, middle = HEAD_SIZES[16], HEAD_SIZES[32]
        self.sizes = [16] * coarse + [32] * (middle - coarse) + [64] * (num_layers - middle)
        self.styles = module_list(StyleHead(widths[-1], size) for size in self.sizes)
        self.latlayer1 = nn.Conv2d(widths[3], widths[-1], 1)
        self.latlayer2 = nn.Conv2d(widths[2], widths[-1], 1)
        self.register_buffer("latent_avg", torch.zeros(num_layers, STYLE_DIM))

    def forward(self, photo_pm1: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Map photo_pm1 (N, 3, 256, 256) to w_plus (N, L, 512) and the framed maps of 256² to 16²."""
        maps = self._look(photo_pm1)
        pyramid = {16: maps[16]}
        pyramid[32] = _enlarge_and_add(pyramid[16], self.latlayer1(maps[32]))
        pyramid[64] = _enlarge_and_add(pyramid[32], self.latlayer2(maps[64]))
        w_plus = self.latent_avg + codes(self.styles, [pyramid[size] for size in self.sizes])
        return w_plus, self._with_bars(maps)

    def prepare(self, generator: Generator) -> None:
        """Do nothing: no render is looked at."""

    def encode(self, photo_pm1: Tensor, generator: Generator, steps: int) -> Code:
        """Encode photo_pm1 (N, 3, 256, 256); always one pass, whatever `steps` is."""
        return Code(*self(photo_pm1))

    def features(self, photo_pm1: Tensor, generator: Generator, w_plus: Tensor) -> dict[int, Tensor]:
        """Give the photo's maps (N, C_r, r, r), which do not depend on w_plus."""
        return self._with_bars(self._look(photo_pm1))

    def _look(self, photo_pm1: Tensor) -> dict[int, Tensor]:
        """Give the maps of the rows that hold the picture, by width."""
        return self.maps(photo_pm1[:, :, self.frame.rows(self.input_size)])

    def _with_bars(self, maps: dict[int, Tensor]) -> dict[int, Tensor]:
        """Repeat the outer rows of each map where the bars are, so that it is (N, C_r, r, r)."""
        bars = {r: self.frame.rows(r).start for r in maps}
        return {
            r: F.pad(x, (0, 0, bars[r], bars[r]), mode="replicate") if bars[r] else x for r, x in maps.items()
        }


def _enlarge_and_add(coarse: Tensor, fine: Tensor) -> Tensor:
    """Enlarge coarse (N, C, H, W) to the size of fine, and add both."""
    return F.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=True) + fine
