"""Fit the sliders' directions in W: a linear SVM per attribute, conditional projection, the rows that matter.

After InterFaceGAN (Shen et al. 2020; genforce/interfacegan, MIT): sample W, score the pictures, separate the
highest from the lowest scores by a hyperplane, whose normal is the direction; subtract what it shares with
the normals of attributes that must stay. Our addition: the rows of W+ and the gain are searched on fresh
samples, for the strongest change that leaves the other scores and the person alone.

Shapes: M samples, K scores, L style rows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from editing.moves.directions import (
    Direction,
    fit_rows,
    limit_rows,
    move,
    orthogonalize,
    sample_w,
    sigma_along,
    spread,
)
from editing.moves.scorer import SCORES, signed
from editing.recipe.attributes import Attribute
from editing.training.sampled_faces import draw_faces
from samm.networks.generators import Generator

__all__ = ["FitConfig", "fit_directions"]

log = logging.getLogger("editing.training")


@dataclass(frozen=True)
class FitConfig:
    """How directions are fitted and their rows chosen."""

    share: float = 0.04  # of the samples, from either end of a score
    test_share: float = 0.3  # of those, held out for the accuracy
    regularization: float = 1e-3  # C of the SVM, on w in units of its deviation
    probes: int = 48  # fresh samples that each choice of rows is tried on
    probe_strength: float = 2.0
    psi: float = 0.7  # of the probes
    rows: tuple[tuple[int, int | None], ...] = (
        (0, 4), (0, 6), (0, 8), (2, 6), (2, 8), (4, 8), (4, None), (6, 11), (7, None), (8, None), (0, None),
    )  # fmt: skip
    gains: tuple[float, ...] = (1.0, 1.6)
    leak_weight: float = 0.5  # of the change of other scores, against the wanted change
    identity_weight: float = 8.0  # of the loss of identity cosine


def fit_directions(
    generator: Generator,
    scorer: nn.Module,
    descriptor: nn.Module,
    attributes: dict[str, Attribute],
    w: Tensor,
    scores: Tensor,
    config: FitConfig | None = None,
    seed: int = 1,
    only: Sequence[str] = (),
) -> tuple[dict[str, Direction], dict[str, dict[str, Any]]]:
    """Fit one direction for each attribute.

    Args:
        generator: whose W it is.
        scorer: judges pictures, see `scores`.
        descriptor: judges likeness, see `samm.networks.identity`.
        attributes: the table, with conditions.
        w: samples (M, 512), of which `scores` (M, K) are the scores.
        scores: see `w`.
        config: choices.
        seed: of split and probes.
        only: names of the directions wanted; all if empty.

    Returns:
        The directions, with rows and sigma, and for each what was found on the way: the held-out accuracy,
        sample count, conditions, gain, and effect, right way, leak and identity on the probes.
    """
    config = config or FitConfig()
    w_sigma = sigma_along_all(generator)
    fits = {name: _separate(w, scores, attribute, config, seed) for name, attribute in attributes.items()}
    probe = _Probe(generator, scorer, descriptor, scores.std(0), config, seed + 1)
    directions: dict[str, Direction] = {}
    metadata: dict[str, dict[str, Any]] = {}
    for name, attribute in attributes.items():
        if only and name not in only:
            continue
        normal, accuracy, count = fits[name]
        unit = (
            orthogonalize(normal, [fits[other][0] for other in attribute.keep]) if attribute.keep else normal
        )
        best = probe.best(name, attribute, unit, sigma_along(w_sigma, unit))
        directions[name] = best.direction
        metadata[name] = {
            "accuracy": round(accuracy, 4), "samples": count, "conditions": list(attribute.keep),
            "gain": best.gain, "effect": round(best.effect, 3), "right_way": round(best.right_way, 3),
            "leak": round(best.leak, 3), "identity": round(best.identity, 4),
        }  # fmt: skip
        log.info("%s: rows %s, %s", name, best.rows, metadata[name])
    return directions, metadata


def sigma_along_all(generator: Generator, count: int = 50_000, seed: int = 2) -> Tensor:
    """Sample W (count, 512) without truncation, to measure deviations on."""
    return sample_w(generator, count, 1.0, seed)


def _separate(
    w: Tensor, scores: Tensor, attribute: Attribute, config: FitConfig, seed: int
) -> tuple[Tensor, float, int]:
    """Fit the hyperplane between highest and lowest scores: unit normal (512,), accuracy, samples."""
    order = signed(scores, attribute.score).argsort()
    count = int(config.share * len(w))
    chosen = torch.cat([order[:count], order[-count:]])
    labels = np.repeat([0, 1], count)
    codes = ((w[chosen] - w.mean(0)) / w.std()).numpy()
    shuffled = np.random.default_rng(seed).permutation(2 * count)
    held_out, trained = np.split(shuffled, [int(config.test_share * 2 * count)])
    svm = LinearSVC(C=config.regularization, dual="auto", random_state=seed)
    svm.fit(codes[trained], labels[trained])
    accuracy = float(svm.score(codes[held_out], labels[held_out]))
    normal = torch.from_numpy(svm.coef_[0]).float()
    return F.normalize(normal, dim=0), accuracy, 2 * count


@dataclass(frozen=True)
class _Trial:
    direction: Direction
    rows: tuple[int, int | None]
    gain: float
    effect: float  # of the wanted score between both strengths, in deviations of the score
    right_way: float  # share of the moves that change it as wanted
    leak: float  # root mean square change of the other scores, in deviations
    identity: float  # cosine to the un-edited face
    worth: float


class _Probe:
    """Try a direction on fresh faces."""

    def __init__(
        self,
        generator: Generator,
        scorer: nn.Module,
        descriptor: nn.Module,
        deviations: Tensor,
        config: FitConfig,
        seed: int,
    ):
        self.generator, self.scorer, self.descriptor = generator, scorer, descriptor
        self.deviations, self.config = deviations, config
        w = sample_w(generator, config.probes, config.psi, seed)
        self.w_plus = spread(w, generator.num_layers)
        self.scores, self.faces = self._judge(self.w_plus)

    def best(self, name: str, attribute: Attribute, unit: Tensor, sigma: float) -> _Trial:
        """Try all rows and gains; give the one worth most."""
        layers = self.generator.num_layers
        trials = []
        for start, stop in self.config.rows:
            vector = limit_rows(fit_rows(unit, layers), start, stop)
            for gain in self.config.gains:
                direction = Direction(vector, gain * sigma, name)
                trials.append(self._try(direction, attribute, (start, stop), gain))
        return max(trials, key=lambda trial: trial.worth)

    def _try(
        self, direction: Direction, attribute: Attribute, rows: tuple[int, int | None], gain: float
    ) -> _Trial:
        config = self.config
        sides = [self._judge(move(self.w_plus, direction, sign * config.probe_strength)) for sign in (-1, 1)]
        wanted = [signed((scores - self.scores) / self.deviations, attribute.score) for scores, _ in sides]
        effect = float((wanted[1] - wanted[0]).mean())
        right = float(((wanted[1] > 0).float().mean() + (wanted[0] < 0).float().mean()) / 2)
        others = _independent_of(attribute)
        leak = float(((sides[1][0] - sides[0][0]) / self.deviations)[:, others].square().mean().sqrt())
        identity = float(torch.stack([(faces * self.faces).sum(1) for _, faces in sides]).mean())
        # More than two deviations between both ends is enough: what goes beyond is caricature.
        worth = (
            min(effect, 2.0) + 2 * right - config.leak_weight * leak - config.identity_weight * (1 - identity)
        )
        return _Trial(direction, rows, gain, effect, right, leak, identity, worth)

    def _judge(self, w_plus: Tensor) -> tuple[Tensor, Tensor]:
        """Score and describe the pictures of w_plus."""
        scores, faces = [], []
        for picture in draw_faces(self.generator, w_plus, batch=self.config.probes):
            with torch.inference_mode():
                scores.append(self.scorer(picture).float().cpu())
                faces.append(self.descriptor(picture).float().cpu())
        return torch.cat(scores), torch.cat(faces)


# Scores that say nearly the same; moving one moves the others, and that is no leak.
_RELATED = (
    {"age", "young", "gray_hair", "bags_under_eyes", "receding_hairline", "attractive"},
    {"smiling", "high_cheekbones", "mouth_slightly_open", "narrow_eyes", "rosy_cheeks"},
    {"no_beard", "goatee", "mustache", "sideburns", "5_o_clock_shadow"},
    {"male", "no_beard", "heavy_makeup", "wearing_lipstick", "goatee", "mustache", "sideburns",
     "5_o_clock_shadow", "arched_eyebrows", "bushy_eyebrows", "attractive", "wearing_earrings",
     "wearing_necktie", "rosy_cheeks"},
    {"black_hair", "blond_hair", "brown_hair", "gray_hair"},
    {"heavy_makeup", "wearing_lipstick", "arched_eyebrows", "attractive", "rosy_cheeks"},
    {"chubby", "double_chin", "oval_face", "big_nose"},
    {"straight_hair", "wavy_hair"}, {"bald", "receding_hairline", "bangs"}, {"eyeglasses", "dark_lenses"},
    {"skin_lightness", "pale_skin"},
)  # fmt: skip
_MEANINGLESS = {"blurry", "roll"}  # of a drawn face


def _independent_of(attribute: Attribute) -> list[int]:
    """List the columns of scores that an attribute should leave alone."""
    score = attribute.score.removeprefix("-")
    related = {score, *_MEANINGLESS}.union(*(group for group in _RELATED if score in group))
    return [column for column, name in enumerate(SCORES) if name not in related]
