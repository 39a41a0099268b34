"""The networks that judge pictures: the project's own, and those of LPIPS and FID where they are at hand.

The networks of LPIPS and FID are other people's, and neither is required: libraries are imported and weights
looked for, never fetched, and what is absent has a reason instead of a number.

Shapes: N pictures, K scores, H edge of the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from editing.evaluation.samples import draw, sample_codes
from editing.moves.scorer import load_scorer, signed
from editing.recipe.attributes import ATTRIBUTES
from samm.checkpoints import sha256
from samm.crop.domains import FACES
from samm.models import Model, load_descriptor
from samm.networks.identity import FaceRes
from samm.networks.perceptual import Perceptual
from samm.pixels import to_pm1

__all__ = ["DRAWN", "Judges", "Published", "Scores", "load_fid", "load_judges", "load_lpips", "wanted_change"]

DRAWN = 60  # faces over which a score's deviation is taken


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


class Scores:
    """What the scorer sees, in deviations over drawn faces, so that scores of different units compare.

    Args:
        scorer: on the model's device.
        model: draws the faces.
    """

    def __init__(self, scorer: nn.Module, model: Model):
        self._scorer, self._model = scorer, model

    @cached_property
    def deviations(self) -> Tensor:
        """The scores' standard deviations (K,); drawing the faces takes a while."""
        return self.see(draw(sample_codes(self._model, DRAWN), self._model)).std(0)

    def __call__(self, pictures_u8: Sequence[np.ndarray]) -> Tensor:
        """Score pictures uint8 (H, H, 3): (N, K), in deviations."""
        return self.see(torch.cat([to_pm1(picture) for picture in pictures_u8])) / self.deviations

    @torch.inference_mode()
    def see(self, pictures_pm1: Tensor) -> Tensor:
        """Score pictures (N, 3, H, H) in -1…1: (N, K), in the scores' own units."""
        return self._scorer(pictures_pm1.to(self._model.device)).float().cpu()


def wanted_change(scores: Tensor, attributes: Mapping[str, float], start: int, end: int) -> float:
    """Average the change of attributes' scores, (N, K), the way that is wanted, from row `start` to `end`."""
    changes = []
    for name, strength in attributes.items():
        values = signed(scores, ATTRIBUTES[name].score)
        changes.append(float(np.sign(strength)) * (values[end] - values[start]).item())
    return fmean(changes)


@dataclass(frozen=True)
class Judges:
    """The networks that measure, on one device.

    `identity` and `scores` are for faces only; `lpips` and `fid` may be not available.
    """

    perceptual: Perceptual
    identity: FaceRes | None
    scores: Scores | None
    lpips: Published
    fid: Published
    device: torch.device = torch.device("cpu")

    @property
    def of_faces(self) -> tuple[FaceRes, Scores]:
        """Give those that judge faces.

        Raises:
            ValueError: the pictures show no faces.
        """
        if self.identity is None or self.scores is None:
            raise ValueError("only faces are judged by identity and scores")
        return self.identity, self.scores


def load_judges(model: Model) -> Judges:
    """Load what measures a model's pictures; the scorer comes along for faces."""
    device, faces = model.device, model.domain == FACES
    return Judges(
        model.perceptual,
        load_descriptor(device) if faces else None,
        Scores(load_scorer(device), model) if faces else None,
        load_lpips(device),
        load_fid(device),
        device,
    )


def load_lpips(device: torch.device | str = "cpu") -> Published:
    """Find LPIPS (Zhang et al. 2018) on AlexNet: torchmetrics, torchvision's weights in torch's cache."""
    try:
        from torchmetrics.image.lpip import (  # pyright: ignore[reportMissingImports]
            LearnedPerceptualImagePatchSimilarity,
        )
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
        from torch_fidelity import (  # pyright: ignore[reportMissingImports]
            feature_extractor_inceptionv3 as inception,
        )
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
