"""Latent directions: moves in W+ along one attribute, and the files in which directions are published.

An edit is a plain offset (Shen et al. 2020, InterFaceGAN; genforce/interfacegan, MIT): w_plus + k·σ·n with
the unit normal n of the attribute's boundary. Where the original moves a plain w to the absolute distance k
from the boundary, we add; k is counted in standard deviations σ of W along n, so that 1 is equally much for
every attribute.

Files are recognized by their content: .npy as InterFaceGAN publishes boundaries, .pt as
omertov/encoder4editing (MIT) does, and safetensors. Nothing is unpickled that could run code.

Shapes: N batch, L style rows, M samples of W.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from samm.errors import OptionError, WeightsError
from samm.networks.generators import ROWS, STYLE_DIM, Generator

__all__ = [
    "Direction",
    "fit_rows",
    "limit_rows",
    "load_direction",
    "load_directions",
    "move",
    "orthogonalize",
    "read_tensors",
    "sample_w",
    "save_directions",
    "sigma_along",
    "spread",
]

LEAST_REST = 1e-5  # of a unit vector: less than this is rounding

# One key for all of the table: safetensors writes several in a random order, and the hash would change.
_TABLE = "directions"


@dataclass(frozen=True)
class Direction:
    """One attribute's direction in W+.

    Attributes:
        vector: (L, 512) float32, each row a unit vector; rows that the edit leaves alone are zero.
        sigma: standard deviation of W along the unit vector; a strength of 1 moves by it.
        name: of the attribute.
    """

    vector: Tensor
    sigma: float
    name: str


def move(w_plus: Tensor, direction: Direction, strength: float | Tensor) -> Tensor:
    """Move w_plus (N, L, 512) by `strength` deviations, a number or (N,); opposite strengths mirror exactly.

    Raises:
        ValueError: the direction was made for another number of rows.
    """
    if w_plus.shape[1:] != direction.vector.shape:
        raise ValueError(
            f"w_plus {tuple(w_plus.shape)} and direction {tuple(direction.vector.shape)} differ in rows"
        )
    steps = torch.as_tensor(strength, dtype=w_plus.dtype, device=w_plus.device).reshape(-1, 1, 1)  # (N, 1, 1)
    return w_plus + steps * (direction.sigma * direction.vector.to(w_plus))


def fit_rows(vector: Tensor, num_layers: int) -> Tensor:
    """Bring a vector to (num_layers, 512), float32.

    A single row is repeated. Of 18 rows, row j is row j: MobileStyleGAN was distilled from StyleGAN2 and
    shares its rows, but the last ones have no counterpart in a generator that has fewer, and are dropped.

    Args:
        vector: (512,), (1, 512), (18, 512) or (num_layers, 512); a leading 1 may stand before rows.
        num_layers: L of the generator.

    Raises:
        OptionError: any other shape.
    """
    rows = vector[0] if vector.ndim == 3 and len(vector) == 1 else vector
    rows = rows[None] if rows.ndim == 1 else rows
    count = len(rows) if rows.ndim == 2 and rows.shape[1] == STYLE_DIM else 0
    if count == 1:
        return rows.float().repeat(num_layers, 1)
    if count == num_layers or count == ROWS > num_layers:
        return rows.float()[:num_layers].clone()
    raise OptionError(
        f"A direction of shape {tuple(vector.shape)} does not fit this generator; use one of shape "
        f"({STYLE_DIM},), ({ROWS}, {STYLE_DIM}) or ({num_layers}, {STYLE_DIM})."
    )


def limit_rows(vector: Tensor, start: int, stop: int | None) -> Tensor:
    """Zero all rows of (L, 512) but start…stop-1; None or a stop beyond the last row means to the end.

    Raises:
        OptionError: no row is left.
    """
    stop = len(vector) if stop is None else stop
    if not 0 <= start < min(stop, len(vector)):
        raise OptionError(
            f"There is no row from {start} up to {stop}; choose a start from 0 to {len(vector) - 1} and a "
            "larger stop."
        )
    limited = torch.zeros_like(vector)
    limited[start:stop] = vector[start:stop]
    return limited


def sigma_along(w: Tensor, vector: Tensor) -> float:
    """Measure the standard deviation of samples w (M, 512) along a vector (512,), whatever its length."""
    return (w.double() @ F.normalize(vector.to(w).double(), dim=0)).std().item()


@torch.inference_mode()
def sample_w(generator: Generator, count: int, psi: float, seed: int) -> Tensor:
    """Map `count` random z to w (M, 512) on the CPU, truncated to psi (0…1) about the mean.

    Equal seeds give equal w.
    """
    device = generator.w_mean.device
    z = torch.randn(count, STYLE_DIM, generator=torch.Generator().manual_seed(seed))
    w = torch.cat([generator.mapping(part.to(device)).float() for part in z.split(8192)])
    return torch.lerp(generator.w_mean, w, psi).cpu()


def spread(w: Tensor, num_layers: int) -> Tensor:
    """Repeat w (N, 512) over all rows: (N, L, 512)."""
    return w[:, None].expand(-1, num_layers, -1)


def orthogonalize(direction: Tensor, conditions: Sequence[Tensor]) -> Tensor:
    """Make a direction leave other attributes alone: the conditional projection of InterFaceGAN.

    With the conditions as unit rows of C: solve (C Cᵀ) a = C n; n' = n − aᵀC, renormalized. Conditions may
    depend on each other.

    Args:
        direction: n, (512,).
        conditions: each (512,); none leaves n as it is.

    Returns:
        n', (512,), a unit vector.

    Raises:
        OptionError: the conditions leave nothing of the direction.
    """
    n = F.normalize(direction.double().cpu(), dim=0)
    if conditions:
        c = F.normalize(torch.stack(list(conditions)).double().cpu(), dim=1)  # (number of conditions, 512)
        # Least squares of n − Cᵀa has these normal equations, and a solution also where C Cᵀ is singular.
        a = torch.linalg.lstsq(c.T, n[:, None], rcond=LEAST_REST, driver="gelsd").solution[:, 0]
        n = n - a @ c
    rest = n.norm()
    if rest < LEAST_REST:
        raise OptionError(
            "The conditions leave nothing of this direction; name fewer, and not the attribute itself."
        )
    return (n / rest).to(direction)


def load_direction(
    path: str | Path, num_layers: int, sigma_of: Callable[[Tensor], float] | None = None
) -> Direction:
    """Read a published direction, such as the boundaries of InterFaceGAN or of encoder4editing.

    Args:
        path: .npy, .pt or safetensors with one tensor that `fit_rows` takes; every row is brought to unit
            length, and zero rows stay zero.
        num_layers: L of the generator.
        sigma_of: measures the deviation of W along a unit vector (512,), see `sigma_along`; the mean over the
            direction's rows is taken. Without it a strength of 1 is a step of length 1.

    Returns:
        A direction with the file's name without suffix.

    Raises:
        WeightsError: the file is missing, damaged, would run code, or holds no usable numbers.
        OptionError: it is of another shape.
    """
    path = Path(path)
    tensors = list(read_tensors(path).values())
    if len(tensors) != 1:
        raise WeightsError(
            f"{path.name} holds {len(tensors)} tensors of real numbers where a direction is one; save it so."
        )
    rows = fit_rows(tensors[0], num_layers)
    if not rows.isfinite().all():
        raise WeightsError(f"{path.name} holds values that are not finite; make or download it again.")
    if not rows.any():
        raise WeightsError(f"{path.name} holds only zeros in the rows used here; choose another direction.")
    unit = F.normalize(rows.double(), dim=1).float()
    used = unit[unit.any(1)]
    sigma = sum(map(sigma_of, used)) / len(used) if sigma_of else 1.0
    return Direction(unit, sigma, path.stem)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read the real-valued tensors of a .npy, .pt or safetensors file, told apart by content, to the CPU.

    Returns:
        Tensors by key; one that stands alone has the key "".

    Raises:
        WeightsError: the file is missing, of another format, damaged, or holds a pickle that could run code.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise WeightsError(f"There is no file {path.name}; check its name and folder.")
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise WeightsError(f"{path.name} cannot be read ({reason}); change its permissions.") from error
    # Safetensors first: the length it opens with may look like the start of a pickle.
    if head[4:9] == b"\0\0\0\0{":
        read = load_file
    elif head.startswith(b"\x93NUMPY"):
        read = _read_numpy
    elif head.startswith((b"PK", b"\x80")):
        read = _read_torch
    else:
        raise WeightsError(
            f"{path.name} is not a .npy, .pt or .safetensors file, whatever its name; download it again."
        )
    try:
        found = read(path)
        return {str(key): value.clone() for key, value in found.items() if _is_real(value)}
    except Exception as error:  # damaged files raise whatever their misread bytes lead to
        raise WeightsError(
            f"{path.name} is damaged, cut off ({path.stat().st_size:,} bytes) or holds more than tensors and "
            "plain values, which could run code; download it again, or save its tensors as safetensors."
        ) from error


def save_directions(
    path: str | Path, entries: Mapping[str, Direction], metadata: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write our own table of directions: one safetensors file, a unit vector (512,) float32 for each name.

    Args:
        path: an existing file is replaced.
        entries: by name; the same unit vector in one range of rows, as from `fit_rows` and `limit_rows`. A
            range that ends with the last row is stored as open, so that it holds for other generators.
        metadata: by name, what else is known of the direction and can stand in JSON (held-out accuracy,
            sample count, conditions); rows and sigma are added. Other keys may describe the whole file.

    Raises:
        ValueError: a direction with differing rows, or with gaps between them.
    """
    vectors, table = {}, dict(metadata)
    for name, direction in entries.items():
        start, stop = _row_range(direction)
        vectors[name] = direction.vector[start].float().cpu().clone()
        table[name] = {**metadata.get(name, {}), "rows": [start, stop], "sigma": float(direction.sigma)}
    save_file(vectors, path, {_TABLE: json.dumps(table, sort_keys=True)})


