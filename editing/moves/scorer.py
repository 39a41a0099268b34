"""Scores: what a small network sees in a face. Fits and proofs judge by it.

40 attributes of CelebA, age, the head's turn, skin lightness and dark lenses, predicted by one MobileNetV2
(the torchvision one) that `python -m editing.training scorer` trains. Its held-out figures lie in the weights
file.

Shapes: N pictures, K scores.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary
from torchvision.models import mobilenet_v2

from editing.moves.weights import SCORER
from samm.checkpoints import load_weights

__all__ = [
    "CELEBA",
    "MEASURES",
    "SCORES",
    "YES_NO",
    "Scorer",
    "chance",
    "load_scorer",
    "photo_scores",
    "probabilities",
    "shared_scorer",
    "signed",
]

# The attributes of CelebA (Liu et al. 2015) in the order of its list; scores are logits.
CELEBA = (
    "5_o_clock_shadow", "arched_eyebrows", "attractive", "bags_under_eyes", "bald", "bangs", "big_lips",
    "big_nose", "black_hair", "blond_hair", "blurry", "brown_hair", "bushy_eyebrows", "chubby",
    "double_chin", "eyeglasses", "goatee", "gray_hair", "heavy_makeup", "high_cheekbones", "male",
    "mouth_slightly_open", "mustache", "narrow_eyes", "no_beard", "oval_face", "pale_skin", "pointy_nose",
    "receding_hairline", "rosy_cheeks", "sideburns", "smiling", "straight_hair", "wavy_hair",
    "wearing_earrings", "wearing_hat", "wearing_lipstick", "wearing_necklace", "wearing_necktie", "young",
)  # fmt: skip

# Numbers instead of yes and no: age in years; the nose's offset from the middle of eyes and mouth, in
# distances between the eyes (yaw, to the right of the picture) and between eyes and mouth (pitch, upward);
# the eye line's angle in degrees (roll); the median lightness of the cheeks, 0…1.
MEASURES = ("age", "yaw", "pitch", "roll", "skin_lightness")

SCORES = (*CELEBA, "dark_lenses", *MEASURES)
YES_NO = len(CELEBA) + 1  # the columns before the measures

INPUT_SIZE = 160
_SCORED = WeakTensorKeyDictionary()  # scores by the pictures they are of, gone with these


class Scorer(nn.Module):
    """MobileNetV2 with one linear head; 2.3 M parameters."""

    shift: Tensor  # (K,), what a measure's output of 0 means
    scale: Tensor  # (K,), and a step of 1

    def __init__(self):
        super().__init__()
        self.net = mobilenet_v2(num_classes=len(SCORES))
        self.register_buffer("shift", torch.zeros(len(SCORES)))
        self.register_buffer("scale", torch.ones(len(SCORES)))

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Map FFHQ crops (N, 3, H, H) in -1…1 to scores (N, K): logits, and measures in their units."""
        view = F.interpolate(image_pm1, size=INPUT_SIZE, mode="bilinear", antialias=True)
        return self.net(view) * self.scale + self.shift

    @staticmethod
    def column(name: str) -> int:
        """Find a score's column; a leading "-" is ignored."""
        return SCORES.index(name.removeprefix("-"))


def load_scorer(device: torch.device | str = "cpu", *folders: Path) -> Scorer:
    """Build the scorer from its file, looked for in `folders` first."""
    scorer = Scorer()
    load_weights(scorer, SCORER, *folders)
    return scorer.eval().requires_grad_(False).to(device)


@cache
def shared_scorer(device: torch.device) -> Scorer:
    """Give the scorer, loaded once for each device."""
    with torch.inference_mode(False):
        return load_scorer(device)


@torch.inference_mode()
def photo_scores(photo_pm1: Tensor) -> Tensor:
    """Give the scores (N, K) of crops, once for a tensor that stays: each edit of a photo asks again."""
    if photo_pm1 not in _SCORED:
        _SCORED[photo_pm1] = shared_scorer(photo_pm1.device)(photo_pm1)
    return _SCORED[photo_pm1]


def chance(photo_pm1: Tensor, name: str) -> Tensor:
    """Give the probability (N,) of a yes-or-no score of crops, looked at as by `photo_scores`."""
    return signed(photo_scores(photo_pm1), name).sigmoid()


def signed(scores: Tensor, name: str) -> Tensor:
    """Pick a score (N,) out of scores (N, K), negated where the name begins with "-"."""
    sign = -1.0 if name.startswith("-") else 1.0
    return sign * scores[:, Scorer.column(name)]


def probabilities(scores: Tensor) -> Tensor:
    """Turn logits into probabilities and leave measures as they are, (N, K)."""
    return torch.cat([scores[:, :YES_NO].sigmoid(), scores[:, YES_NO:]], 1)
