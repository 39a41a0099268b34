"""The losses of training, one function each (paper, equations 5 to 9).

Equation 5 (L_rec) is `weighted_mse` + `perceptual_distance` + `identity_distance`; 6 and 7 are `binary_loss`
and `area_excess` of `samm.method.masking`, summed over the masks here; 8 and 9 are the weighted sums that the
trainers form with `build` and `weigh`. L_adv of equation 9 is in `adversary`.

Shapes: N batch, L style rows, H W pixels, r level resolution. Pictures are (N, 3, H, W) in -1…1, masks (N, 1,
H, W).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.method.masking import area_excess, binary_loss
from samm.training.parallel import mean_of_all
from samm.training.synthetic import coordinates

__all__ = [
    "area_loss",
    "binary_total",
    "build",
    "code_loss",
    "face_crop",
    "face_occupation",
    "face_window",
    "identity_distance",
    "occluder_loss",
    "perceptual_distance",
    "row_spread",
    "total_variation",
    "weigh",
    "weighted_mse",
]


def build(terms: Mapping[str, Callable[[], Tensor]], weights: Any) -> dict[str, Tensor]:
    """Compute the terms whose weight, the attribute of `weights` with their name, is not zero."""
    return {name: term() for name, term in terms.items() if getattr(weights, name)}


def weigh(terms: Mapping[str, Tensor], weights: Any) -> Tensor:
    """Sum the terms, each times the attribute of `weights` that has its name; equations 8 and 9."""
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()


# Where the face is ------------------------------------------------------------------------------------------


def face_window(
    size: int, device: torch.device | str, half_width: float = 0.46, half_height: float = 0.56
) -> Tensor:
    """Draw the soft ellipse of the face in an FFHQ crop, (1, 1, size, size): 1 inside, .37 on its edge."""
    x, y = coordinates(size, device)
    return torch.exp(-((x / half_width).square() + ((y - 0.14) / half_height).square()).square())


def face_crop(image: Tensor) -> Tensor:
    """Cut the face out of FFHQ crops: rows 56…216 and columns 48…208 of 256, in any resolution."""
    unit = image.shape[-1] // 32
    return image[:, :, 7 * unit : 27 * unit, 6 * unit : 26 * unit]


# Pictures: equation 5 ---------------------------------------------------------------------------------------


def weighted_mse(image: Tensor, target: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Mean squared error, each pixel times `weight` (1, 1, H, W) of mean 1; the MSE of equation 5."""
    return (weight * (image - target).square()).mean()


def perceptual_distance(network: nn.Module, image: Tensor, target: Tensor) -> Tensor:
    """Mean ST-LPIPS distance; L_per of equation 5."""
    return network(image, target).mean()


def identity_distance(descriptor: nn.Module, image: Tensor, target: Tensor) -> Tensor:
    """One minus the mean cosine of the two faces' descriptions; L_id of equation 5. Float32 throughout."""
    with torch.autocast(image.device.type, enabled=False):
        with torch.no_grad():
            wanted = descriptor(target.float())
        return 1 - (descriptor(image.float()) * wanted).sum(1).mean()


# Codes ------------------------------------------------------------------------------------------------------


def code_loss(w_plus: Tensor, truth: Tensor, w_std: Tensor) -> Tensor:
    """Smooth L1 (β = 1) of the error in units of W's deviation (512,); synthetic rows only."""
    error = (w_plus - truth) / w_std
    return F.smooth_l1_loss(error, torch.zeros_like(error))


def row_spread(w_plus: Tensor) -> Tensor:
    """Mean squared distance of the rows of w_plus (N, L, 512) to their mean: large codes edit badly."""
    return (w_plus - w_plus.mean(1, keepdim=True)).square().mean()


# Masks and flows: equations 6 to 8 --------------------------------------------------------------------------


def binary_total(masks: Iterable[Tensor]) -> Tensor:
    """Equation 6, summed over masks of any resolution."""
    return torch.stack([binary_loss(mask) for mask in masks]).sum()


def area_loss(masks: Iterable[Tensor], budgets: Iterable[float], occluder: Tensor) -> Tensor:
    """Equation 7, summed over masks; what a known occluder (N, 1, H, W) covers is not charged.

    The hinge is on the mean over the batch, also where processes share it.
    """
    areas = [(mask * (1 - _resize(occluder, mask))).mean() for mask in masks]
    means = mean_of_all(torch.stack(areas))
    return torch.stack([area_excess(mean, phi) for mean, phi in zip(means, budgets, strict=True)]).sum()


def occluder_loss(masks: Iterable[Tensor], occluder: Tensor) -> Tensor:
    """Ask every mask to keep the photo where an occluder was pasted: cross-entropy on those pixels."""
    return torch.stack(
        [-(mask.clamp(min=1e-4).log() * _resize(occluder, mask)).mean() for mask in masks]
    ).sum()


def face_occupation(masks: Iterable[Tensor], face: Tensor, occluder: Tensor) -> Tensor:
    """Charge what masks keep inside the face (1, 1, H, W), except where an occluder was pasted.

    Speckles there would paste the photo's own eye or mouth into an edited face.
    """
    uncovered = face * (1 - occluder)
    return torch.stack([(mask * _resize(uncovered, mask)).mean() for mask in masks]).sum()


def total_variation(fields: Iterable[Tensor]) -> Tensor:
    """Mean absolute difference of neighbors, down and across, summed over fields (N, C, r, r); smoothness."""
    return torch.stack([f.diff(dim=2).abs().mean() + f.diff(dim=3).abs().mean() for f in fields]).sum()


def _resize(field: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(field, size=like.shape[2:], mode="area")
