"""Random draws from explicit generators: no global seed, and a resumed run continues the same sequence.

Where several processes share a batch, each draws for all rows and keeps its own: its stream is its part of
one stream, and a row's numbers do not depend on how many processes there are. Random numbers cost next to
nothing beside the networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from samm.training import parallel

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """One generator on the device for tensors, one on the host for decisions that must not wait for it.

    The first dimension of every tensor counts rows of this process; decisions are common to all.
    """

    def __init__(self, seed: int, device: torch.device | str):
        self.device = torch.device(device)
        self._tensors = torch.Generator(self.device).manual_seed(seed)
        self._decisions = torch.Generator().manual_seed(seed + 1)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw a tensor from U(low, high)."""
        drawn = self._own(shape, lambda whole: torch.rand(whole, generator=self._tensors, device=self.device))
        return drawn * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Draw a tensor of standard normal values."""
        return self._own(shape, lambda whole: torch.randn(whole, generator=self._tensors, device=self.device))

    def below(self, limit: int, *shape: int) -> Tensor:
        """Draw integers 0…limit − 1."""
        return self._own(
            shape, lambda whole: torch.randint(limit, whole, generator=self._tensors, device=self.device)
        )

    def chance(self, probability: float, *shape: int) -> Tensor:
        """Draw booleans that are true with the given probability."""
        return self.uniform(*shape) < probability

    def pick(self, weights: Tensor, n: int) -> Tensor:
        """Draw n indices of `weights` (K,), on the device, in proportion to them and with replacement."""
        return self._own(
            (n,), lambda whole: torch.multinomial(weights, *whole, replacement=True, generator=self._tensors)
        )

    def choose(self, options: Sequence[T]) -> T:
        """Decide for one of the options, each equally likely."""
        return options[int(torch.randint(len(options), (), generator=self._decisions))]

    def state_dict(self) -> dict[str, Tensor]:
        """Give the state of both generators."""
        return {"tensors": self._tensors.get_state(), "decisions": self._decisions.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where `state_dict` was taken."""
        self._tensors.set_state(state["tensors"].cpu())
        self._decisions.set_state(state["decisions"].cpu())

    def _own(self, shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
        rows = shape[0]
        whole = draw((rows * parallel.size(), *shape[1:]))
        return whole[parallel.rank() * rows :][:rows]
