"""Hats: seen by the scorer, and left alone by edits.

A dark hat looks like dark hair to the generator, so neither SAMM's mask nor a poor drawing gives it away, and
an edit that greys the hair would grey the hat. The scorer knows it from 30,000 labeled faces: of 66 test
portraits seven of thirteen head coverings score .38 or more, and all 53 bare heads .31 or less, short black
hair highest. What it misses are scarves, a black cap and two knitted ones, most of them in SAMM's masks. Then
what lies above the brows stays the photo's, however clear the change.
"""

from __future__ import annotations

from torch import Tensor

from editing.places import CROWN, soft
from samm.method.regions import rise

__all__ = ["hat", "hat_score"]

WORN = (0.3, 0.4)  # the scorer's probability: surely no hat, surely one
EDGE_PX = 3.0  # deviation of the soft lower edge


def hat(photo_pm1: Tensor, size: int) -> Tensor:
    """Mark where a hat is on a face's crop (1, 3, S, S): (1, 1, size, size) in 0…1, all 0 without one."""
    return rise(hat_score(photo_pm1).sigmoid(), WORN) * soft(CROWN, size, EDGE_PX)


def hat_score(photo_pm1: Tensor) -> Tensor:
    """Give the scorer's logit of a hat on crops (N, 3, S, S): (N,)."""
    from editing.moves.scorer import photo_scores, signed  # torchvision takes a second

    return signed(photo_scores(photo_pm1), "wearing_hat")
