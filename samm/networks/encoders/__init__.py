"""Encoders: what the rest of the program asks of one.

Shapes: N batch, L style rows, C channels, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from samm.networks.generators import Generator

__all__ = ["Code", "Encoder"]


@dataclass(frozen=True)
class Code:
    """What an encoder knows of a photo: w_plus (N, L, 512) and features[r] (N, C_r, r, r) for SAMM."""

    w_plus: Tensor
    features: dict[int, Tensor]


class Encoder(nn.Module):
    """A network that finds a latent code for a photo; a subclass supplies everything named here."""

    input_size: int  # edge of the picture it looks at, in pixels
    default_steps: int  # passes that it was trained, or published, to take

    def prepare(self, generator: Generator) -> None:
        """Compute once what depends on the generator alone."""
        raise NotImplementedError

    def encode(self, photo_pm1: Tensor, generator: Generator, steps: int) -> Code:
        """Encode photo_pm1 (N, 3, input_size, input_size) in -1…1 in `steps` passes."""
        raise NotImplementedError

    def features(self, photo_pm1: Tensor, generator: Generator, w_plus: Tensor) -> dict[int, Tensor]:
        """Give the feature pyramid of a photo whose code is known already, e.g. refined."""
        raise NotImplementedError
