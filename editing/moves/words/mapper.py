"""StyleCLIP's latent mapper: a small network, trained once for a phrase, changes any w_plus.

Patashnik et al. 2021, section 5 (orpatashnik/StyleCLIP, MIT); `editing.training.mapper` trains one.

Shapes: N batch, L style rows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from editing.moves.words.files import read_safetensors, unreadable
from samm.checkpoints import WeightFile
from samm.errors import OptionError, WeightsError
from samm.networks.generators import LEVELS
from samm.networks.generators.stylegan2 import MappingLayer, PixelNorm

__all__ = ["Mapper", "load_mapper", "mapper_name", "mapper_of", "save_mapper"]

MAPPER_LAYERS = 4
MAPPER_GAIN = 0.1

_NOT_WORD = re.compile(r"[^\w-]+")
_UPSTREAM_NETS = {"course": "coarse", "medium": "medium", "fine": "fine"}  # "course" is upstream's spelling
_UPSTREAM_KEY = re.compile(r"^mapper\.(course|medium|fine)_mapping\.mapping\.(\d\.(?:weight|bias))$")


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


def mapper_name(phrase: str) -> str:
    """Name the file of a phrase's mapper; nothing of the phrase can lead to another folder."""
    return f"mapper_{_NOT_WORD.sub('_', phrase)}.safetensors"


def mapper_of(phrase: str, device: torch.device) -> Mapper:
    """Load the mapper that was trained for a phrase.

    Raises:
        OptionError: there is none.
        WeightsError: see `load_mapper`.
    """
    command = f"python -m editing.training mapper --phrase {phrase!r}"
    path = WeightFile(mapper_name(phrase), "", command, "as its training data").find()
    if path is None:
        raise OptionError(
            f"No mapper was trained for “{phrase}”; train one with {command}, or use the method global."
        )
    return load_mapper(path).to(device)


def _is_published(path: Path) -> bool:
    """Tell what torch.save wrote from safetensors, whose header opens with a length and a brace."""
    try:
        with path.open("rb") as stream:
            return stream.read(9)[8:] != b"{"
    except OSError as error:
        raise WeightsError(unreadable(path)) from error


def _read_mapper(path: Path) -> tuple[str, dict[str, Tensor]]:
    state, metadata = read_safetensors(path, torch.device("cpu"))
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
