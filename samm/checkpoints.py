"""Weights files: where they lie, what they are, and how they get into a module without a surprise.

A file is looked for in the folder named by the environment variable SAMM_WEIGHTS, then beside this module in
`weights/`. One that is published on the Hugging Face Hub is then taken from the Hub's cache or downloaded, at
a pinned revision and with its hash verified; HF_HUB_OFFLINE=1 forbids the download. Nothing is unpickled that
could run code.

Our own files are safetensors with the keys of the module. A published original is what `torch.save` wrote,
and a *layout* picks the part of it that a module takes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from samm.errors import WeightsError

__all__ = [
    "EMBEDDED",
    "Layout",
    "WeightFile",
    "decoder_layout",
    "encoder_layout",
    "g_ema_layout",
    "load_weights",
    "sha256",
]

EMBEDDED = Path(__file__).parent / "weights"

# Maps the dictionary in a published file to the keys of our module; what is not a tensor counts as absent.
Layout = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_BY_HAND = "put it into samm/weights or into the folder that SAMM_WEIGHTS names"
_ANSWERS_S = 5  # within which the Hub must answer
_TORCH_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # opens every file of torch.save before 1.6

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightFile:
    """One weights file: its name, content hash, origin and licence.

    Attributes:
        name: the file's name, in a folder and in `repo`.
        sha256: 64 hexadecimal digits; empty where nobody has published it.
        source: where it came from first, for people.
        licence: of the weights.
        repo: repository on the Hugging Face Hub, if it may be fetched.
        revision: the commit of `repo`; a download without one would not be repeatable.
        size: bytes.
        layout: for a published original; None for our safetensors files.
        optional: a model does without the part whose file is absent.
    """

    name: str
    sha256: str
    source: str
    licence: str
    repo: str | None = None
    revision: str | None = None
    size: int | None = None
    layout: Layout | None = None
    optional: bool = False

    def __post_init__(self):
        """Insist on a pinned revision."""
        if self.repo and not self.revision:
            raise ValueError(f"{self.name} of {self.repo} needs a revision")

    @property
    def origin(self) -> str:
        """Say where a person finds the file."""
        return f"{self.repo} on the Hugging Face Hub" if self.repo else self.source

    def find(self, *folders: Path) -> Path | None:
        """Find the file in `folders`, $SAMM_WEIGHTS or `samm/weights`, in this order; None if absent."""
        override = os.environ.get("SAMM_WEIGHTS")
        places = (*folders, *([Path(override)] if override else []), EMBEDDED)
        return next((folder / self.name for folder in places if (folder / self.name).is_file()), None)

    def path(self, *folders: Path) -> Path:
        """Find the file, or fetch it if it is published on the Hub.

        Args:
            folders: where to look first.

        Raises:
            WeightsError: it lies neither in $SAMM_WEIGHTS nor in `samm/weights` and cannot be fetched, or
                what was fetched has another hash.
        """
        if found := self.find(*folders):
            return found
        if self.repo:
            return self._fetch(self.repo)
        if self.layout:
            raise WeightsError(
                f"The model file {self.name} is missing; get it from {self.origin} and {_BY_HAND}."
            )
        raise WeightsError(
            f"The model file {self.name} is missing; {_BY_HAND}, or check out the repository again."
        )

    def _fetch(self, repo: str) -> Path:
        # Imported here because it takes long and only files from the Hub need it.
        import huggingface_hub

        size = f" ({self.size / 1e6:,.0f} MB)" if self.size else ""
        _log.info("Taking %s%s from %s", self.name, size, repo)
        try:
            cached = huggingface_hub.try_to_load_from_cache(repo, self.name, revision=self.revision)
            if not isinstance(cached, str):
                # Asked once: the download would go on asking for half a minute where nobody answers.
                address = huggingface_hub.hf_hub_url(repo, self.name, revision=self.revision)
                huggingface_hub.get_hf_file_metadata(address, timeout=_ANSWERS_S)
            path = Path(huggingface_hub.hf_hub_download(repo, self.name, revision=self.revision))
        except Exception as error:  # the client lets through what its HTTP library raises, and that changes
            raise WeightsError(
                f"The model file {self.name}{size} could not be fetched from {self.origin}; go online and "
                f"try again, or get it by hand and {_BY_HAND}."
            ) from error
        if self.sha256 and sha256(path) != self.sha256:
            raise WeightsError(
                f"The model file {self.name} fetched from {self.origin} is not the one it should be (its "
                f"SHA-256 is not {self.sha256[:16]}…); delete it from the Hub's cache and try again."
            )
        return path


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):  # a published file may be larger than the memory to spare
            digest.update(block)
    return digest.hexdigest()


def g_ema_layout(original: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the averaged generator of rosinality/stylegan2-pytorch; `latent_avg` (512,) becomes `w_mean`.

    `g` and `d`, the generator and discriminator in training, are left alone where the file has them.
    """
    return {**(original.get("g_ema") or {}), "w_mean": original.get("latent_avg")}


