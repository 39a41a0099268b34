"""Generators: what the rest of the program asks of one.

Shapes: N batch, L style rows, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

__all__ = ["STYLE_DIM", "Adapt", "Generator"]

STYLE_DIM = 512  # numbers in w

# Called once per block with (resolution r, feature (N, C, r, r)) after the block's first styled convolution,
# or within it, before noise, bias and activation, where a generator says so; what it returns takes the
# feature's place. SAMM enters here, and features are read here.
Adapt = Callable[[int, Tensor], Tensor]


class Generator(nn.Module):
    """A generator over W+; a subclass supplies everything named here."""

    num_layers: int  # L, the rows of w_plus
    resolution: int  # edge of the finished picture in pixels
    w_mean: Tensor  # (512,), the mean of W
    mapping: Callable[[Tensor], Tensor]  # Gaussian noise (N, 512) to w (N, 512)

    @property
    def rgb_styles(self) -> tuple[int, ...]:
        """Indices of the styles that only color the picture: those of ToRGB and `to_img`."""
        raise NotImplementedError

    def styles(self, w_plus: Tensor) -> tuple[Tensor, ...]:
        """Map w_plus (N, L, 512) to s, the output (N, C) of each modulation layer in drawing order."""
        raise NotImplementedError

    def draw(self, styles: Sequence[Tensor], adapt: Adapt | None = None, size: int | None = None) -> Tensor:
        """Draw s, as `styles` gives it, as (N, 3, size, size), about -1…1 and not clamped.

        `size` is the full resolution if None; below it, the picture is the area-averaged full one.
        """
        raise NotImplementedError

    def synthesize(self, w_plus: Tensor, adapt: Adapt | None = None, size: int | None = None) -> Tensor:
        """Draw w_plus (N, L, 512) in one go."""
        return self.draw(self.styles(w_plus), adapt, size)