def load_directions(path: str | Path, num_layers: int) -> tuple[dict[str, Direction], dict[str, Any]]:
    """Read a table that `save_directions` wrote, for a generator of `num_layers` rows.

    Returns:
        Directions by name, each limited to its rows, and the metadata: for every name rows [start, stop] (a
        stop of None is the end), sigma, and what else was saved.

    Raises:
        WeightsError: the file is missing, damaged or another kind of file.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"The table of directions {path.name} is missing; check out the repository again.")
    try:
        with safe_open(path, "pt") as file:
            table = json.loads(file.metadata()[_TABLE])
            # Copied, as all that is kept here: the file is mapped, and may be written anew while we work.
            vectors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        directions = {
            name: Direction(
                limit_rows(fit_rows(vector, num_layers), *table[name]["rows"]), table[name]["sigma"], name
            )
            for name, vector in vectors.items()
        }
        if not all(one.vector.isfinite().all() and 0 < one.sigma < math.inf for one in directions.values()):
            raise ValueError("values that are not finite")
    except (SafetensorError, OptionError, OSError, LookupError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The table of directions {path.name} is damaged or of another kind; check out the repository "
            "again."
        ) from error
    return directions, table


def _read_numpy(path: Path) -> dict[str, Tensor]:
    # Mapped, so that a header which promises more than the file holds is found out before memory is taken.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return {"": torch.from_numpy(np.array(array, np.float32))} if array.dtype.kind == "f" else {}


def _read_torch(path: Path) -> dict[str, Tensor]:
    original = torch.load(path, map_location="cpu", weights_only=True)
    return original if isinstance(original, dict) else {"": original}


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == torch.strided


def _row_range(direction: Direction) -> tuple[int, int | None]:
    """Give start and stop of the rows in use; the stop is None where it is the end."""
    used = direction.vector.any(1).nonzero()[:, 0].tolist()
    rows = direction.vector[used]
    contiguous = used and used == list(range(used[0], used[-1] + 1))
    if not contiguous or not torch.equal(rows, rows[:1].expand_as(rows)):
        raise ValueError(f"{direction.name} must be one vector in one range of rows")
    if abs(rows[0].norm().item() - 1) > 1e-3:
        raise ValueError(f"{direction.name} must be a unit vector, not of length {rows[0].norm().item():.3f}")
    stop = used[-1] + 1
    return used[0], None if stop == len(direction.vector) else stop
