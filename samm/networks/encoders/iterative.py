"""The iterative protocol of ReStyle (Alaluf et al. 2021): look at photo and current render, correct the code.

Shapes: N batch, L style rows, C channels, r map resolution.
"""

from __future__ import annotations

from torch import Tensor

from samm.networks.encoders import Code, Encoder
from samm.networks.generators import Generator

__all__ = ["Iterative"]


class Iterative(Encoder):
    """The loop w ← w + E(photo, G(w)); a subclass supplies the network E as `forward` and `pyramid`.

    Renders are the generator's own: SAMM takes no part in the loop.
    """

    input_size = 256
    mean_render: Tensor | None  # (1, 3, 256, 256), a buffer of the subclass

    def forward(self, photo_pm1: Tensor, render_pm1: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Give the W+ offset (N, L, 512) and the maps of one pass over photo and render, (N, 3, 256, 256)."""
        raise NotImplementedError

    def pyramid(self, photo_pm1: Tensor, render_pm1: Tensor) -> dict[int, Tensor]:
        """Give the maps of `forward` alone: maps[r] is (N, C_r, r, r)."""
        raise NotImplementedError

    def start(self, generator: Generator) -> Tensor:
        """Give the code (1, L, 512) of the first step."""
        return generator.w_mean.expand(1, generator.num_layers, -1)

    def prepare(self, generator: Generator) -> None:
        """Render the generator's mean face once: every code starts from it."""
        self.mean_render = generator.synthesize(self.start(generator), size=self.input_size)

    def first(self, generator: Generator) -> Tensor:
        """Give the mean face (1, 3, 256, 256), which the first pass looks at."""
        if self.mean_render is None:
            self.prepare(generator)
        assert self.mean_render is not None
        return self.mean_render

    def encode(self, photo_pm1: Tensor, generator: Generator, steps: int) -> Code:
        """Encode photo_pm1 (N, 3, 256, 256) in `steps` ≥ 1 passes from the mean face; maps of the last."""
        w_plus, maps = self.start(generator), {}
        for step in range(steps):
            render = generator.synthesize(w_plus, size=self.input_size) if step else self.first(generator)
            offset, maps = self(photo_pm1, render.expand_as(photo_pm1))
            w_plus = w_plus + offset
        return Code(w_plus, maps)

    def features(self, photo_pm1: Tensor, generator: Generator, w_plus: Tensor) -> dict[int, Tensor]:
        """Give the maps of one pass that looks at the photo and the render of w_plus."""
        return self.pyramid(photo_pm1, generator.synthesize(w_plus, size=self.input_size))
