"""Keep an edit to its place: what a direction drags along elsewhere is taken out of the drawing.

A direction of W moves what goes together in faces, so blond hair comes with light skin and blue eyes, and a
smile with narrow eyes. In an aligned crop each attribute has its place, and outside of it the drawing stays
as it was. Hair has no fixed outline: within its place only what changes clearly counts, since hair takes the
new color and skin, wall and coat just take a tint. What is known to be no hair is left out.

Gaze and mouth make an expression, and eyes are what a face is known by. Their drawings are blurred, and most
attributes have nothing to do with them: people look and smile at any age as they do. So those leave them.

Shapes: N pictures, S edge of the picture, V edge of the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from editing.hair import Hairless
from editing.places import FRINGE, GAZE, HAIR, HEAD, NECK, REGIONS, WHOLE_MOUTH, soft
from samm.method.regions import apart, blur, rise
from samm.networks.ops import area_resize, scaled

__all__ = ["changes_hair", "focus", "placed"]

COMPARE_SIZE = 256  # edge at which pictures are compared
WORK_SIZE = 128  # edge of the map made from that; lengths below are its pixels
EDGE_PX = 5.0  # deviation of a place's soft outline
SOFT_PX = 1.5  # and of the change's blur
CLEAREST = 0.98  # quantile of the change that is an edit's clearest
TINT = {HAIR.name: (0.25, 0.5), FRINGE.name: (0.4, 0.7)}  # shares of it: just a tint, surely a new color
GAZE_PX = 2.5  # likewise of the eyes between their lids
SPARES_GAZE = frozenset({"age", "gender", "makeup", "skin", "eyebrows", "bangs"})  # and glasses put on
SPARES_MOUTH = frozenset({"age", "gender"})  # and the neck, which they dress otherwise
NECK_PX = 4.0
MOSTLY = (0.6, 0.72)  # share of the hair that an edit finds which is none: colored all the same, left alone


def placed(attributes: Iterable[str]) -> set[str]:
    """Tell which of some attributes have a place of their own in a face's crop."""
    return {name for name in attributes if name in REGIONS and REGIONS[name] is not HEAD}


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
    place = torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    for name, strength in attributes.items():
        region = REGIONS.get(name, HEAD)
        if region is HAIR:
            outline = _hair(before_pm1, after_pm1, hairless)
        else:
            outline = torch.ones_like(place) if region is HEAD else soft(region, WORK_SIZE, EDGE_PX)
        place = place.maximum(outline * (1 - _spared(name, strength)))
    if not attributes or bool((place == 1).all()):
        return after_pm1
    return torch.lerp(before_pm1, after_pm1, scaled(place, before_pm1.shape[-1]))


def _spared(name: str, strength: float) -> Tensor:
    """Mark what of gaze, mouth and neck an attribute leaves alone: (1, 1, V, V) in 0…1."""
    spared = torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    if name in SPARES_GAZE or (name == "glasses" and strength > 0):  # which, taken off, uncover the eyes
        spared = spared.maximum(soft(GAZE, WORK_SIZE, GAZE_PX))
    if name in SPARES_MOUTH:
        spared = spared.maximum(soft(WHOLE_MOUTH, WORK_SIZE, EDGE_PX))
        spared = spared.maximum(soft(NECK, WORK_SIZE, NECK_PX))
    return spared


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
