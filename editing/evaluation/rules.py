"""How edits meet masks: the same edits of the same faces under every rule of `editing.masks`.

Shapes: S edge of the judged pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor, nn
from tqdm import tqdm

from editing.edit import Edit, edit_all
from editing.evaluation.judges import Judges, wanted_change
from editing.evaluation.samples import VIEW_SIZE
from editing.masks import disagreement
from editing.moves.moves import Moves
from editing.recipe.recipe import MASKS, Recipe
from samm.inversion import Inversion
from samm.method.regions import widen
from samm.models import Model
from samm.networks.ops import area_resize
from samm.pixels import to_pm1

__all__ = ["MASK_EDITS", "RuleFigures", "prove_rules"]

# Edits that color, that draw over what was kept, and that move geometry.
MASK_EDITS = tuple(
    Recipe({name: strength})
    for name, strength in (
        *(("age", 3), ("smile", 2.5), ("glasses", 2.5), ("beard", 3), ("blond_hair", 3), ("black_hair", 3)),
        *(("face_width", 2.5), ("yaw", 1.5), ("yaw", -1.5), ("pitch", 1.5)),
    )
)


@dataclass(frozen=True)
class RuleFigures:
    """One rule for how edits meet masks, over all faces and edits.

    Attributes:
        rule: its name.
        arrives: share of the change of the wanted score in the drawn face that the blended picture shows.
        kept: mean difference to the photo in out-of-domain areas, see `_out_of_domain`, in levels of 255.
        ghosts: mean strength of edges that neither photo nor drawn face has at that place, in levels of 255.
        area: mean of the mask.
    """

    rule: str
    arrives: float
    kept: float
    ghosts: float
    area: float


def prove_rules(
    inversions: Sequence[Inversion], model: Model, tools: Moves, judges: Judges
) -> list[RuleFigures]:
    """Apply every mask edit to every face under every rule."""
    return [_prove_rule(rule, inversions, model, tools, judges) for rule in MASKS]


def _prove_rule(
    rule: str, inversions: Sequence[Inversion], model: Model, tools: Moves, judges: Judges
) -> RuleFigures:
    _, scores = judges.of_faces
    arrived, wanted, kept, ghosts, areas = [], [], [], [], []
    recipes = [Recipe(), *(replace(recipe, masks=rule) for recipe in MASK_EDITS)]
    for inversion in tqdm(inversions, rule, disable=None, leave=False):
        plain, *edits = edit_all(inversion, recipes, model, tools, VIEW_SIZE)
        drawn = scores.see(torch.cat([to_pm1(one.aligned) for one in (plain, *edits)]))
        shown = scores.see(torch.cat([to_pm1(one.blended) for one in (plain, *edits)]))
        for row, recipe in enumerate(MASK_EDITS, 1):
            wanted.append(wanted_change(drawn, recipe.attributes, 0, row))
            arrived.append(wanted_change(shown, recipe.attributes, 0, row))
        photo = area_resize(inversion.photo_pm1, VIEW_SIZE)
        foreign = _out_of_domain(photo, plain)
        for one in edits:
            kept.append(_difference(photo, one, foreign))
            ghosts.append(_ghosts(photo, one))
            areas.append(float(one.keep_photo.mean()))
    # Scores have different units, so each edit's share is taken over all faces first.
    count = len(MASK_EDITS)
    shares = [sum(arrived[k::count]) / sum(wanted[k::count]) for k in range(count)]
    return RuleFigures(rule, *(fmean(values) for values in (shares, kept, ghosts, areas)))


def _out_of_domain(photo: Tensor, plain: Edit) -> Tensor:
    """Mark what the mask keeps and the generator plainly draws otherwise, such as hats: (1, 1, S, S)."""
    apart = nn.functional.interpolate(disagreement(photo, to_pm1(plain.aligned), 2.0), size=VIEW_SIZE)
    return ((plain.gathered > 0.6) & (apart > 0.4)).float()


def _difference(photo: Tensor, edited: Edit, area: Tensor) -> float:
    """Average the difference of photo and result over an area, in levels of 255."""
    difference = (to_pm1(edited.blended) - photo).abs().mean(1, keepdim=True) * 127.5
    return float((difference * area).sum() / area.sum().clamp(min=1))


def _ghosts(photo: Tensor, edited: Edit) -> float:
    """Measure edges of the blended picture beyond the stronger of both pictures' edges nearby."""
    either = torch.maximum(_edges(photo), _edges(to_pm1(edited.aligned)))
    nearby = widen(either, 2)
    return float((_edges(to_pm1(edited.blended)) - nearby).clamp(min=0).mean() * 127.5)


def _edges(picture: Tensor) -> Tensor:
    grey = picture.mean(1, keepdim=True)
    across = nn.functional.pad(grey[..., 1:] - grey[..., :-1], (0, 1))
    down = nn.functional.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
    return across.abs() + down.abs()
