"""What an edited picture carries over from the photo: all that its drawing leaves as it was.

The generator draws a change well and a face only nearly. So what the un-edited drawing misses of the photo is
added to the edited one, as far as the edit leaves its reason in place. The rest has two parts, which end at
different limits: color and light stay wherever the drawing keeps about the same color, and detail (pores,
strands, the weave of a hat) wherever it keeps its structure, though its color may have changed.

    x̂_edit + s · high(x − x̂) + c · low(x − x̂)

with x̂ the un-edited drawing, x̂_edit the edited one, s the structure that stays and c the color. Where an edit
does nothing this is the photo itself; where it moves something, it is what the generator draws.

Shapes: S edge of the picture, V edge of views.
"""

from __future__ import annotations

from torch import Tensor

from samm.method.regions import apart, blur, rise
from samm.networks.ops import area_resize, scaled

__all__ = ["carry"]

COMPARE_SIZE = 256  # edge at which pictures are compared
WORK_SIZE = 128  # edge of the maps made from that; lengths below are its pixels, but for `LOW_PX`
COLOR = (0.1, 0.4)  # largest channel's change, of a range of 2: all of the color stays, none of it stays
STRUCTURE = (0.03, 0.10)  # the same of the change's fine part
LOW_PX = 4.0  # deviation that parts low from high, at COMPARE_SIZE
SOFT_PX = 2.0


def carry(photo_pm1: Tensor, before_pm1: Tensor, after_pm1: Tensor) -> Tensor:
    """Add to an edited drawing what of the photo it should still show.

    Args:
        photo_pm1: (1, 3, S, S), the crop.
        before_pm1: (1, 3, S, S), the un-edited drawing.
        after_pm1: (1, 3, S, S), the edited one.

    Returns:
        (1, 3, S, S) in -1…1.
    """
    size = photo_pm1.shape[-1]
    before, after = (area_resize(picture, COMPARE_SIZE) for picture in (before_pm1, after_pm1))
    change = after - before
    fine = (change - blur(change, LOW_PX)).abs().amax(1, keepdim=True)
    structure = scaled(1 - rise(blur(area_resize(fine, WORK_SIZE), SOFT_PX), STRUCTURE), size)
    color = scaled(1 - rise(blur(apart(before, after, WORK_SIZE), SOFT_PX), COLOR), size)
    missing = photo_pm1 - before_pm1
    low = scaled(blur(area_resize(missing, COMPARE_SIZE), LOW_PX), size)
    return (after_pm1 + structure * (missing - low) + color * low).clamp(-1, 1)
