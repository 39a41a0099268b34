"""Figures of quality beyond PSNR and SSIM: LPIPS and FID where their networks are, and how sure a mean is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from samm.checkpoints import sha256
from samm.metrics import psnr

__all__ = [
    "FACE",
    "PSNR_LIMIT",
    "ROUNDING",
    "Published",
    "background",
    "bootstrap_interval",
    "frechet_distance",
    "load_fid",
    "load_lpips",
    "psnr_within",
]

# Half axes, across and down, of the ellipse about the middle of an FFHQ crop that holds face and short hair,
# in a picture that spans -1…1; a third of the crop lies outside.
FACE = (0.85, 1.0)
ROUNDING = 1 / 12  # mean squared error of rounding to whole levels
PSNR_LIMIT = float(10 * np.log10(255.0**2 / ROUNDING))  # 58.9 dB


def psnr_within(a_u8: np.ndarray, b_u8: np.ndarray, region: np.ndarray) -> float:
    """Give the PSNR in dB over a region, bool (H, W), at most `PSNR_LIMIT`, so that its mean stays finite.

    Raises:
        ValueError: the region is empty.
    """
    if not region.any():
        raise ValueError("the region holds no pixel")
    return min(psnr(a_u8[region], b_u8[region]), PSNR_LIMIT)


def background(size: int) -> np.ndarray:
    """Mark what lies outside the ellipse `FACE` of an FFHQ crop: bool (size, size).

    It is the same for all faces and methods: the wall and shoulders, but also the ends of long hair.
    """
    place = (2 * np.arange(size) + 1) / size - 1  # of pixel centers
    return (place / FACE[0]) ** 2 + (place[:, None] / FACE[1]) ** 2 > 1


def bootstrap_interval(values: Sequence[float], resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Give the 95 % percentile interval of a mean over photos (Efron 1979), the same at every call.

    Equally many values are resampled by the same draws, so that methods on the same photos vary together.
    """
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    means = np.asarray(values, dtype=np.float64)[draws].mean(1)
    # Observed means instead of points between them: two infinite ones have nothing between.
    low, high = np.quantile(means, (0.025, 0.975), method="nearest")
    return float(low), float(high)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Give the distance of two sets of features (N, D) as Gaussians (Heusel et al. 2017), the FID's formula.

    The trace of (Σ_a Σ_b)^½ is the sum of the singular values of the sets' product, which is exact and small
    where there are fewer pictures than features.

    Raises:
        ValueError: a set of fewer than two pictures has no covariance.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("the distance needs two pictures in each set")
    a, b = a.double(), b.double()
    spread_a = (a - a.mean(0)) / (len(a) - 1) ** 0.5  # Σ_a = spread_aᵀ spread_a
    spread_b = (b - b.mean(0)) / (len(b) - 1) ** 0.5
    shared = torch.linalg.svdvals(spread_a @ spread_b.T).sum()  # (N, N)
    distance = (a.mean(0) - b.mean(0)).square().sum() + spread_a.square().sum() + spread_b.square().sum()
    return (distance - 2 * shared).clamp(min=0).item()


@dataclass(frozen=True)
class Published:
    """A metric's network that need not be here.

    Attributes:
        name: of the metric.
        network: for LPIPS, two pictures (1, 3, H, H) in -1…1 to a distance (1,); for FID, pictures uint8 (N,
            3, H, W) to features (N, D). None where it is not available.
        reason: why it is not available, as part of a sentence.
    """

    name: str
    network: Callable[..., Tensor] | None
    reason: str = ""


def load_lpips(device: torch.device | str = "cpu") -> Published:
    """Find LPIPS (Zhang et al. 2018) on AlexNet: torchmetrics, torchvision's weights in torch's cache."""
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import AlexNet_Weights
    except ImportError as error:
        return Published("LPIPS", None, f"the package {error.name} is not installed")
    file, reason = _cached(AlexNet_Weights.IMAGENET1K_V1.url)
    if file is None:
        return Published("LPIPS", None, reason)
    return Published("LPIPS", LearnedPerceptualImagePatchSimilarity(net_type="alex").to(device).eval())


def load_fid(device: torch.device | str = "cpu") -> Published:
    """Find the Inception network of FID, 2048 features: torch-fidelity, its weights in torch's cache."""
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as inception
    except ImportError as error:
        return Published("FID", None, f"the package {error.name} is not installed")
    file, reason = _cached(inception.URL_INCEPTION_V3)
    if file is None:
        return Published("FID", None, reason)
    extractor = inception.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(file)
    )
    extractor = extractor.to(device).eval()
    return Published("FID", lambda pictures_u8: extractor(pictures_u8)[0])


def _cached(address: str) -> tuple[Path | None, str]:
    """Find a download of torch.hub, whose name ends with the first digits of its SHA-256; or say why not."""
    file = Path(torch.hub.get_dir(), "checkpoints", address.rsplit("/", 1)[-1])
    if not file.is_file():
        return None, f"its weights {file.name} are not in the cache of torch.hub"
    digits = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if digits and not sha256(file).startswith(digits[1]):
        return None, f"its weights {file.name} in the cache of torch.hub are damaged"
    return file, ""
