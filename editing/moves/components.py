"""GANSpace: moves along the principal components of W (Härkönen et al. 2020; harskish/ganspace, Apache-2.0).

Components of StyleGAN2-FFHQ are published as `ffhq_pca.pt`, those of its cars as `cars_pca.pt`
(omertov/encoder4editing, MIT). Our own come from `editing.training.components`.

Shapes: N batch, L style rows, K components.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from editing.moves import directions
from editing.moves.directions import Direction, fit_rows, limit_rows, read_tensors
from samm.errors import OptionError, WeightsError
from samm.networks.generators import STYLE_DIM

__all__ = ["Components", "component_direction", "load_components", "move"]

_PUBLISHED = {"mean": "mean", "comp": "vectors", "std": "sigma"}


@dataclass(frozen=True)
class Components:
    """The principal components of W, by falling deviation.

    Attributes:
        mean: μ, (512,) float32.
        vectors: v_k, (K, 512) float32, orthonormal rows.
        sigma: σ_k, (K,) float32, standard deviation of W along each.
    """

    mean: Tensor
    vectors: Tensor
    sigma: Tensor


def move(
    w_plus: Tensor,
    components: Components,
    index: int,
    strength: float | Tensor,
    rows: tuple[int, int | None] = (0, None),
    absolute: bool = False,
) -> Tensor:
    """Move w_plus (N, L, 512) along one component.

    Args:
        w_plus: the codes.
        components: of W.
        index: k, from 0.
        strength: a, in standard deviations σ_k; a number or (N,).
        rows: start and stop of the rows that move; None or a stop beyond the last row means to the end.
        absolute: as published: a is where the code shall be. Its coordinate (w_0 − μ)·v_k / σ_k is read from
            the first row, and (a − coordinate)·σ_k·v_k is added. Otherwise a·σ_k·v_k is added, which is the
            gentler variant.

    Raises:
        OptionError: there is no such component, or no row is left.
    """
    direction = component_direction(components, index, w_plus.shape[1], rows)
    if absolute:
        vector = components.vectors[index].to(w_plus)
        coordinate = (w_plus[:, 0] - components.mean.to(w_plus)) @ vector / direction.sigma  # (N,)
        strength = strength - coordinate
    return directions.move(w_plus, direction, strength)


def component_direction(
    components: Components, index: int, num_layers: int, rows: tuple[int, int | None] = (0, None)
) -> Direction:
    """Give component k as a direction (num_layers, 512) in some rows, of which 1 is σ_k; see `move`.

    Raises:
        OptionError: there is no such component, or no row is left.
    """
    if not 0 <= index < len(components.sigma):
        raise OptionError(f"There is no component {index}; choose one from 0 to {len(components.sigma) - 1}.")
    limited = limit_rows(fit_rows(components.vectors[index], num_layers), *rows)
    return Direction(limited, components.sigma[index].item(), f"component {index}")


def load_components(path: str | Path) -> Components:
    """Read components: our safetensors (mean, vectors, sigma) or the published layout of `ffhq_pca.pt`.

    The published file holds `mean` (1, 512), `comp` (K, 1, 512) and `std` (K,).

    Raises:
        WeightsError: the file is missing, damaged, would run code, or holds something else.
    """
    path = Path(path)
    named = {_PUBLISHED.get(key, key): value for key, value in read_tensors(path).items()}
    if not {"mean", "vectors", "sigma"} <= named.keys():
        raise WeightsError(
            f"{path.name} holds no components of W (mean, comp, std); choose a file such as ffhq_pca.pt."
        )
    mean, vectors, sigma = (named[key].float() for key in ("mean", "vectors", "sigma"))
    count = sigma.numel()
    layouts = ((count, STYLE_DIM), (count, 1, STYLE_DIM))
    if count == 0 or mean.numel() != STYLE_DIM or vectors.shape not in layouts:
        raise WeightsError(
            f"{path.name} holds components of another shape ({_shapes(named)}); choose a file for a W of "
            f"{STYLE_DIM} values."
        )
    mean, vectors, sigma = mean.reshape(STYLE_DIM), vectors.reshape(-1, STYLE_DIM), sigma.reshape(count)
    if not all(value.isfinite().all() for value in (mean, vectors, sigma)) or not (sigma > 0).all():
        raise WeightsError(
            f"{path.name} holds values that are not finite or deviations that are not positive; download or "
            "fit it again."
        )
    if not torch.allclose(vectors @ vectors.T, torch.eye(count), atol=1e-2):
        raise WeightsError(f"The components in {path.name} are not orthonormal; download or fit it again.")
    return Components(mean, vectors, sigma)


def _shapes(named: dict[str, Tensor]) -> str:
    return ", ".join(f"{key} {tuple(value.shape)}" for key, value in named.items())
