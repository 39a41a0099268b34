"""Generators: what the rest of the program asks of one.

Shapes: N batch, L style rows, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

__all__ = ["LEVELS", "ROWS", "STYLE_DIM", "Adapt", "Generator"]

STYLE_DIM = 512  # of z, of w, and of each row of w_plus
ROWS = 18  # of StyleGAN2 at 1024 pixels, by which everybody numbers them; others have the first of these
# Rows (start, stop) of what Karras et al. 2019 find in them: pose and shape, features, color and texture.
LEVELS = {"coarse": (0, 4), "medium": (4, 8), "fine": (8, ROWS)}

# Called once per block with (resolution r, feature (N, C, r, r)) after the block's first styled convolution,
# or within it, before noise, bias and activation, where a generator says so; what it returns takes the
# feature's place. SAMM enters here, and features are read here.
Adapt = Callable[[int, Tensor], Tensor]


class Generator(nn.Module):
    """A generator over W+: all that the rest of the program knows of one; a subclass supplies every member.

    Another generator is such a subclass, and an entry in `samm.models.PRESETS`.
    """

    num_layers: int  # L, the rows of w_plus
    resolution: int  # edge of the finished picture in pixels
    w_mean: Tensor  # (512,), the mean of W
    mapping: Callable[[Tensor], Tensor]  # Gaussian noise (N, 512) to w (N, 512)

    def __init__(self):
        super().__init__()
        self.reader: nn.Module | None = None  # reads sketches off a map; without it they are full drawings

    @property
    def rgb_styles(self) -> tuple[int, ...]:
        """Indices of the styles that only color the picture: those of ToRGB and `to_img`."""
        raise NotImplementedError

    def tunable(self) -> dict[str, nn.Parameter]:
        """Give its own weights that tuning may bend, by name: those of the blocks from 8² to 128²."""
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

    def sketch(self, styles: Sequence[Tensor], size: int) -> Tensor:
        """Draw s small and about right, (N, 3, size, size), as quickly as can be.

        For searches, which look at a picture and show it to nobody.
        """
        return self.draw(styles, size=size)
