"""Random draws from explicit generators: no global seed, and a resumed run continues the same sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """One generator on the device for tensors, one on the host for decisions that must not wait for it."""

    def __init__(self, seed: int, device: torch.device | str):
        self.device = torch.device(device)
        self._tensors = torch.Generator(self.device).manual_seed(seed)
        self._decisions = torch.Generator().manual_seed(seed + 1)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw a tensor from U(low, high)."""
        return torch.rand(shape, generator=self._tensors, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Draw a tensor of standard normal values."""
        return torch.randn(shape, generator=self._tensors, device=self.device)

    def below(self, limit: int, *shape: int) -> Tensor:
        """Draw integers 0…limit − 1."""
        return torch.randint(limit, shape, generator=self._tensors, device=self.device)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """Draw booleans that are true with the given probability."""
        return self.uniform(*shape) < probability

    def pick(self, weights: Tensor, n: int) -> Tensor:
        """Draw n indices of `weights` (K,), on the device, in proportion to them and with replacement."""
        return torch.multinomial(weights, n, replacement=True, generator=self._tensors)

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
