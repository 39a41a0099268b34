"""Face detection: MTCNN, three small networks in a cascade (Zhang et al. 2016, arXiv:1604.02878).

The proposal network slides over a pyramid of the photo, the refinement network sorts its proposals, the
output network gives the final boxes and five points. Weights: PyPI facenet-pytorch 2.6.0 (Tim Esler, MIT).
The code is our own; it repeats the arithmetic the weights were trained with, one-based pixels included, and
its attribute names are the keys of the weights file.

We differ in one thing: a large photo is reduced first, so time and memory do not grow with the camera.

Letters: N batch, K boxes, H W pixels. A box is (left, top, right, bottom).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samm.checkpoints import WeightFile, load_weights

__all__ = ["DETECTOR", "Detections", "Detector", "load_detector"]

DETECTOR = WeightFile(
    "mtcnn.safetensors",
    "071887a46a5da50a5df3704007e3d3174b80c33a3039a6a53b1589ee8b365d93",
    "PyPI facenet-pytorch 2.6.0",
    "MIT",
)

_CELL_PX = 12  # what one output of the proposal network sees
_STRIDE_PX = 2  # how far apart its outputs are
_PYRAMID_STEP = 0.709  # about √½: each level has half the pixels of the one before
_MIN_SCORES = (0.6, 0.7, 0.7)  # of the three stages
_LONGER_SIDE_PX = 1600  # larger photos are reduced to this before the pyramid
_SMALLEST_FACE = 1 / 32  # of the shorter side
_BATCH = 512  # patches per network call
_MOST_BOXES = 2000  # per suppression: crowds stay below, and a finely textured photo does not cost minutes


class Detections(NamedTuple):
    """K faces, surest first, in pixels of the photo given.

    Attributes:
        boxes: (K, 4) float32; may reach outside the photo.
        points: (K, 5, 2) float32, x and y: left eye, right eye, nose, left and right corner of the mouth,
            where left and right are as seen in the picture.
        scores: (K,) float32 in 0…1.
    """

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray


class Detector(nn.Module):
    """MTCNN: find faces and five points in each."""

    def __init__(self) -> None:
        """Build the three networks; the weights are to be loaded."""
        super().__init__()
        self.pnet = _ProposalNet()
        self.rnet = _RefinementNet()
        self.onet = _OutputNet()

    @torch.inference_mode()
    def detect(self, image_u8: np.ndarray, *, min_face_px: float | None = None) -> Detections:
        """Find the faces of a photo.

        Args:
            image_u8: uint8 (H, W, 3), RGB.
            min_face_px: Width of the smallest face looked for, in pixels of the photo; 1/32 of the shorter
                side if not given. Below 12 pixels, after the photo was reduced to 1600, no face can be found.

        Raises:
            ValueError: The array is of another shape or type.
        """
        if image_u8.dtype != np.uint8 or image_u8.ndim != 3 or image_u8.shape[2] != 3:
            raise ValueError(f"expected uint8 (H, W, 3), got {image_u8.dtype} {image_u8.shape}")
        height, width = image_u8.shape[:2]
        image = _reduce(image_u8).to(next(self.parameters())).sub(127.5).mul(1 / 128)  # (1, 3, H, W)
        photo_per_image = np.array([width / image.shape[3], height / image.shape[2]], np.float32)
        smallest_px = min(height, width) * _SMALLEST_FACE if min_face_px is None else min_face_px

        boxes = self._propose(image, max(smallest_px / float(photo_per_image[0]), _CELL_PX))
        boxes = self._refine(image, boxes)
        boxes, points, scores = self._output(image, boxes)
        return Detections(
            _scale(boxes.view(-1, 2, 2), photo_per_image).reshape(-1, 4),
            _scale(points, photo_per_image),
            scores.cpu().numpy(),
        )

    def _propose(self, image: Tensor, min_face_px: float) -> Tensor:
        """Stage 1: square boxes (K, 4) from all levels of the pyramid."""
        height, width = image.shape[2:]
        scale = _CELL_PX / min_face_px
        levels: list[tuple[Tensor, ...]] = [
            (image.new_empty(0, 4), image.new_empty(0), image.new_empty(0, 4))
        ]
        while min(height, width) * scale >= _CELL_PX:
            level = F.interpolate(image, (int(height * scale + 1), int(width * scale + 1)), mode="area")
            scores, moves = self.pnet(level)  # (1, h, w), (1, 4, h, w)
            cells = (scores[0] >= _MIN_SCORES[0]).nonzero()  # (K, 2): row, column
            rows, columns = cells.T
            corners = cells.flip(1) * _STRIDE_PX + 1
            boxes = (torch.cat([corners, corners + _CELL_PX - 1], 1) / scale).floor()
            found = boxes, scores[0, rows, columns], moves[0, :, rows, columns].T  # (K, 4), (K,), (K, 4)
            kept = _suppress(*found[:2], 0.5)
            levels.append(tuple(values[kept] for values in found))
            scale *= _PYRAMID_STEP

        boxes, scores, moves = (torch.cat(values) for values in zip(*levels, strict=True))
        kept = _suppress(boxes, scores, 0.7)
        boxes, moves = boxes[kept], moves[kept]
        sizes = boxes[:, 2:] - boxes[:, :2]
        return _square(boxes + moves * sizes.repeat(1, 2))

    def _refine(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Stage 2: drop most boxes, move the others and make them square again."""
        scores, moves = _in_batches(self.rnet, _patches(image, boxes, 24))
        sure = scores > _MIN_SCORES[1]
        boxes, scores, moves = boxes[sure], scores[sure], moves[sure]
        kept = _suppress(boxes, scores, 0.7)
        return _square(_move(boxes[kept], moves[kept]))

    def _output(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stage 3: final boxes (K, 4), points (K, 5, 2) and scores (K,)."""
        scores, moves, points = _in_batches(self.onet, _patches(image, boxes, 48))
        sure = scores > _MIN_SCORES[2]
        boxes, scores, moves, points = boxes[sure], scores[sure], moves[sure], points[sure]
        sizes = boxes[:, 2:] - boxes[:, :2] + 1
        points = points.view(-1, 2, 5).transpose(1, 2)  # five x, five y → five (x, y), in 0…1 of the box
        points = points * sizes[:, None] + boxes[:, None, :2] - 1
        boxes = _move(boxes, moves)
        kept = _suppress(boxes, scores, 0.7, of_smaller=True)
        return boxes[kept], points[kept], scores[kept]


def load_detector(device: str | torch.device = "cpu") -> Detector:
    """Build the face finder; it is small enough for the CPU.

    Raises:
        WeightsError: its weights file is missing or damaged.
    """
    detector = Detector()
    load_weights(detector, DETECTOR)
    return detector.eval().requires_grad_(False).to(device)


class _ProposalNet(nn.Module):
    """P-Net, fully convolutional: one score and one box per 12 × 12 cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, 3)
        self.prelu1 = nn.PReLU(10)
        self.conv2 = nn.Conv2d(10, 16, 3)
        self.prelu2 = nn.PReLU(16)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.prelu3 = nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give the scores (N, h, w) and the moves of the box edges (N, 4, h, w), in box sizes."""
        x = _pool(self.prelu1(self.conv1(image)), 2)
        x = self.prelu2(self.conv2(x))
        x = self.prelu3(self.conv3(x))
        return self.conv4_1(x).softmax(1)[:, 1], self.conv4_2(x)


class _RefinementNet(nn.Module):
    """R-Net, on patches of 24 × 24."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3)
        self.prelu1 = nn.PReLU(28)
        self.conv2 = nn.Conv2d(28, 48, 3)
        self.prelu2 = nn.PReLU(48)
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.prelu3 = nn.PReLU(64)
        self.dense4 = nn.Linear(64 * 3 * 3, 128)
        self.prelu4 = nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Give the scores (N,) and the moves (N, 4) of patches (N, 3, 24, 24)."""
        x = _pool(self.prelu1(self.conv1(patches)), 3)
        x = _pool(self.prelu2(self.conv2(x)), 3)
        x = self.prelu3(self.conv3(x))
        x = self.prelu4(self.dense4(_flatten(x)))
        return self.dense5_1(x).softmax(1)[:, 1], self.dense5_2(x)


class _OutputNet(nn.Module):
    """O-Net, on patches of 48 × 48."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.prelu1 = nn.PReLU(32)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.prelu2 = nn.PReLU(64)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.prelu3 = nn.PReLU(64)
        self.conv4 = nn.Conv2d(64, 128, 2)
        self.prelu4 = nn.PReLU(128)
        self.dense5 = nn.Linear(128 * 3 * 3, 256)
        self.prelu5 = nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the scores (N,), the moves (N, 4) and the points (N, 10) of patches (N, 3, 48, 48)."""
        x = _pool(self.prelu1(self.conv1(patches)), 3)
        x = _pool(self.prelu2(self.conv2(x)), 3)
        x = _pool(self.prelu3(self.conv3(x)), 2)
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(_flatten(x)))
        return self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x)


def _pool(x: Tensor, window: int) -> Tensor:
    """Halve by maximum; an incomplete last window counts, as it did in training."""
    return F.max_pool2d(x, window, stride=2, ceil_mode=True)


def _flatten(x: Tensor) -> Tensor:
    """Flatten (N, C, H, W) by columns, channels innermost: the order the dense layers were trained on."""
    return x.permute(0, 3, 2, 1).flatten(1)


def _reduce(image_u8: np.ndarray) -> Tensor:
    """Give a photo as (1, 3, H, W), its longer side at most 1600; in bytes, on the CPU, to save memory."""
    image = torch.tensor(image_u8).permute(2, 0, 1)[None]  # (H, W, 3) → (1, 3, H, W)
    height, width = image.shape[2:]
    scale = _LONGER_SIDE_PX / max(height, width)
    if scale >= 1:
        return image
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    return F.interpolate(image, size, mode="bilinear", antialias=True)


def _scale(points: Tensor, factor_xy: np.ndarray) -> np.ndarray:
    """Map points (…, 2) to a grid `factor_xy` times as fine; the center of the first pixel is 0 in both."""
    return (points.float().cpu().numpy() + 0.5) * factor_xy - 0.5


def _square(boxes: Tensor) -> Tensor:
    """Make boxes (K, 4) square about their centers, by their longer side."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    side = sizes.amax(1, keepdim=True)
    corners = boxes[:, :2] + (sizes - side) / 2
    return torch.cat([corners, corners + side], 1)


