"""Style channels: what each does to a picture's embedding, which StyleCLIP's global directions need.

The paper (section 6) renders every channel of 100 pictures at ±5 standard deviations: over a million renders.
Here Δi comes from first derivatives: the Jacobian ∂e/∂s of the embedding e by all channels costs one backward
pass for each of its D numbers, whatever the number of channels.

Shapes: N batch, L style rows, S style channels of all layers together, D width of the text model's space.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from editing.moves.words.global_directions import Channels, style_widths
from editing.moves.words.model import TextModel
from samm.errors import OptionError
from samm.models import PRECISIONS
from samm.networks.generators import Generator

__all__ = ["fit_channels", "sample_codes", "style_deviations"]

SIZE = 256  # edge of the pictures that the text model sees
TRUNCATION = 0.7  # ψ
TRUNCATED_ROWS = 8
DEVIATION_SAMPLES = 100_000


def sample_codes(generator: Generator, z: Tensor) -> Tensor:
    """Map noise (N, 512) to w_plus (N, L, 512), its first 8 rows truncated by ψ = 0.7 as upstream does."""
    w = generator.mapping(z.to(generator.w_mean.device))
    w_plus = w[:, None].repeat(1, generator.num_layers, 1)
    w_plus[:, :TRUNCATED_ROWS] = generator.w_mean.lerp(w_plus[:, :TRUNCATED_ROWS], TRUNCATION)
    return w_plus


@torch.no_grad()
def style_deviations(
    generator: Generator, samples: int = DEVIATION_SAMPLES, seed: int = 0, batch: int = 1000
) -> Tensor:
    """Measure σ (S,), the standard deviation of every style channel over sampled codes."""
    noise = torch.Generator().manual_seed(seed)
    center = _styles(generator, generator.w_mean.expand(1, generator.num_layers, -1))  # keeps digits
    total, squares = center.new_zeros(2, *center.shape, dtype=torch.float64)
    for start in range(0, samples, batch):
        z = torch.randn(min(batch, samples - start), 512, generator=noise)
        offset = (_styles(generator, sample_codes(generator, z)) - center).double()
        total += offset.sum(0)
        squares += offset.square().sum(0)
    return (squares / samples - (total / samples).square()).sqrt()[0].float()


def fit_channels(
    generator: Generator,
    text_model: TextModel,
    images: int = 256,
    seed: int = 0,
    batch: int = 8,
    at_once: int = 1,
    precision: str = "fp32",
    deviation_samples: int = DEVIATION_SAMPLES,
    state_path: Path | None = None,
) -> Channels:
    """Measure what all style channels do, from derivatives.

    Args:
        generator: frozen; everything runs on its device.
        text_model: frozen, on the same device.
        images: pictures to average over.
        seed: of the sampled codes.
        batch: pictures drawn at once.
        at_once: derivatives taken in one backward pass; more than 1 needs a text model that vmap can batch
            and that many times the memory for gradients.
        precision: of the networks, a name of `samm.models.PRECISIONS`.
        deviation_samples: codes to measure σ from.
        state_path: a file that is written after each batch and that an interrupted run continues from, with
            the same result.

    Raises:
        OptionError: the state file belongs to another run.
    """
    noise = torch.randn(images, 512, generator=torch.Generator().manual_seed(seed))
    run = {
        "images": images,
        "seed": seed,
        "batch": batch,
        "precision": precision,
        "sigma from": deviation_samples,
        "text model": text_model.name,
    }
    label = ", ".join(f"{name} {value}" for name, value in run.items())
    if state_path is not None and state_path.exists():
        done, state = _read_state(state_path, label, generator.w_mean.device)
    else:
        done = 0
        sigma = style_deviations(generator, deviation_samples, seed)
        state = {"sigma": sigma, "styles": sigma.new_zeros(len(sigma), text_model.dim)}

    for start in tqdm(
        range(done, images, batch), "Channels", initial=done // batch, total=-(-images // batch)
    ):
        z = noise[start : start + batch]
        state["styles"] += _jacobian(generator, text_model, z, at_once, precision)
        if state_path is not None:
            _write_state(state_path, label, start + len(z), state)
    return Channels(
        relevance=F.normalize(state["styles"], dim=1),  # unit rows, in which σ cancels
        sigma=state["sigma"],
        widths=style_widths(generator),
        rgb_styles=generator.rgb_styles,
        text_model=text_model.name,
    )


def _styles(generator: Generator, w_plus: Tensor) -> Tensor:
    return torch.cat(generator.styles(w_plus), 1)  # (N, S)


def _jacobian(generator: Generator, text_model: TextModel, z: Tensor, at_once: int, precision: str) -> Tensor:
    """Sum ∂e/∂s (S, D) over the pictures of z (N, 512)."""
    device = generator.w_mean.device
    with torch.no_grad():
        styles = [style.requires_grad_() for style in generator.styles(sample_codes(generator, z))]
    with (
        torch.enable_grad(),
        torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "fp32"),
    ):
        embedding = text_model.embed_images(generator.draw(styles, size=SIZE).float()).float()
        # A picture's embedding depends on no other picture, so the sum has the derivatives of each.
        embedding = embedding.sum(0)  # (D,)
    slopes = []
    for unit in torch.eye(len(embedding), device=device).split(at_once):  # (B, D)
        if at_once > 1:
            parts = torch.autograd.grad(embedding, styles, unit, retain_graph=True, is_grads_batched=True)
        else:
            parts = [x[None] for x in torch.autograd.grad(embedding, styles, unit[0], retain_graph=True)]
        slopes.append(torch.cat(parts, 2).float().sum(1))  # (B, N, S) to (B, S)
    return torch.cat(slopes).T


def _read_state(path: Path, label: str, device: torch.device) -> tuple[int, dict[str, Tensor]]:
    with safe_open(path, "pt", device=str(device)) as file:
        metadata = file.metadata()
        if metadata["run"] != label:
            raise OptionError(
                f"The state file {path.name} belongs to another run ({metadata['run']}); finish that one, "
                "name another file or delete it."
            )
        return int(metadata["done"]), {name: file.get_tensor(name) for name in ("sigma", "styles")}


def _write_state(path: Path, label: str, done: int, state: Mapping[str, Tensor]) -> None:
    """Replace the file in one step, so that it is whole whenever the run is killed."""
    unfinished = path.with_name(f"{path.name}.part")
    tensors = {name: value.contiguous().cpu() for name, value in state.items()}
    save_file(tensors, unfinished, {"run": label, "done": str(done)})
    unfinished.replace(path)
