"""StyleCLIP: from words to an edit, in three ways (Patashnik et al. 2021; orpatashnik/StyleCLIP, MIT).

- Latent optimization (section 4): search a w_plus for one picture and one phrase. `optimize`
- Latent mapper (section 5): a small network, trained once for a phrase, changes any w_plus. `Mapper`
- Global directions (section 6): what each style channel does to a picture's embedding is known once for a
  generator; a phrase picks the channels that do what it says. `Channels`, `global_direction`

Each ends in a `Move`, the one form in which an edit meets a generator: `moved_styles` applies any number of
them. Two points differ from upstream: channels are measured by derivatives
(`editing.training.channels`), and the
distance to the first code is a mean, so that it does not depend on the number of rows.

Shapes: N batch, L style rows, S style channels of all layers together, D width of the text model's space.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from editing.moves.words.model import TextModel
from samm.errors import OptionError, WeightsError
from samm.networks.generators import Adapt, Generator
from samm.networks.generators.stylegan2 import MappingLayer, PixelNorm
from samm.networks.identity import FaceRes

__all__ = [
    "Channels",
    "Mapper",
    "Move",
    "OptimizeConfig",
    "even_reach",
    "global_direction",
    "load_channels",
    "load_mapper",
    "moved_styles",
    "optimize",
    "random_channels",
    "save_channels",
    "save_mapper",
    "style_widths",
    "text_change",
]

REACH = 25.0  # deviations that all channels together move at a strength of 1
FEW_CHANNELS = 20  # an automatic focus leaves more than these
LEVELS = {"coarse": (0, 4), "medium": (4, 8), "fine": (8, None)}  # rows of w_plus, end exclusive
MAPPER_LAYERS = 4
MAPPER_GAIN = 0.1

_UPSTREAM_NETS = {"course": "coarse", "medium": "medium", "fine": "fine"}  # "course" is upstream's spelling
_UPSTREAM_KEY = re.compile(r"^mapper\.(course|medium|fine)_mapping\.mapping\.(\d\.(?:weight|bias))$")


@dataclass(frozen=True)
class Move:
    """What words do to a face at a strength of 1: an offset in W+, in style space, or in both.

    Attributes:
        w_plus: (N, L, 512) or (L, 512).
        styles: (S,), of all layers in drawing order.
    """

    w_plus: Tensor | None = None
    styles: Tensor | None = None


def moved_styles(
    generator: Generator, w_plus: Tensor, moves: Iterable[tuple[Move, float]]
) -> tuple[Tensor, ...]:
    """Give the styles of w_plus (N, L, 512) after moves at their strengths, ready for `generator.draw`.

    Every move is a plain offset, so their order does not matter and opposite strengths cancel.
    """
    moves = list(moves)
    for move, strength in moves:
        if move.w_plus is not None:
            w_plus = w_plus + strength * move.w_plus
    styles = generator.styles(w_plus)
    widths = [style.shape[1] for style in styles]
    for move, strength in moves:
        if move.styles is not None:
            parts = move.styles.split(widths)
            styles = tuple(style + strength * part for style, part in zip(styles, parts, strict=True))
    return styles


def style_widths(generator: Generator) -> tuple[int, ...]:
    """Count the channels of each style in drawing order; S is their sum."""
    mean = generator.w_mean.expand(1, generator.num_layers, -1)
    return tuple(style.shape[1] for style in generator.styles(mean))


def text_change(model: TextModel, target: str, neutral: str) -> Tensor:
    """Give Δt, the unit vector (D,) from one phrase to another.

    Raises:
        OptionError: both phrases mean the same to the model.
    """
    change = torch.sub(*model.embed_texts([target, neutral]))
    if change.norm() < 1e-6:
        raise OptionError(
            f"The phrases “{target}” and “{neutral}” mean the same to the text model; describe a difference."
        )
    return F.normalize(change, dim=0)


# Global directions ----------------------------------------------------------------------------------------


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


def global_direction(channels: Channels, delta_t: Tensor, focus: float | None = None) -> Tensor:
    """Give the style-space offset (S,) that follows a change of words, at a strength α of 1.

    Args:
        channels: of the generator and the text model.
        delta_t: Δt (D,), from `text_change`.
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
    tensors, metadata = _read_own(path, generator.w_mean.device)
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


# Latent optimization --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OptimizeConfig:
    """Weights and schedule of the latent optimization; upstream's values."""

    steps: int = 300
    size: int = 256  # the picture is compared at this edge
    lr: float = 0.1
    ramp_up: float = 0.05  # share of the steps
    ramp_down: float = 0.25
    pull: float = 74.0  # λ2 of a mean: upstream's 0.008 of a sum over 18 × 512 values
    identity: float = 0.0  # λ_id


