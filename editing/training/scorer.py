"""Train the scorer on labeled faces: binary cross-entropy for attributes, Huber loss for measures.

Age is known only for All-Age-Faces, whose people differ from CelebA's; CelebA's "young" ties both together:
its probability is a learned logistic function of the predicted age.

Shapes: N faces, K scores.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from editing.moves.scorer import CELEBA, SCORES, YES_NO, Scorer
from editing.training.augment import augment
from editing.training.labels import LabeledFaces
from editing.training.loop import Schedule, train_averaged
from editing.training.sampled_faces import score_faces
from samm.pixels import batch_to_pm1

__all__ = ["report", "train_scorer"]

log = logging.getLogger("editing.training")

AGE, YOUNG = SCORES.index("age"), SCORES.index("young")
MIRRORED = [SCORES.index("yaw"), SCORES.index("roll")]


def train_scorer(
    data: LabeledFaces, device: torch.device, epochs: int = 40, batch: int = 256, seed: int = 0
) -> Scorer:
    """Train on what is not held out; return the averaged weights, ready to use, on the CPU."""
    torch.manual_seed(seed)
    scorer = Scorer().to(device)
    scorer.to(memory_format=torch.channels_last)
    _set_units(scorer, data.labels[~data.held_out])
    turning_point = nn.Parameter(torch.tensor([40.0, 8.0], device=device))  # age and softness of "young"
    faces, labels = data.faces[~data.held_out].to(device), data.labels[~data.held_out].to(device)
    schedule = Schedule(
        steps=epochs * (len(faces) // batch), batch=batch, rate=3e-3 * batch / 256, weight_decay=0.02
    )

    def loss_of(picked: Tensor) -> Tensor:
        pictures, wanted = augment(faces[picked]), labels[picked]
        mirror = torch.rand(batch, device=device) < 0.5
        pictures = torch.where(mirror[:, None, None, None], pictures.flip(3), pictures)
        wanted[:, MIRRORED] *= torch.where(mirror, -1.0, 1.0)[:, None]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores = scorer(pictures.contiguous(memory_format=torch.channels_last))
        return _loss(scores.float(), wanted, scorer.scale, turning_point)

    return train_averaged(scorer, faces, loss_of, schedule, see=Scorer.__call__, others=[turning_point])


def _set_units(scorer: Scorer, labels: Tensor) -> None:
    for column in range(YES_NO, len(SCORES)):
        known = labels[:, column][labels[:, column].isfinite()]
        if len(known) > 1:
            scorer.shift[column], scorer.scale[column] = known.mean(), known.std()


def _loss(scores: Tensor, labels: Tensor, scale: Tensor, turning_point: Tensor) -> Tensor:
    known = labels.isfinite()
    wanted = labels.nan_to_num()
    smooth = 0.02 + 0.96 * wanted[:, :YES_NO]  # CelebA's labels are not all right
    yes_no = F.binary_cross_entropy_with_logits(scores[:, :YES_NO], smooth, reduction="none")
    numbers = F.huber_loss(scores / scale, wanted / scale, reduction="none")[:, YES_NO:]
    loss = _known_mean(yes_no, known[:, :YES_NO]).sum() + 3 * _known_mean(numbers, known[:, YES_NO:]).sum()
    age_as_young = (turning_point[0] - scores[:, AGE]) / turning_point[1]
    ties = F.binary_cross_entropy_with_logits(age_as_young, smooth[:, YOUNG], reduction="none")
    # Once as strong for the age: its gradient must not bend what "young" learns.
    return loss + 0.5 * _known_mean(ties[:, None], known[:, YOUNG : YOUNG + 1]).sum()


def _known_mean(values: Tensor, known: Tensor) -> Tensor:
    """Average each column (K,) over the rows that are known."""
    return (values * known).sum(0) / known.sum(0).clamp(min=1)


@torch.inference_mode()
def report(
    scorer: Scorer, data: LabeledFaces, device: torch.device, batch: int = 256
) -> dict[str, dict[str, Any]]:
    """Judge the scorer on the faces held out.

    Returns:
        For each attribute its share of yes, accuracy, balanced accuracy and area under the curve; for each
        measure mean absolute error, standard deviation and correlation; for all the number of faces.
    """
    scorer = scorer.to(device)
    faces, labels = data.faces[data.held_out], data.labels[data.held_out]
    scores = score_faces(scorer, (batch_to_pm1(chunk.to(device)) for chunk in faces.split(batch)))
    figures: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(SCORES):
        known = labels[:, column].isfinite()
        judge = _judge_yes_no if column < YES_NO else _judge_number
        figures[name] = {"faces": int(known.sum()), **judge(scores[known, column], labels[known, column])}
    means = [figures[name]["balanced_accuracy"] for name in CELEBA]
    log.info("scorer: mean balanced accuracy %.3f", sum(means) / len(means))
    return figures


def _judge_yes_no(scores: Tensor, labels: Tensor) -> dict[str, float]:
    yes, no = scores[labels > 0.5], scores[labels < 0.5]
    hits = [float((yes > 0).float().mean()), float((no < 0).float().mean())]
    return {
        "share": float(labels.mean()),
        "accuracy": float(((scores > 0) == (labels > 0.5)).float().mean()),
        "balanced_accuracy": sum(hits) / 2,
        "area_under_curve": float(roc_auc_score(labels > 0.5, scores)) if len(yes) and len(no) else math.nan,
    }


def _judge_number(scores: Tensor, labels: Tensor) -> dict[str, float]:
    return {
        "mean_absolute_error": float((scores - labels).abs().mean()),
        "standard_deviation": float(labels.std()),
        "correlation": float(torch.corrcoef(torch.stack([scores, labels]))[0, 1]),
    }
