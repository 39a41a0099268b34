"""What an edited picture carries over from the photo: all that its drawing leaves as it was.

The generator draws a change well and a face only nearly. So what the un-edited drawing misses of the photo is
added to the edited one, as far as the edit leaves its reason in place. The rest has two parts, which end at
different limits: color and light stay wherever the drawing keeps about the same color, and detail (pores,
strands, the weave of a hat) wherever it keeps its structure, though its color may have changed.

    x̂_edit + s · high(W(x − x̂)) + c · low(W(x − x̂))

with x̂ the un-edited drawing, x̂_edit the edited one, s the structure that stays and c the color. W lets it all
move along where the face moves, as cheeks and nostrils do in a smile; s and c then judge W(x̂). Where an edit
does nothing this is the photo itself; where it changes something, it is what the generator draws. Beside a
mouth that moves a strong line is a fold, and goes sooner than pores do. On the skin of a face that becomes
younger all of the detail goes in part, since a wrinkle is one, too.

Shapes: S edge of the picture, V edge of views.
"""

from __future__ import annotations

import torch
from torch import Tensor

from editing.places import CREASES, FACE_SKIN, GLASSES, INNER_FACE, soft
from samm.method.alignment import warp
from samm.method.motion import SIZES, follow
from samm.method.regions import apart, blur, rise, widen
from samm.networks.ops import area_resize, scaled

__all__ = ["carry", "face_motion", "smoothing"]

COMPARE_SIZE = 256  # edge at which pictures are compared
WORK_SIZE = 128  # edge of the maps made from that; lengths below are its pixels, but for `LOW_PX`
COLOR = (0.1, 0.4)  # largest channel's change, of a range of 2: all of the color stays, none of it stays
STRUCTURE = (0.03, 0.10)  # the same of the change's fine part
LOW_PX = 4.0  # deviation that parts low from high, at COMPARE_SIZE
SOFT_PX = 2.0
FACE_PX, CREASE_PX = 6.0, 5.0  # deviations of the outlines of what moves and of where folds are
MOVES = 0.1  # change in the face below which nothing is taken to move
WAY = (0.5, 2.0)  # pixels that a fold's surroundings move: it stays as it is, it goes
WAY_PX = 4  # how far around
SMOOTH, SMOOTHEST = 0.4, 0.8  # of the skin's detail that goes with a deviation younger, and at most
SKIN_PX = 2.5  # deviation of the skin's outline
WORN = (0.25, 0.45)  # the scorer's probability of glasses: none, surely some
FOLD = 0.05  # mean strength of a line that counts twice


def face_motion(before_pm1: Tensor, after_pm1: Tensor) -> Tensor:
    """See how the face itself moves between two drawings (1, 3, S, S): a flow (1, 2, V, V), see `motion`."""
    size = SIZES[-1]
    before, after = (area_resize(picture, size) for picture in (before_pm1, after_pm1))
    place = soft(INNER_FACE, size, FACE_PX)
    if (place * apart(before, after, size)).max() < MOVES:
        return torch.zeros(1, 2, size, size)
    return place * follow(torch.zeros(1, 2, SIZES[0], SIZES[0]), before, after)


def carry(
    photo_pm1: Tensor,
    before_pm1: Tensor,
    after_pm1: Tensor,
    flow: Tensor | None = None,
    smoothed: Tensor | None = None,
) -> Tensor:
    """Add to an edited drawing what of the photo it should still show.

    Args:
        photo_pm1: (1, 3, S, S), the crop.
        before_pm1: (1, 3, S, S), the un-edited drawing.
        after_pm1: (1, 3, S, S), the edited one.
        flow: (1, 2, V, V), how a face moves, from `face_motion`; nothing does if None.
        smoothed: (1, 1, V, V) in 0…1, the share of detail that goes, from `smoothing`; none if None.

    Returns:
        (1, 3, S, S) in -1…1.
    """
    size = photo_pm1.shape[-1]
    before, after = (area_resize(picture, COMPARE_SIZE) for picture in (before_pm1, after_pm1))
    missing = photo_pm1 - before_pm1
    if flow is not None and flow.any():
        missing, before = (warp(x, scaled(flow, x.shape[-1])) for x in (missing, before))
    seen = area_resize(missing, COMPARE_SIZE)
    low = blur(seen, LOW_PX)
    fine = _fine(after - before)
    if flow is not None:
        fine = fine * (1 + _folds(flow) * _fine(seen) / FOLD)
    structure = 1 - rise(fine, STRUCTURE)
    structure = scaled(structure if smoothed is None else structure * (1 - smoothed), size)
    color = scaled(1 - rise(blur(apart(before, after, WORK_SIZE), SOFT_PX), COLOR), size)
    low = scaled(low, size)
    return (after_pm1 + structure * (missing - low) + color * low).clamp(-1, 1)


def smoothing(younger: float, photo_pm1: Tensor) -> Tensor | None:
    """Give the share of detail that skin loses as a face becomes younger by some deviations.

    Args:
        younger: deviations.
        photo_pm1: (1, 3, S, S), the face's crop; skin behind glasses keeps its detail, for frames are thin.

    Returns:
        (1, 1, V, V) in 0…1; None where it becomes older or stays as it is.
    """
    if younger <= 0:
        return None
    skin = soft(FACE_SKIN, WORK_SIZE, SKIN_PX)
    if glasses := glasses_chance(photo_pm1):
        skin = skin * (1 - glasses * soft(GLASSES, WORK_SIZE, SKIN_PX))
    return min(SMOOTH * younger, SMOOTHEST) * skin


def glasses_chance(photo_pm1: Tensor) -> float:
    """Tell by the scorer whether a face's crop (1, 3, S, S) has glasses, 0…1."""
    from editing.moves.scorer import chance  # torchvision takes a second

    return float(rise(chance(photo_pm1, "eyeglasses"), WORN))


def _fine(picture: Tensor) -> Tensor:
    """Measure the fine part of a picture around each place: (1, 1, V, V)."""
    fine = (picture - blur(picture, LOW_PX)).abs().amax(1, keepdim=True)
    return blur(area_resize(fine, WORK_SIZE), SOFT_PX)


def _folds(flow: Tensor) -> Tensor:
    """Mark where lines of the photo are folds that a moving mouth makes or takes: (1, 1, V, V) in 0…1."""
    way_px = scaled(flow, WORK_SIZE).square().sum(1, keepdim=True).sqrt() * (WORK_SIZE / 2)
    return rise(widen(way_px, WAY_PX), WAY) * soft(CREASES, WORK_SIZE, CREASE_PX)
