"""Figures of quality: PSNR and SSIM, LPIPS and FID where their networks are, and how sure a mean is.

`perceptual` and `identity` hold the learned metrics whose weights come with this project. The networks of
LPIPS and FID are other people's, and neither is required: libraries are imported and weights looked for,
never fetched, when somebody asks for them, and what is absent has a reason instead of a number.

Pictures are uint8 (H, W, 3) RGB; no border is cropped. Shapes: N pictures, D features, H W pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from samm.checkpoints import sha256
from samm.photo import to_pm1

__all__ = [
    "FACE",
    "PSNR_LIMIT",
    "Published",
    "background",
    "bootstrap_interval",
    "frechet_distance",
    "load_fid",
    "load_lpips",
    "psnr",
    "psnr_within",
    "ssim",
]

# Half axes, across and down, of the ellipse about the middle of an FFHQ crop that holds face and short hair,
# in a picture that spans -1…1; a third of the crop lies outside.
FACE = (0.85, 1.0)
ROUNDING = 1 / 12  # mean squared error of rounding to whole levels
PSNR_LIMIT = float(10 * np.log10(255.0**2 / ROUNDING))  # 58.9 dB


def psnr(a_u8: np.ndarray, b_u8: np.ndarray) -> float:
    """Give the peak signal-to-noise ratio in dB over all channels; infinite for equal pictures."""
    mse = float(np.mean(np.square(a_u8.astype(np.float32) - b_u8), dtype=np.float64))
    return float("inf") if mse == 0 else float(10 * np.log10(255.0**2 / mse))


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


@torch.inference_mode()
def ssim(a_u8: np.ndarray, b_u8: np.ndarray) -> float:
    """Give the structural similarity: 11x11 Gaussian of σ 1.5, valid region, mean over pixels and channels.

    C1 = (.01·255)² and C2 = (.03·255)² as in Wang et al. 2004.
    """
    # Pictures in -1…1 keep the float32 variances, differences of near-equal numbers, well conditioned.
    a, b = to_pm1(a_u8)[0], to_pm1(b_u8)[0]
    mean_a, mean_b, square_a, square_b, product = _blur(torch.stack([a, b, a * a, b * b, a * b]))
    var_a, var_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    # The means enter the luminance term in 0…2, the scale on which C1 is (.01·range)².
    mean_a, mean_b = mean_a + 1, mean_b + 1
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return float((luminance * structure).mean())


def _blur(x: Tensor) -> Tensor:
    """Filter (K, C, H, W) with the SSIM window; valid region only."""
    taps = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    k, c, h, w = x.shape
    # One depthwise convolution with interleaved channels: a tenth of the time of single-channel pictures.
    x = x.reshape(1, k * c, h, w).contiguous(memory_format=torch.channels_last)
    window = (taps[:, None] * taps).expand(k * c, 1, 11, 11)
    return F.conv2d(x, window, groups=k * c).view(k, c, h - 10, w - 10)


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
