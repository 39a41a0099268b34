"""The codes and features that SAMM learns with, from whatever encoder its stack has.

Codes at run time come straight from the encoder or are refined. So that better codes give smaller masks, the
code of a synthetic row moves toward its truth by t ~ U(0, 1). An iterative encoder sees the render of a code,
so features have to fit it; e4e sees the photo alone, and its features fit any code.

Shapes: N batch with n synthetic rows first, L style rows, S = 256 picture edge.
"""

from __future__ import annotations

import torch
from torch import Tensor

from samm.encoders import Code
from samm.encoders.iterative import Iterative
from samm.training.dice import Dice
from samm.training.networks import Networks, Painter

__all__ = ["draw_codes"]

GOES_ON = 0.75  # share of the real rows that take the last pass of an iterative encoder


def draw_codes(
    networks: Networks, painter: Painter, photo: Tensor, truth: Tensor, passes: int, dice: Dice
) -> Code:
    """Encode a batch as at run time, and let its synthetic rows come nearer to their truth.

    Args:
        networks: with the encoder, frozen.
        painter: draws what an iterative encoder looks at.
        photo: (N, 3, S, S) in -1…1.
        truth: (n, L, 512), the known codes of the first rows.
        passes: of an iterative encoder.
        dice: decides how near.
    """
    if isinstance(networks.encoder, Iterative):
        return _in_passes(networks, painter, photo, truth, passes, dice)
    with networks.autocast():
        code = networks.encoder.encode(photo, networks.generator, 1)
    return Code(_nearer(code.w_plus.float(), truth, dice), code.features)


def _in_passes(
    networks: Networks, painter: Painter, photo: Tensor, truth: Tensor, passes: int, dice: Dice
) -> Code:
    """Encode in passes. Synthetic rows stop before the last one, somewhere on the way to their truth.

    A share of the real rows stops there too, as a refined code does: its features see its own render.
    """
    encoder, n = networks.encoder, len(truth)
    w_plus = encoder.start(networks.generator).expand(len(photo), -1, -1)
    for step in range(passes - 1):
        render = painter.draw(w_plus) if step else encoder.mean_render.expand_as(photo)
        with networks.autocast():
            offset, _ = encoder(photo, render)
        w_plus = w_plus + offset.float()
    w_plus = _nearer(w_plus, truth, dice)
    with networks.autocast():
        offset, features = encoder(photo, painter.draw(w_plus))
    goes_on = torch.zeros(len(photo), 1, 1, dtype=torch.bool, device=photo.device)
    goes_on[n:] = dice.chance(GOES_ON, len(photo) - n, 1, 1)
    return Code(w_plus + offset.float() * goes_on, features)


def _nearer(w_plus: Tensor, truth: Tensor, dice: Dice) -> Tensor:
    """Move the first rows of w_plus (N, L, 512) toward their truth (n, L, 512), each by t ~ U(0, 1)."""
    n = len(truth)
    return torch.cat([w_plus[:n].lerp(truth, dice.uniform(n, 1, 1)), w_plus[n:]])
