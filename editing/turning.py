"""Turn a head by moving the photo's own pixels.

A generator that turns a head draws it anew, and with it the backdrop that the head uncovers: hair, cap and
wall become what it can draw. But a turn of some degrees is mostly a motion. So the turn is drawn only as far
as its features show where everything moves (`samm.method.motion`), and the finished picture of all other
changes is bent accordingly: outlines stay as sharp as in the photo, a hat turns along, and the backdrop
beside the head is stretched instead of made up. What the photo does not show, such as the far ear, does not
appear.

Within the face the flow is the exact one. At the outline, where hair and backdrop change at will, it is the
coarse one, and it ends above the shoulders, which stay.

Shapes: S edge of the picture, V edge of the flow.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from editing.moves import directions
from editing.moves.moves import Moves
from editing.places import INNER_FACE, TURNING, soft
from editing.recipe.recipe import Recipe
from samm.crop.domains import FACES
from samm.inversion import Inversion
from samm.method.alignment import Alignment, replay, warp
from samm.method.motion import SIZES, follow, match
from samm.method.readout import probe_maps
from samm.method.regions import blur, rise, spread, widen
from samm.models import Model
from samm.networks.ops import scaled

__all__ = ["TURNS", "head_flow", "split", "still", "turned"]

TURNS = ("yaw", "pitch", "face_width")  # attributes that move a head and change nothing else
GAIN = 1.2  # makes up for what blurs take from the motion: a face then turns as far as when it was drawn
STRONGEST = 2.0  # that is drawn; beyond it the motion is lengthened, since drawings grow poor, by the
BEYOND = 0.5  # power of the excess, since a cheek can be stretched only so far
COARSE, FINE = 32, SIZES[-1]  # resolutions of the maps that show the motion
EDGE_PX = 6.0  # deviation of the outline of the face, at FINE
HEAD_PX = 3.0  # and of the outline of what may move
END_PX = 10  # from where it may move to where it certainly does not
AT_REST = 0.5  # weight of the latter
STRETCH = 0.7  # of its way that a pixel may lag behind its neighbor: at 1 both would show the same
SMOOTH_PX = 5.0  # with less of it a stretched cheek gets creases
STILL = (0.02, 0.1)  # pixels at FINE: at rest, moved


def split(recipe: Recipe, inversion: Inversion) -> tuple[Recipe, Recipe | None]:
    """Part a recipe into what is drawn and what turns the head; None where nothing does, or cannot so."""
    turn = {name: strength for name, strength in recipe.attributes.items() if name in TURNS}
    if not turn or not recipe.rule.fits or not inversion.masks or inversion.domain != FACES:
        return recipe, None
    rest = {name: strength for name, strength in recipe.attributes.items() if name not in turn}
    return replace(recipe, attributes=rest), Recipe(turn)


def head_flow(inversion: Inversion, turn: Recipe, model: Model, tools: Moves) -> Tensor:
    """See where everything comes from when a recipe's attributes turn the head: a flow (1, 2, V, V).

    Args:
        inversion: whose head turns.
        turn: a recipe of nothing but `TURNS`.
        model: what draws the inversion.
        tools: directions for it.
    """
    longer = max(1.0, max(map(abs, turn.attributes.values())) / STRONGEST)
    code = inversion.w_plus
    for name, strength in turn.attributes.items():
        code = directions.move(code, tools.direction(name), strength / longer)
    adapt = replay(Alignment(dict(inversion.flows), dict(inversion.masks)))
    with model.autocast():
        maps = probe_maps(model.generator, torch.cat([inversion.w_plus, code]).to(model.device), adapt, FINE)
    first, second = ({r: maps[r][i : i + 1].float().cpu() for r in (COARSE, FINE)} for i in (0, 1))
    coarse = _settled(match(first[COARSE], second[COARSE]))
    exact = follow(coarse, first[FINE], second[FINE])
    flow = torch.lerp(scaled(coarse, FINE), exact, soft(INNER_FACE, FINE, EDGE_PX))
    return _bounded(GAIN * longer**BEYOND * _settled(flow))


def _settled(flow: Tensor) -> Tensor:
    """Let a flow run out around the head, so that backdrop and shoulders stay where they are."""
    size = flow.shape[-1]
    px = size / FINE
    place = soft(TURNING, size, HEAD_PX * px)
    at_rest = 1 - widen(place, round(END_PX * px))
    share = place / (place + AT_REST * at_rest).clamp_min(1e-6)  # where both are said, their mean
    return blur(spread(flow * share, place + AT_REST * at_rest), SMOOTH_PX * px)


def _bounded(flow: Tensor) -> Tensor:
    """Shorten a flow that would stretch something too far, as an ear that ends beside what stays."""
    px = flow.shape[-1] / 2
    stretch = max(-float((px * flow[:, i]).diff(dim=2 - i).min()) for i in (0, 1))
    return flow / max(1.0, stretch / STRETCH)


def turned(picture: Tensor, flow: Tensor) -> Tensor:
    """Bend a picture (1, C, S, S) by the flow of a head."""
    return warp(picture, scaled(flow, picture.shape[-1]))


def still(flow: Tensor, size: int) -> Tensor:
    """Mark what a flow leaves where it is: (1, 1, size, size) in 0…1."""
    way_px = flow.square().sum(1, keepdim=True).sqrt() * (FINE / 2)
    return scaled(1 - rise(way_px, STILL), size)
