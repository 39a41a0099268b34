"""What both searches lower: equation 5 between a picture and its photo.

L = λ_L2 · MSE + λ_p · ST-LPIPS + λ_id · L_id; the identity's part is one minus the cosine of two descriptors.

Shapes: H edge of the pictures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.networks.identity import FaceRes
from samm.networks.perceptual import Perceptual

__all__ = ["Unlikeness"]


class Unlikeness:
    """How far pictures (1, 3, H, H) in -1…1 are from one target; differentiable.

    Args:
        target_pm1: (1, 3, H, H) in -1…1.
        perceptual: frozen.
        descriptor: tells who a face is, frozen; None leaves its part out, as a weight of 0 does.
        weights: λ_L2, λ_p and λ_id.
    """

    def __init__(
        self,
        target_pm1: Tensor,
        perceptual: Perceptual,
        descriptor: FaceRes | None,
        weights: tuple[float, float, float],
    ):
        self._target, self._perceptual, self._weights = target_pm1, perceptual, weights
        self._descriptor = descriptor if weights[2] else None
        with torch.no_grad():
            self._features = perceptual.features(target_pm1)
            self._person = self._descriptor(target_pm1) if self._descriptor else None

    def __call__(self, picture_pm1: Tensor) -> Tensor:
        """Give L of a picture."""
        squares, features, person = self._weights
        another = 1 - (self._descriptor(picture_pm1) * self._person).sum() if self._descriptor else 0.0
        mse = F.mse_loss(picture_pm1, self._target)
        distance = self._perceptual.distance(self._features, self._perceptual.features(picture_pm1)).mean()
        return squares * mse + features * distance + person * another
