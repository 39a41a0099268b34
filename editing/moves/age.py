"""Ages in years, reached by the age slider.

Along the age direction, drawn faces look older on one common curve: the mean age that the scorer sees in 16
drawn faces (ψ .7) at each strength. A face that looks `now` years old stands somewhere on it, and what leads
from there to the wanted age is the strength. So an age is as true as the scorer (6.6 years) and as the curve
is for this face.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["apparent_age", "strength_between"]

STRENGTHS = (-4, -2, 0, 2, 4)
YEARS = (3.6, 16.9, 30.5, 45.4, 61.4)


@torch.inference_mode()
def apparent_age(image_pm1: Tensor) -> float:
    """Estimate how old a face looks, in years, from its crop (1, 3, H, H) in −1…1."""
    from editing.moves.scorer import (  # torchvision takes a second
        shared_scorer,
        signed,
    )

    return signed(shared_scorer(image_pm1.device)(image_pm1), "age").item()


def strength_between(now: float, wanted: float) -> float:
    """Give the age slider's strength, −4…4, that makes a face look `wanted` instead of `now` years old."""
    here, there = np.interp([now, wanted], YEARS, STRENGTHS)
    return float(np.clip(there - here, STRENGTHS[0], STRENGTHS[-1]))
