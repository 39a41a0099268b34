"""What the loop asks of a trainer, and what the trainers of encoder and SAMM have in common.

Shapes: as in `samm.training.networks`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from samm.training.adversary import Adversary
from samm.training.data import FacePool
from samm.training.dice import Dice
from samm.training.networks import Compiler, Networks, Painter, Perception
from samm.training.stopwatch import Stopwatch

__all__ = ["Trainer", "seeded"]

Learner = TypeVar("Learner", bound=nn.Module)


class Trainer(ABC, Generic[Learner]):
    """One network that learns, among others that are frozen.

    Args:
        model: what learns.
        file_name: of its weights.
        networks: all of them; `model` is one.
        faces: real pictures.
        batch: rows in a step, of all processes.
        compiler: of the functions that take time.
        seed: of all draws.
        adversary: which plays against the model, if any does.
    """

    def __init__(
        self,
        model: Learner,
        file_name: str,
        networks: Networks,
        faces: FacePool,
        batch: int,
        compiler: Compiler,
        seed: int,
        adversary: Adversary | None,
    ):
        self.model, self.file_name = model.train().requires_grad_(True), file_name
        self.networks, self.faces, self.batch = networks, faces, batch
        self.device = networks.device
        self.dice = Dice(seed, self.device)
        self.painter = Painter(networks, compiler)
        self.perception = Perception(networks, compiler)
        self.adversary = adversary

    @abstractmethod
    def warm_up(self) -> None:
        """Run every variant of a step once, forward and backward, so that everything is compiled."""

    @abstractmethod
    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Take a batch; give the total to minimize and its unweighted terms."""

    @abstractmethod
    def judged(self) -> tuple[Tensor, Tensor]:
        """Give what is real to the adversary, and what the last step made; asked only if there is one."""

    @abstractmethod
    def validate(self, model: Learner) -> tuple[list[str], list[Tensor]]:
        """Judge `model` on held-out faces; give lines for the log and rows for a contact sheet."""

    def fooled(self, fake: Tensor) -> Tensor:
        """Give the adversarial loss of what made `fake`; only where there is an adversary."""
        assert self.adversary is not None
        return self.adversary.fooled_by(fake)

    def after_step(self, watch: Stopwatch) -> None:
        """Teach the adversary with what this step made."""
        if self.adversary is not None:
            with watch.part("discriminator"):
                self.adversary.learn(*self.judged())

    def state_dict(self) -> dict[str, Any]:
        """Give all that a resumed run needs besides model and optimizer."""
        return {
            "dice": self.dice.state_dict(),
            "adversary": self.adversary and self.adversary.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.dice.load_state_dict(state["dice"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])


def seeded(make: Callable[[], Learner], seed: int, device: torch.device) -> Learner:
    """Construct a network from a seed of its own, and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):  # constructors draw from it
        torch.manual_seed(seed)
        return make().to(device)
