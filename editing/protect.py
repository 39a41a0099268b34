"""One-click protection: where a photo's hat, a hand before the face, and its background lie.

There is no segmentation network here. A crop as FFHQ's is a map by itself: eyes, chin and crown have their
places, the sides are background and the bottom is clothes. From seeds there, parts grow over the photo along
the least change of color (geodesic distance, as in Criminisi et al. 2008), and each pixel goes to the part
that reaches it first. Whether the crown's part is a hat says the scorer, or the mask that SAMM predicts; what
else the mask keeps before the face, or is skin beside it that was not drawn, is a hand or what it holds.

Shapes: S edge of a picture, E = 128 of the maps that are worked on, K parts; masks are (1, 1, H, W) in 0…1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from editing.hats import hat_score
from editing.masks import disagreement
from editing.places import Ellipse, marked
from samm.inversion import Inversion
from samm.method.regions import blur, close, open_, rise, widen
from samm.networks.ops import area_resize

__all__ = ["REGIONS", "regions"]

REGIONS = ("hat", "hand", "background")
WORK_SIZE = 128  # E; lengths below are its pixels
# Left, top, right, bottom of the seeds, as shares of the crop.
SEEDS = {
    "background": ((0.0, 0.0, 0.05, 0.55), (0.95, 0.0, 1.0, 0.55)),
    "crown": ((0.42, 0.15, 0.58, 0.22),),
    "face": ((0.34, 0.46, 0.66, 0.78), (0.4, 0.78, 0.6, 0.82)),
    "body": ((0.3, 0.97, 0.7, 1.0),),
}
# What a pixel of way costs beside its change of color: where a part belongs, and for the background within
# the usual head, for the others outside of it.
NEAR, WITHIN, OUTSIDE = 0.001, 0.02, 0.002
HEAD = Ellipse(0, 0, 0.66, 0.86)  # the usual head
DOUBT = 2.5  # the background has to be so much nearer: hair that it takes could not be edited any more
DRAWN_SAY, KEPT_SAY = 0.4, 0.4  # drawing and mask count beside the photo's colors
BROWS = 0.44  # no hat reaches below, but for its ties
HAT_SCORE = -1.0  # logit above which the scorer has seen a hat
HAT_KEPT = 0.5  # share of the crown's part that SAMM keeps, above which it is no hair
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
    parts = _parts(inversion, kept)
    crown = _above(parts["crown"], BROWS)
    found = {"background": parts["background"], "hand": _hand(inversion, parts, kept)}
    if _has_hat(inversion, crown, kept):
        found["hat"] = crown
        found["hand"] = found["hand"].minimum(1 - widen(crown, 1))
    found["background"] = found["background"].minimum(1 - found["hand"])
    tidy = {name: close(open_(found[name], 2), THING_PX) for name in REGIONS if name in found}
    return {
        name: _finished(mask, inversion.size)
        for name, mask in tidy.items()
        if float(mask.mean()) > LEAST[name]
    }


def _has_hat(inversion: Inversion, crown: Tensor, kept: Tensor) -> bool:
    share = float((kept * crown).sum() / crown.sum().clamp_min(1))
    return float(hat_score(inversion.photo_pm1)) > HAT_SCORE or share > HAT_KEPT


def _parts(inversion: Inversion, kept: Tensor) -> dict[str, Tensor]:
    """Divide a crop by the seeds: a mask of zeros and ones for each."""
    photo, drawn, _ = (area_resize(view, WORK_SIZE) for view in inversion.views_pm1)
    ground = torch.cat([photo, DRAWN_SAY * drawn, KEPT_SAY * kept], 1)
    seeds = torch.cat([_boxes(boxes) for boxes in SEEDS.values()])  # (K, 1, E, E)
    distance = _distance(ground, seeds)
    distance[[*SEEDS].index("background")] *= DOUBT
    nearest = distance.argmin(0, keepdim=True)
    return {name: (nearest == number).float() for number, name in enumerate(SEEDS)}


def _distance(ground: Tensor, seeds: Tensor) -> Tensor:
    """Measure the geodesic distance from each seed to every pixel: (K, 1, E, E)."""
    smooth = blur(ground.transpose(0, 1), 0.8).transpose(0, 1)
    head = marked(HEAD, WORK_SIZE)
    ways = {name: NEAR + (OUTSIDE - NEAR) * (1 - head) for name in SEEDS}
    ways["background"] = NEAR + (WITHIN - NEAR) * head
    way = torch.cat([*ways.values()])  # (K, 1, E, E)
    changes = (smooth.diff(dim=dim).square().sum(1, keepdim=True) for dim in (3, 2))
    across, down = (
        change + step for change, step in zip(changes, (way[..., 1:], way[..., 1:, :]), strict=True)
    )
    distance = torch.where(seeds > 0, 0.0, torch.inf)
    while True:
        before = distance.clone()
        for _ in range(16):  # between two looks whether anything still changes
            distance[..., 1:] = distance[..., 1:].minimum(distance[..., :-1] + across)
            distance[..., :-1] = distance[..., :-1].minimum(distance[..., 1:] + across)
            distance[..., 1:, :] = distance[..., 1:, :].minimum(distance[..., :-1, :] + down)
            distance[..., :-1, :] = distance[..., :-1, :].minimum(distance[..., 1:, :] + down)
        if torch.equal(before, distance):
            return distance


def _hand(inversion: Inversion, parts: dict[str, Tensor], kept: Tensor) -> Tensor:
    """Find what the mask keeps before the face, and skin that it keeps elsewhere."""
    photo, drawn, _ = inversion.views_pm1
    foreign = rise(disagreement(photo, drawn, 1.5), FOREIGN) * rise(kept, (0.3, 0.6))
    before = _grown(foreign * marked(FACE, WORK_SIZE) * (1 - _above(torch.ones_like(kept), BROWS)), foreign)
    skin = _skin(area_resize(photo, WORK_SIZE), parts["face"])
    undrawn = rise(kept, (0.2, 0.5)) * (1 - _skin(area_resize(drawn, WORK_SIZE), parts["face"]))
    skin = open_(skin * undrawn * (1 - marked(FACE, WORK_SIZE)), 2)
    return before.maximum(skin)


def _skin(photo_pm1: Tensor, face: Tensor) -> Tensor:
    """Tell how much a pixel looks like the face's own skin."""
    pixels = photo_pm1[0].flatten(1)  # (3, P)
    of_face = pixels[:, (face * _boxes(SEEDS["face"])).flatten() > 0.5]
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


def _boxes(boxes: tuple[tuple[float, float, float, float], ...]) -> Tensor:
    mask = torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    for box in boxes:
        left, top, right, bottom = (round(share * WORK_SIZE) for share in box)
        mask[..., top:bottom, left:right] = 1
    return mask


def _above(mask: Tensor, share: float) -> Tensor:
    above = mask.clone()
    above[..., round(share * WORK_SIZE) :, :] = 0
    return above


def _finished(mask: Tensor, size: int) -> Tensor:
    soft = blur(mask, FEATHER_PX)
    return F.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False).clamp(0, 1)
