"""One-click protection: where a photo's hat, a hand before the face, and its background lie.

What there is of a head is divided by `editing.parts`; whether a hat is worn says `editing.hats`. What SAMM's
mask keeps before the face, or is skin beside it that was not drawn, is a hand or what it holds.

Shapes: S edge of a picture, E = 128 of the maps that are worked on, as in `parts`;
masks are (1, 1, H, W) in 0…1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from editing.hats import crown_kept, worn
from editing.masks import disagreement
from editing.parts import BROWS, SEEDS, WORK_SIZE, above, boxes, parts_of
from editing.places import Ellipse, marked
from samm.inversion import Inversion
from samm.method.regions import blur, close, open_, rise, widen
from samm.networks.ops import area_resize

__all__ = ["REGIONS", "regions"]

REGIONS = ("hat", "hand", "background")
HAT_KEPT = 0.5  # share of the crown that SAMM keeps, above which a hat is offered: it is but an offer
SKIN = (1.4, 2.4)  # deviations from the face's colors: surely skin, surely none
FOREIGN = (0.06, 0.2)  # disagreement of photo and drawing, of a range of 2
FACE = Ellipse(0, 0.24, 0.5, 0.52)  # what hands come before
GROWN_PX = 12  # how far a thing before the face reaches beyond it
THING_PX = 3  # half width of the smallest hand
LEAST = {"hat": 0.03, "hand": 0.01, "background": 0.04}  # share of the crop
FEATHER_PX = 0.8


def regions(inversion: Inversion) -> dict[str, Tensor]:
    """Find what can be protected with one click.

    Args:
        inversion: of a face.

    Returns:
        Of `REGIONS` those that are there: masks (1, 1, S, S) in 0…1, to unite with `keep`. "hand" also holds
        what else is before the face, such as a microphone or paint.
    """
    kept = area_resize(inversion.predicted, WORK_SIZE)
    parts = parts_of(inversion)
    crown = above(parts["crown"], BROWS)
    found = {"background": parts["background"], "hand": _hand(inversion, parts, kept)}
    if worn(inversion, parts) > 0.5 or crown_kept(inversion, parts) > HAT_KEPT:
        found["hat"] = crown
        found["hand"] = found["hand"].minimum(1 - widen(crown, 1))
    found["background"] = found["background"].minimum(1 - found["hand"])
    tidy = {name: close(open_(found[name], 2), THING_PX) for name in REGIONS if name in found}
    return {
        name: _finished(mask, inversion.size)
        for name, mask in tidy.items()
        if float(mask.mean()) > LEAST[name]
    }


def _hand(inversion: Inversion, parts: dict[str, Tensor], kept: Tensor) -> Tensor:
    """Find what the mask keeps before the face, and skin that it keeps elsewhere."""
    photo, drawn, _ = inversion.views_pm1
    foreign = rise(disagreement(photo, drawn, 1.5), FOREIGN) * rise(kept, (0.3, 0.6))
    before = _grown(foreign * marked(FACE, WORK_SIZE) * (1 - above(torch.ones_like(kept), BROWS)), foreign)
    skin = _skin(area_resize(photo, WORK_SIZE), parts["face"])
    undrawn = rise(kept, (0.2, 0.5)) * (1 - _skin(area_resize(drawn, WORK_SIZE), parts["face"]))
    skin = open_(skin * undrawn * (1 - marked(FACE, WORK_SIZE)), 2)
    return before.maximum(skin)


def _skin(photo_pm1: Tensor, face: Tensor) -> Tensor:
    """Tell how much a pixel looks like the face's own skin."""
    pixels = photo_pm1[0].flatten(1)  # (3, P)
    of_face = pixels[:, (face * boxes(SEEDS["face"])).flatten() > 0.5]
    middle = of_face.median(1, keepdim=True).values
    spread = torch.cov(of_face) + 0.003 * torch.eye(3)
    apart = pixels - middle
    deviations = (apart * torch.linalg.solve(spread, apart)).sum(0).sqrt().view(1, 1, WORK_SIZE, WORK_SIZE)
    return 1 - rise(deviations, SKIN)


def _grown(seed: Tensor, within: Tensor) -> Tensor:
    """Let what is surely there grow as far as the region around it reaches."""
    seed = open_(seed, THING_PX)
    for _ in range(GROWN_PX):
        seed = widen(seed, 1).minimum(within)
    return seed


def _finished(mask: Tensor, size: int) -> Tensor:
    soft = blur(mask, FEATHER_PX)
    return F.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False).clamp(0, 1)
