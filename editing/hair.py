"""Where a photo has no hair that could take a color: on a bald crown and under a head wrap.

A direction of W colors what the generator takes for hair. Of a bald head it draws a short-haired one, and
lightens the crown; of a head wrap it draws hair of the wrap's shape, and bleaches that. Two maps tell:

- bare: smooth and of the face's own hue, if the scorer sees a bald head at all, since blurred blond hair can
  look just so. Test portraits with hair score .07 or less, the bald ones .10 and more.
- covered: of another hue than the generator draws before the read-out, where SAMM keeps the photo. It draws
  wraps in the colors that hair has.

An edit of hair leaves out what is bare. Where most of what it would change is bare or covered, it is left out
altogether, since the rest is the rim of the same thing.

Shapes: S edge of the crop, V = `WORK_SIZE`; maps are (1, 1, V, V) in 0…1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editing.places import INNER_FACE, marked
from samm.inversion import Inversion
from samm.method.regions import blur, close, open_, rise, widen
from samm.networks.ops import area_resize

__all__ = ["Hairless", "bald_chance", "bare", "covered", "hairless_in"]

COMPARE_SIZE = 256  # edge at which texture is seen; its length below is in these pixels
WORK_SIZE = 128  # edge of the maps; the other lengths are in its pixels
BALD = (0.05, 0.10)  # the scorer's probability
HUE = (0.10, 0.18)  # sum of differences of the channels' shares: of the face's hue, of another
SHADE = (0.2, 0.4)  # of the face's lightness: too dark for skin, light enough
FINE_PX = 1.5  # deviation that parts texture from shape
TEXTURE = (1.0, 1.8)  # times the face's own: smooth as skin, rough as hair
SPECK_PX, HOLE_PX, RIM_PX = 2, 6, 2  # of the map of bare skin
OTHER = (0.10, 0.2)  # difference of hue, in colors of -1…1
KEPT = (0.2, 0.5)  # of SAMM's mask
THING_PX = 3  # half width of the smallest thing that covers hair


@dataclass(frozen=True)
class Hairless:
    """Both maps of a photo."""

    bare: Tensor
    covered: Tensor


def hairless_in(inversion: Inversion) -> Hairless:
    """See where the face of an inversion has no hair."""
    photo, drawn, _ = inversion.views_pm1
    return Hairless(bare(photo, bald_chance(photo)), covered(photo, drawn, inversion.predicted))


def bald_chance(photo_pm1: Tensor) -> float:
    """Give the scorer's probability of a bald head on a face's crop (1, 3, S, S)."""
    from editing.moves.scorer import chance  # torchvision takes a second

    return float(chance(photo_pm1, "bald"))


def bare(photo_pm1: Tensor, bald: float) -> Tensor:
    """Mark the bare skin of a head on a face's crop (1, 3, S, S) that is bald with the chance `bald`."""
    chance = rise(torch.tensor(bald), BALD)
    if not chance:
        return torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    photo = (area_resize(photo_pm1, COMPARE_SIZE) + 1) / 2
    face = marked(INNER_FACE, WORK_SIZE) > 0
    fine = (photo - blur(photo, FINE_PX)).abs().mean(1, keepdim=True)
    texture = blur(area_resize(fine, WORK_SIZE), SPECK_PX)
    color = area_resize(photo, WORK_SIZE)
    light = color.sum(1, keepdim=True)
    hue = color / light.clamp_min(0.05)
    usual = hue[:, :, face[0, 0]].median(2).values[..., None, None]
    skin = 1 - rise((hue - usual).abs().sum(1, keepdim=True), HUE)
    skin = skin * rise(light / light[face].median().clamp_min(0.05), SHADE)
    skin = skin * (1 - rise(texture / texture[face].median().clamp_min(1e-3), TEXTURE))
    return chance * widen(close(open_(skin, SPECK_PX), HOLE_PX), RIM_PX)


def covered(photo_pm1: Tensor, drawn_pm1: Tensor, predicted: Tensor) -> Tensor:
    """Mark what hides hair.

    Args:
        photo_pm1: (1, 3, S, S), a face's crop; this and the next two in any size.
        drawn_pm1: (1, 3, S, S), its aligned picture before the read-out.
        predicted: (1, 1, S, S) in 0…1, the mask of the inversion before it is cleared.
    """
    photo, drawn = (area_resize(x, WORK_SIZE) for x in (photo_pm1, drawn_pm1))
    difference = photo - drawn
    hue = blur(difference - difference.mean(1, keepdim=True), THING_PX).abs().amax(1, keepdim=True)
    things = rise(hue, OTHER) * rise(blur(area_resize(predicted, WORK_SIZE), THING_PX), KEPT)
    return widen(close(open_(things, THING_PX), HOLE_PX), THING_PX)
