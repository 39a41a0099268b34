"""The codes and features that SAMM learns with, from whatever encoder its preset has.

Codes at run time come straight from the encoder or are refined. So that better codes give smaller masks, the
code of a synthetic row moves toward its truth by t ~ U(0, 1). An iterative encoder sees the render of a code,
so features have to fit it; e4e sees the photo alone, and its features fit any code.

Shapes: N batch with n synthetic rows first, L style rows, S = 256 picture edge.
"""

from __future__ import annotations

import torch
from torch import Tensor

from samm.networks.encoders import Code
from samm.networks.encoders.iterative import Iterative
from samm.training.dice import Dice
from samm.training.networks import Compiler, Networks, Painter

__all__ = ["Coder"]

GOES_ON = 0.75  # share of the real rows that take the last pass of an iterative encoder


class Coder:
    """Encodes batches as at run time, and lets their synthetic rows come nearer to their truth.

    Args:
        networks: with the encoder, frozen.
        painter: draws what an iterative encoder looks at.
        passes: of an iterative encoder.
        dice: decides how near.
        compiler: of a pass.
    """

    def __init__(
        self,
        networks: Networks,
        painter: Painter,
        passes: int,
        dice: Dice,
        compiler: Compiler,
    ):
        self._networks, self._painter, self._passes, self._dice = networks, painter, passes, dice
        self._look = compiler(self._pass)

    def encode(self, photo: Tensor, truth: Tensor) -> Code:
        """Encode photo (N, 3, S, S) in -1…1, of whose first rows the codes, truth (n, L, 512), are known."""
        if isinstance(self._networks.encoder, Iterative):
            return self._in_passes(self._networks.encoder, photo, truth)
        w_plus, features = self._look(photo)
        return Code(self._nearer(w_plus, truth), features)

    def _in_passes(self, encoder: Iterative, photo: Tensor, truth: Tensor) -> Code:
        """Encode in passes. Synthetic rows stop before the last one, somewhere on the way to their truth.

        A share of the real rows stops there too, as a refined code does: its features see its own render.
        """
        generator, n = self._networks.generator, len(truth)
        w_plus = encoder.start(generator).expand(len(photo), -1, -1)
        for step in range(self._passes - 1):
            render = self._painter.draw(w_plus) if step else encoder.first(generator).expand_as(photo)
            w_plus = w_plus + self._look(photo, render)[0]
        w_plus = self._nearer(w_plus, truth)
        offset, features = self._look(photo, self._painter.draw(w_plus))
        goes_on = torch.zeros(len(photo), 1, 1, dtype=torch.bool, device=photo.device)
        goes_on[n:] = self._dice.chance(GOES_ON, len(photo) - n, 1, 1)
        return Code(w_plus + offset * goes_on, features)

    def _pass(self, *pictures: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Give what one pass of the encoder gives: w_plus, or its offset, in float32, and the features."""
        with self._networks.autocast():
            w_plus, features = self._networks.encoder(*pictures)
        return w_plus.float(), features

    def _nearer(self, w_plus: Tensor, truth: Tensor) -> Tensor:
        """Move the first rows of w_plus (N, L, 512) toward their truth (n, L, 512), each by t ~ U(0, 1)."""
        n = len(truth)
        return torch.cat([w_plus[:n].lerp(truth, self._dice.uniform(n, 1, 1)), w_plus[n:]])