def optimize(
    w_plus: Tensor,
    target: str,
    text_model: TextModel,
    generator: Generator,
    identity: FaceRes | None = None,
    config: OptimizeConfig | None = None,
    adapt: Adapt | None = None,
) -> Iterator[Tensor]:
    """Move w_plus (1, L, 512) toward a phrase; stop iterating at any time and keep the last value.

    Args:
        w_plus: where to start; its difference to the result is a `Move`.
        target: what the picture should show.
        text_model: frozen.
        generator: frozen.
        identity: frozen; needed if its weight is not 0.
        config: weights and schedule.
        adapt: enters every drawing, as the features stored with an inversion do.

    Yields:
        The w_plus so far, once a step.

    Raises:
        ValueError: identity has a weight but no network.
    """
    config = config or OptimizeConfig()
    if config.identity and identity is None:
        raise ValueError("a weight on identity needs a network for it")
    w_start = w_plus.detach().clone()
    w_plus = w_start.clone().requires_grad_()
    optimizer = torch.optim.Adam([w_plus], lr=config.lr)
    with torch.no_grad():
        # Cloned, since a tensor made under inference mode cannot enter a gradient.
        words = text_model.embed_texts([target]).clone()  # (1, D)
        if config.identity:
            person = identity(generator.synthesize(w_start, adapt, config.size))

    for step in range(config.steps):
        with torch.enable_grad():
            picture = generator.synthesize(w_plus, adapt, config.size)
            loss = 1 - F.cosine_similarity(text_model.embed_images(picture), words).mean()
            loss = loss + config.pull * (w_plus - w_start).square().mean()
            if config.identity:
                loss = loss + config.identity * (1 - F.cosine_similarity(identity(picture), person).mean())
            optimizer.zero_grad()
            loss.backward()
        optimizer.param_groups[0]["lr"] = config.lr * _schedule((step + 0.5) / config.steps, config)
        optimizer.step()
        yield w_plus.detach().clone()


def _schedule(t: float, config: OptimizeConfig) -> float:
    """Rise linearly and fall on a cosine, for t in 0…1; the factor of the learning rate."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / config.ramp_down))
    return fall * min(1.0, t / config.ramp_up)


# Latent mapper --------------------------------------------------------------------------------------------


class Mapper(nn.Module):
    """A change of w_plus for one phrase: one network each for coarse, medium and fine rows.

    Args:
        phrase: what it was trained for.
        levels: which networks there are; without "fine" colors stay, and rows of an absent one do not move.
    """

    def __init__(self, phrase: str, levels: Sequence[str] = tuple(LEVELS)):
        super().__init__()
        self.phrase = phrase
        self.nets = nn.ModuleDict(
            {
                level: nn.Sequential(PixelNorm(), *[MappingLayer() for _ in range(MAPPER_LAYERS)])
                for level in levels
            }
        )

    def forward(self, w_plus: Tensor) -> Tensor:
        """Map w_plus (N, L, 512) to its change 0.1·M(w), of the same shape, at a strength of 1.

        PixelNorm meets (N, rows, 512) here and so, as upstream, normalizes over the rows of a level.
        """
        changes = []
        for level, (start, stop) in LEVELS.items():
            rows = w_plus[:, start:stop]
            changes.append(self.nets[level](rows) if level in self.nets else torch.zeros_like(rows))
        return MAPPER_GAIN * torch.cat(changes, 1)


def save_mapper(mapper: Mapper, path: Path) -> None:
    """Write a safetensors file with the phrase in its metadata."""
    tensors = {key: value.contiguous().cpu() for key, value in mapper.state_dict().items()}
    save_file(tensors, path, {"phrase": mapper.phrase})


def load_mapper(path: Path) -> Mapper:
    """Read a mapper that `save_mapper` wrote or that StyleCLIP published; told apart by content.

    Raises:
        WeightsError: the file is missing, damaged, another kind of network, or would run code.
    """
    phrase, state = _read_published(path) if _is_published(path) else _read_mapper(path)
    levels = [level for level in LEVELS if any(key.startswith(f"nets.{level}.") for key in state)]
    mapper = Mapper(phrase, levels)
    wanted = {key: value.shape for key, value in mapper.state_dict().items()}
    if not levels or wanted != {key: value.shape for key, value in state.items()}:
        differences = ", ".join(sorted(wanted.keys() ^ state.keys())[:10]) or "other shapes"
        raise WeightsError(
            f"The file {path.name} holds another network ({differences}); choose a StyleCLIP mapper with "
            "coarse, medium and fine levels."
        )
    mapper.load_state_dict(state)
    return mapper.eval().requires_grad_(False)


def _is_published(path: Path) -> bool:
    """Tell what torch.save wrote from safetensors, whose header opens with a length and a brace."""
    try:
        with path.open("rb") as stream:
            return stream.read(9)[8:] != b"{"
    except OSError as error:
        raise WeightsError(_unreadable(path)) from error


def _read_mapper(path: Path) -> tuple[str, dict[str, Tensor]]:
    state, metadata = _read_own(path, torch.device("cpu"))
    return metadata.get("phrase", ""), state


def _read_published(path: Path) -> tuple[str, dict[str, Tensor]]:
    """Pick the mapper of a StyleCLIP checkpoint; `decoder.*`, a copy of the generator, is left alone."""
    try:
        # Mapped into memory where the format allows it, so that the decoder is not even read.
        original = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # damaged pickles raise whatever their misread bytes lead to
        raise WeightsError(
            f"The file {path.name} is damaged, cut off or holds more than tensors and plain values, which "
            "could run code; get it from the StyleCLIP repository again."
        ) from error
    given = original.get("state_dict") if isinstance(original, Mapping) else None
    options = original.get("opts") if isinstance(original, Mapping) else None
    state = {
        _UPSTREAM_KEY.sub(lambda key: f"nets.{_UPSTREAM_NETS[key[1]]}.{key[2]}", key): value
        for key, value in (given or {}).items()
        if not key.startswith("decoder.")
    }
    return str((options or {}).get("description", "")), state


def _read_own(path: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(_unreadable(path)) from error


def _unreadable(path: Path) -> str:
    return f"The file {path.name} is missing, damaged or cut off; copy it anew or choose another."