def _move(boxes: Tensor, moves: Tensor) -> Tensor:
    """Move the edges of boxes (K, 4) by fractions of the box, whose last pixel counts."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + moves * sizes.repeat(1, 2)


def _patches(image: Tensor, boxes: Tensor, size_px: int) -> Tensor:
    """Cut boxes (K, 4), clipped to the image, out of it and average each down to (K, 3, size, size)."""
    height, width = image.shape[2:]
    patches = [image.new_empty(0, 3, size_px, size_px)]
    for left, top, right, bottom in boxes.int().tolist():
        left, top = min(max(left, 1), width) - 1, min(max(top, 1), height) - 1  # one-based → from zero
        right, bottom = max(min(right, width), left + 1), max(min(bottom, height), top + 1)
        patches.append(F.interpolate(image[:, :, top:bottom, left:right], size_px, mode="area"))
    return torch.cat(patches)


def _in_batches(net: nn.Module, patches: Tensor) -> tuple[Tensor, ...]:
    """Run a network on many patches without holding all its features at once."""
    outputs = [net(batch) for batch in patches.split(_BATCH)]
    return tuple(torch.cat(parts) for parts in zip(*outputs, strict=True))


def _suppress(boxes: Tensor, scores: Tensor, most_overlap: float, *, of_smaller: bool = False) -> Tensor:
    """Non-maximum suppression: indices of the boxes no surer box overlaps too much, surest first.

    Args:
        boxes: (K, 4).
        scores: (K,).
        most_overlap: Largest shared area allowed, as a fraction of the union.
        of_smaller: Take it as a fraction of the smaller box instead, so that a box within another one goes.
    """
    order = scores.argsort(descending=True, stable=True)[:_MOST_BOXES]
    boxes = boxes[order]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)  # (K,)
    corners = torch.maximum(boxes[:, None, :2], boxes[:, :2])  # (K, K, 2)
    shared = (torch.minimum(boxes[:, None, 2:], boxes[:, 2:]) - corners).clamp(min=0).prod(2)
    whole = torch.minimum(areas[:, None], areas) if of_smaller else areas[:, None] + areas - shared
    clashes = (shared > most_overlap * whole).cpu().numpy()  # (K, K)

    free = np.ones(len(order), dtype=bool)
    kept = []
    for index in range(len(order)):
        if free[index]:
            kept.append(index)
            free &= ~clashes[index]
    return order[kept]
