"""Keep an edit to its place: what a direction drags along elsewhere is taken out of the drawing.

A direction of W moves what goes together in faces, so blond hair comes with light skin and blue eyes, and a
smile with narrow eyes. In an aligned crop each attribute has its place, and outside of it the drawing stays
as it was. Hair has no fixed outline: within its place only what changes clearly counts, since hair takes the
new color and skin, wall and coat just take a tint. What is known to be no hair is left out.

Of glasses that are put on the frames are wanted. Lenses are drawn tinted or shining, so what changes there
over an area is taken out as well, and what is as thin as a frame stays.

Gaze and mouth make an expression, and eyes are what a face is known by. Their drawings are blurred, and most
attributes have nothing to do with them: people look and smile at any age as they do. So those leave them.

Shapes: N pictures, S edge of the picture, V edge of the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from editing.hair import Hairless
from editing.places import FRINGE, GAZE, GLASSES, HAIR, HEAD, NECK, REGIONS, WHOLE_MOUTH, Region, soft
from samm.method.regions import apart, blur, median, rise
from samm.networks.ops import area_resize, scaled

__all__ = ["changes_hair", "focus", "parted", "placed"]

COMPARE_SIZE = 256  # edge at which pictures are compared
WORK_SIZE = 128  # edge of the map made from that; lengths below are its pixels
EDGE_PX = 5.0  # deviation of a place's soft outline
SOFT_PX = 1.5  # and of the change's blur
CLEAREST = 0.98  # quantile of the change that is an edit's clearest
TINT = {HAIR.name: (0.25, 0.5), FRINGE.name: (0.4, 0.7)}  # shares of it: just a tint, surely a new color
MOSTLY = (0.6, 0.72)  # share of the hair that an edit finds which is none: colored all the same, left alone
# What attributes have nothing to do with, as a neck, which some dress otherwise; and glasses that are put on.
SPARED = {
    **dict.fromkeys(("age", "gender"), (GAZE, WHOLE_MOUTH, NECK)),
    **dict.fromkeys(("makeup", "skin", "eyebrows", "bangs"), (GAZE,)),
}
AROUND_EYES = {"eyes_open", "eyebrows", "makeup", "skin"}  # these change areas there, beside glasses
LENS_PX = 5  # half width of what is wider than a frame
SPARED_PX = {GAZE: 2.5, WHOLE_MOUTH: 5.0, NECK: 4.0}  # deviations of their soft outlines


def placed(attributes: Iterable[str]) -> set[str]:
    """Tell which of some attributes have a place of their own in a face's crop."""
    return {name for name in attributes if name in REGIONS and REGIONS[name] is not HEAD}


def parted(attributes: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Part attributes, strengths by name, into those with a place and those that change all of a head."""
    of_a_place = placed(attributes)
    in_places = {name: strength for name, strength in attributes.items() if name in of_a_place}
    return in_places, {name: strength for name, strength in attributes.items() if name not in of_a_place}


def changes_hair(attributes: Iterable[str]) -> bool:
    """Tell whether any of some attributes lives in the hair."""
    return any(REGIONS.get(name) is HAIR for name in attributes)


def focus(
    before_pm1: Tensor,
    after_pm1: Tensor,
    attributes: Mapping[str, float],
    hairless: Hairless | None = None,
) -> Tensor:
    """Take back what attributes change where it is none of their business.

    Args:
        before_pm1: (1, 3, S, S), the drawing without them.
        after_pm1: (1, 3, S, S), the one with them and nothing else new.
        attributes: their strengths by name; without any, all stays as it is drawn.
        hairless: where the photo has no hair, if that is known.
    """
    if not attributes:
        return after_pm1
    if attributes.get("glasses", 0) > 0 and not attributes.keys() & AROUND_EYES:
        after_pm1 = _untinted(before_pm1, after_pm1)
    place = torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    # Several attributes may be of one place, and that of hair takes a while to find.
    for region, spared in {(REGIONS.get(n, HEAD), _spared(n, s)) for n, s in attributes.items()}:
        if region is HAIR:
            outline = _hair(before_pm1, after_pm1, hairless)
        else:
            outline = torch.ones_like(place) if region is HEAD else soft(region, WORK_SIZE, EDGE_PX)
        for part in spared:
            outline = outline * (1 - soft(part, WORK_SIZE, SPARED_PX[part]))
        place = place.maximum(outline)
    if bool((place == 1).all()):
        return after_pm1
    return torch.lerp(before_pm1, after_pm1, scaled(place, before_pm1.shape[-1]))


def _spared(name: str, strength: float) -> tuple[Region, ...]:
    """Tell what an attribute leaves alone; glasses only where they are put on, as the eyes appear without."""
    return (GAZE,) if name == "glasses" and strength > 0 else SPARED.get(name, ())


def _untinted(before_pm1: Tensor, after_pm1: Tensor) -> Tensor:
    """Take the tint of the lenses out of glasses that are put on."""
    within = soft(GLASSES, WORK_SIZE, SPARED_PX[GAZE])
    rows, columns = (within[0, 0].amax(dim).nonzero()[:, 0] for dim in (1, 0))
    box = (..., slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    tint = torch.zeros(1, 3, WORK_SIZE, WORK_SIZE)
    tint[box] = median(area_resize(after_pm1 - before_pm1, WORK_SIZE)[box], LENS_PX)
    return after_pm1 - scaled(tint * within, after_pm1.shape[-1])


def _hair(before_pm1: Tensor, after_pm1: Tensor, hairless: Hairless | None) -> Tensor:
    """Find the hair that an edit colors, (1, 1, V, V) in 0…1."""
    before, after = (area_resize(x, COMPARE_SIZE) for x in (before_pm1, after_pm1))
    change = blur(apart(before, after, WORK_SIZE), SOFT_PX)
    change = change / change.flatten().quantile(CLEAREST).clamp_min(1e-6)
    hair, fringe = (soft(part, WORK_SIZE, EDGE_PX) * rise(change, TINT[part.name]) for part in (HAIR, FRINGE))
    outline = hair.maximum(fringe)
    if hairless is None:
        return outline
    shares = [(hair * part).sum() / hair.sum().clamp_min(1e-6) for part in (hairless.bare, hairless.covered)]
    return outline * (1 - blur(hairless.bare, SOFT_PX)) * (1 - rise(torch.stack(shares).amax(), MOSTLY))
