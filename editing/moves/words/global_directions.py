"""StyleCLIP's global directions: a phrase picks the style channels that do what it says.

Patashnik et al. 2021, section 6 (orpatashnik/StyleCLIP, MIT). What each style channel does to a picture's
embedding is known once for a generator; here it is measured by derivatives (`editing.training.channels`)
where upstream draws every channel moved.

Shapes: S style channels of all layers together, D width of the text model's space.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from editing.moves.words.files import read_safetensors
from editing.moves.words.model import TextModel
from samm.errors import OptionError, WeightsError
from samm.networks.generators import Generator

__all__ = [
    "Channels",
    "even_reach",
    "global_direction",
    "load_channels",
    "random_channels",
    "save_channels",
    "style_widths",
]

REACH = 25.0  # deviations that all channels together move at a strength of 1
FEW_CHANNELS = 20  # an automatic focus leaves more than these


@dataclass(frozen=True)
class Channels:
    """What the style channels of one generator do to a picture's embedding in one text model.

    Attributes:
        relevance: (S, D), Δi: where a channel moves the embedding, in unit rows.
        sigma: (S,), standard deviation of each channel over W.
        widths: channels of each style in drawing order.
        rgb_styles: indices of the styles that color the picture and that no direction changes.
        text_model: name of the model that the embeddings come from.
    """

    relevance: Tensor
    sigma: Tensor
    widths: tuple[int, ...]
    rgb_styles: tuple[int, ...]
    text_model: str

    def __post_init__(self):
        """Check that the parts belong together."""
        shapes = tuple(self.relevance.shape[:1]), tuple(self.sigma.shape)
        if self.relevance.ndim != 2 or shapes != ((sum(self.widths),),) * 2:
            raise ValueError(f"{sum(self.widths)} channels, but relevance and sigma have {shapes}")
        if not all(0 <= index < len(self.widths) for index in self.rgb_styles):
            raise ValueError(f"{len(self.widths)} styles, but rgb_styles are {self.rgb_styles}")

    @property
    def coloring(self) -> Tensor:
        """Tell for each channel whether it belongs to `rgb_styles`: booleans (S,)."""
        flags = [torch.full((width,), i in self.rgb_styles) for i, width in enumerate(self.widths)]
        return torch.cat(flags).to(self.sigma.device)


def style_widths(generator: Generator) -> tuple[int, ...]:
    """Count the channels of each style in drawing order; S is their sum."""
    mean = generator.w_mean.expand(1, generator.num_layers, -1)
    return tuple(style.shape[1] for style in generator.styles(mean))


def global_direction(channels: Channels, delta_t: Tensor, focus: float | None = None) -> Tensor:
    """Give the style-space offset (S,) that follows a change of words, at a strength α of 1.

    Args:
        channels: of the generator and the text model.
        delta_t: Δt (D,), from `editing.moves.words.axes`.
        focus: β, 0…1: channels with a relevance |R| below it stay as they are, so a larger one touches less.
            None takes the largest of 0.10, 0.11, … 0.29 that leaves more than 20 channels, or the 20 most
            relevant channels if none does.

    Raises:
        OptionError: no channel is as relevant as `focus` asks.
    """
    relevance = (channels.relevance @ delta_t).masked_fill(channels.coloring, 0)  # R
    size = relevance.abs()
    if focus is None:
        focus = _automatic_focus(size)
    if size.max() < focus or size.max() == 0:
        raise OptionError(
            f"The focus {focus:g} leaves nothing to change for these words, whose most relevant channel has "
            f"{size.max():.2f}; choose a lower focus or other words."
        )
    return torch.where(size < focus, 0, relevance) / size.max() * channels.sigma


def even_reach(channels: Channels, offset: Tensor) -> Tensor:
    """Scale a style-space offset (S,) so that a strength of 1 shows about as much with every phrase.

    Upstream leaves it to α, because an offset whose largest channel moves one deviation may have twenty
    channels or two thousand. Here its length, in deviations, is the same for all.
    """
    length = (offset[offset != 0] / channels.sigma[offset != 0]).norm()
    return offset * (REACH / length)


def random_channels(generator: Generator, text_model: TextModel, seed: int = 0) -> Channels:
    """Make up channels for a generator of random weights, for tests and page work."""
    widths = style_widths(generator)
    dice = torch.Generator().manual_seed(seed)
    relevance = F.normalize(torch.randn(sum(widths), text_model.dim, generator=dice), dim=1)
    device = generator.w_mean.device
    sigma = torch.full((sum(widths),), 0.05, device=device)
    return Channels(relevance.to(device), sigma, widths, generator.rgb_styles, text_model.name)


def _automatic_focus(size: Tensor) -> float:
    """Choose β for relevances |R| (S,) as upstream recommends for its threshold."""
    for percent in range(29, 9, -1):
        if (size >= percent / 100).sum() > FEW_CHANNELS:
            return percent / 100
    return float(size.topk(min(FEW_CHANNELS, len(size))).values[-1])


def save_channels(channels: Channels, path: Path) -> None:
    """Write a safetensors file; relevance in float16."""
    tensors = {"relevance": channels.relevance.half(), "sigma": channels.sigma.float()}
    layout = {"widths": channels.widths, "rgb_styles": channels.rgb_styles}
    metadata = {"layout": json.dumps(layout), "text_model": channels.text_model}
    save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, path, metadata)


def load_channels(path: Path, generator: Generator, text_model: TextModel) -> Channels:
    """Read what `save_channels` wrote, for this generator and this text model and on the generator's device.

    Raises:
        WeightsError: the file is missing, damaged, or was fitted to another generator or text model.
    """
    tensors, metadata = read_safetensors(path, generator.w_mean.device)
    if not all(value.isfinite().all() for value in tensors.values()):
        raise WeightsError(f"The file {path.name} holds values that are not finite; copy or fit it anew.")
    try:
        layout = json.loads(metadata["layout"])
        channels = Channels(
            relevance=F.normalize(tensors["relevance"].float(), dim=1),  # float16 made it a little shorter
            sigma=tensors["sigma"],
            widths=tuple(layout["widths"]),
            rgb_styles=tuple(layout["rgb_styles"]),
            text_model=metadata["text_model"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise WeightsError(
            f"The file {path.name} does not hold style channels; choose one that editing.training has made."
        ) from error
    if (channels.widths, channels.rgb_styles) != (style_widths(generator), generator.rgb_styles):
        raise WeightsError(
            f"The file {path.name} was fitted to another generator, of {sum(channels.widths):,} style "
            "channels; choose that one or fit it again."
        )
    if (channels.text_model, channels.relevance.shape[1]) != (text_model.name, text_model.dim):
        raise WeightsError(
            f"The file {path.name} was fitted to the text model {channels.text_model} and not to "
            f"{text_model.name}; choose that one or fit it again."
        )
    return channels