def encoder_layout(original: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the encoder of omertov/encoder4editing or yuval-alaluf/restyle-encoder and `latent_avg` (L, 512).

    `decoder.*`, a copy of the generator, and `opts` are left alone.
    """
    return {**_part(original, "encoder."), "latent_avg": original.get("latent_avg")}


def decoder_layout(original: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the frozen generator, `decoder.*`, that the same files carry along.

    Every row of `latent_avg` (L, 512) is the mean of W, so the first becomes `w_mean`.
    """
    mean = original.get("latent_avg")
    return {**_part(original, "decoder."), "w_mean": mean[0] if isinstance(mean, Tensor) else None}


def _part(original: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    state = original.get("state_dict") or {}
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def load_weights(module: nn.Module, file: WeightFile, *folders: Path) -> None:
    """Fill a module from a file, every key once; values become the module's dtype.

    Args:
        module: what to fill.
        file: which file.
        folders: where to look for it first.

    Raises:
        WeightsError: the file is missing, damaged, cut off, made for another network, or would run code.
    """
    path = file.path(*folders)
    state = _read_original(path, file, file.layout) if file.layout else _read_own(path, file)
    differences = _differences(module.state_dict(), state)
    if differences:
        shown = "; ".join(differences[:10]) + (" …" if len(differences) > 10 else "")
        remedy = f"get it from {file.origin}" if file.layout else "use the file that came with this version"
        raise WeightsError(
            f"The model file {file.name} belongs to another network ({len(differences)} differences: "
            f"{shown}); {remedy}."
        )
    module.load_state_dict(state)


def _read_own(path: Path, file: WeightFile) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"The model file {file.name} is damaged or cut off ({path.stat().st_size:,} bytes); "
            "check out the repository again or copy the file anew."
        ) from error


def _read_original(path: Path, file: WeightFile, layout: Layout) -> dict[str, Tensor]:
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(b"\x80") and _TORCH_MAGIC not in head:
        raise WeightsError(
            f"The model file {file.name} is a bare Python pickle, as NVIDIA publishes them, which runs code "
            f"when it is loaded and is therefore refused; get the converted file from {file.origin}."
        )
    try:
        # Mapped into memory where the format allows it, so that parts nobody wants are not even read.
        mapped = zipfile.is_zipfile(path)
        original = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # damaged pickles raise whatever their misread bytes lead to
        raise WeightsError(
            f"The model file {file.name} is damaged, cut off ({path.stat().st_size:,} bytes) or holds more "
            f"than tensors and plain values, which could run code; get it from {file.origin}."
        ) from error
    state = layout(original) if isinstance(original, Mapping) else {}
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def _differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    missing = [f"{key} is missing" for key in sorted(wanted.keys() - given.keys())]
    unknown = [f"{key} is unknown" for key in sorted(given.keys() - wanted.keys())]
    shapes = [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & given.keys())
        if given[key].shape != wanted[key].shape
    ]
    return missing + unknown + shapes
