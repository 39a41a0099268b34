"""What a slider does: it moves fresh samples of W, and judges say what changed.

Shapes: N faces, K scores, S edge of the judged pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from editing.evaluation.judges import Judges
from editing.evaluation.samples import VIEW_SIZE, draw, sample_codes
from editing.moves.directions import move
from editing.moves.moves import Moves
from editing.moves.scorer import SCORES, Scorer, signed
from editing.places import region_of, share_inside
from editing.recipe.attributes import ATTRIBUTES, Attribute
from samm.models import Model
from samm.networks.identity import FaceReading

__all__ = ["STRENGTH", "SliderFigures", "prove_sliders"]

STRENGTH = 2.0


@dataclass(frozen=True)
class SliderFigures:
    """One slider at ±`STRENGTH` on fresh faces.

    Attributes:
        name: of the attribute.
        right_way: share of faces whose score is higher at + than at -.
        up, down: share of faces whose score rises at + and falls at -; a floor holds down what is not there.
        effect: mean change of the score from - to +, in the score's deviations.
        years: mean change from - to + of the age that the identity network estimates; no slider was fitted
            with it.
        inside: mean share of the change of the picture, at both ends, in the attribute's region.
        identity: mean cosine to the un-edited face.
        leak: root mean square change of all other scores from - to +, in deviations.
        drags: the three other scores that change most, with their change.
    """

    name: str
    right_way: float
    up: float
    down: float
    effect: float
    years: float
    inside: float
    identity: float
    leak: float
    drags: dict[str, float]


@dataclass(frozen=True)
class _Seen:
    """Pictures (N, 3, S, S), their scores (N, K) and what is read from their faces."""

    pictures: Tensor
    scores: Tensor
    faces: FaceReading


def prove_sliders(model: Model, tools: Moves, judges: Judges, count: int) -> list[SliderFigures]:
    """Move `count` fresh samples of W along every slider."""
    codes = sample_codes(model, count)
    plain = _look(draw(codes, model), judges)
    figures = []
    for name, attribute in tqdm(ATTRIBUTES.items(), "Sliders", disable=None, leave=False):
        low, high = (
            _look(draw(move(codes, tools.direction(name), sign * STRENGTH), model), judges)
            for sign in (-1, 1)
        )
        figures.append(_compare(attribute, plain, low, high))
    return figures


@torch.inference_mode()
def _look(pictures: Tensor, judges: Judges) -> _Seen:
    identity, scores = judges.of_faces
    return _Seen(pictures, scores.see(pictures), identity.read(pictures))


def _compare(attribute: Attribute, plain: _Seen, low: _Seen, high: _Seen) -> SliderFigures:
    before, down, up = (signed(seen.scores, attribute.score) for seen in (plain, low, high))
    deviations = plain.scores.std(0)
    column = Scorer.column(attribute.score)
    changes = (high.scores - low.scores) / deviations
    others = torch.arange(len(SCORES)) != column
    means = changes.mean(0)
    largest = means.abs().where(others, torch.tensor(0.0)).argsort(descending=True)[:3].tolist()
    region = region_of([attribute.name], VIEW_SIZE)
    inside = [share_inside(plain.pictures, seen.pictures, region) for seen in (low, high)]
    likeness = [(seen.faces.descriptor * plain.faces.descriptor).sum(1) for seen in (low, high)]
    return SliderFigures(
        attribute.name,
        right_way=_share(up > down),
        up=_share(up > before),
        down=_share(down < before),
        effect=float(((up - down) / deviations[column]).mean()),
        years=float((high.faces.age - low.faces.age).mean()),
        inside=float(torch.stack(inside).mean()),
        identity=float(torch.stack(likeness).mean()),
        leak=float(changes[:, others].square().mean().sqrt()),
        drags={SCORES[i]: round(float(means[i]), 2) for i in largest},
    )


def _share(values: Tensor) -> float:
    return float(values.float().mean())
