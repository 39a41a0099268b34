"""Pictures as pixels and as tensors: the only place where one becomes the other.

Letters: N batch, H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = [
    "batch_to_pm1",
    "mask_to_01",
    "mask_to_u8",
    "shrunk",
    "to_pm1",
    "to_u8",
]


def to_pm1(image_u8: np.ndarray) -> Tensor:
    """Turn a uint8 picture (H, W, 3) into a float32 tensor (1, 3, H, W) in -1…1."""
    image = torch.tensor(image_u8).permute(2, 0, 1)[None]  # (H, W, 3) → (1, 3, H, W)
    return image.float().contiguous().div_(127.5).sub_(1)  # in place: a picture has three million values


def batch_to_pm1(images_u8: Tensor) -> Tensor:
    """Turn uint8 pictures (N, 3, H, W), on whatever device, into float32 ones in -1…1."""
    return images_u8.float() / 127.5 - 1


def to_u8(image_pm1: Tensor) -> np.ndarray:
    """Turn a tensor (1, 3, H, W) or (3, H, W) in -1…1, else clamped, into a uint8 picture (H, W, 3)."""
    if image_pm1.ndim == 4 and len(image_pm1) == 1:
        image_pm1 = image_pm1[0]
    if image_pm1.ndim != 3 or len(image_pm1) != 3:
        raise ValueError(f"expected (1, 3, H, W) or (3, H, W), got {tuple(image_pm1.shape)}")
    pixels = image_pm1.detach().float().permute(1, 2, 0).contiguous()  # (3, H, W) → (H, W, 3)
    return _quantize(pixels.mul(127.5).add_(127.5)).numpy()


def mask_to_01(mask_u8: np.ndarray) -> Tensor:
    """Turn a grey uint8 picture (H, W) into a mask (1, 1, H, W) float32 in 0…1."""
    return torch.from_numpy(mask_u8 / np.float32(255))[None, None]


def mask_to_u8(mask_01: Tensor) -> np.ndarray:
    """Turn a mask (1, 1, H, W) or (H, W) in 0…1, else clamped, into a grey uint8 picture (H, W)."""
    if mask_01.ndim == 4 and mask_01.shape[:2] == (1, 1):
        mask_01 = mask_01[0, 0]
    if mask_01.ndim != 2:
        raise ValueError(f"expected (1, 1, H, W) or (H, W), got {tuple(mask_01.shape)}")
    return _quantize(mask_01.detach().float() * 255).contiguous().numpy()


def _quantize(levels: Tensor) -> Tensor:
    """Round to the nearest of 0…255, on the CPU; `levels` is used up."""
    return levels.clamp_(0, 255).round_().to("cpu", torch.uint8)


def shrunk(picture_u8: np.ndarray, px: int) -> np.ndarray:
    """Average a square picture (S, S, 3) down to uint8 (px, px, 3)."""
    return np.asarray(Image.fromarray(picture_u8).resize((px, px), Image.Resampling.BOX))
