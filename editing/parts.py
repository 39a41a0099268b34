"""The parts of a head's picture, where no network segments: background, crown, face and body.

A crop as FFHQ's is a map by itself: eyes, chin and crown have their places, the sides are background and the
bottom is clothes. From seeds there, parts grow over the photo along the least change of color (geodesic
distance, as in Criminisi et al. 2008), and each pixel goes to the part that reaches it first. The crown's
part is hair, or what is worn on it.

Shapes: E = 128, edge of the maps that are worked on; K parts; masks are (1, 1, E, E) of zeros and ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from editing.places import Ellipse, marked
from samm.inversion import Inversion
from samm.method.regions import blur
from samm.networks.ops import area_resize

__all__ = ["BROWS", "SEEDS", "WORK_SIZE", "above", "boxes", "parts_of"]

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


def parts_of(inversion: Inversion) -> dict[str, Tensor]:
    """Divide a face's crop: a mask for each of `SEEDS`."""
    kept = area_resize(inversion.predicted, WORK_SIZE)
    photo, drawn, _ = (area_resize(view, WORK_SIZE) for view in inversion.views_pm1)
    ground = torch.cat([photo, DRAWN_SAY * drawn, KEPT_SAY * kept], 1)
    seeds = torch.cat([boxes(corners) for corners in SEEDS.values()])  # (K, 1, E, E)
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


def boxes(corners: tuple[tuple[float, float, float, float], ...]) -> Tensor:
    """Mark boxes, each by its left, top, right and bottom as shares of the crop."""
    mask = torch.zeros(1, 1, WORK_SIZE, WORK_SIZE)
    for box in corners:
        left, top, right, bottom = (round(share * WORK_SIZE) for share in box)
        mask[..., top:bottom, left:right] = 1
    return mask


def above(mask: Tensor, share: float) -> Tensor:
    """Leave of a mask what lies above a share of its height."""
    upper = mask.clone()
    upper[..., round(share * WORK_SIZE) :, :] = 0
    return upper
