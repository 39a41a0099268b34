"""The weights files of editing; they lie in `samm/weights` beside the others and are found the same way.

Components of cars are published and not embedded.
"""

from __future__ import annotations

from samm.checkpoints import WeightFile

__all__ = ["CARS_PCA", "CHANNELS", "COMPONENTS", "DIRECTIONS", "FACE_TEXT", "FILES", "SCORER", "channels_of"]

_DRAWN = "fitted through StyleGAN2-FFHQ: non-commercial research"


def _own(name: str, sha256: str, step: str, licence: str = _DRAWN) -> WeightFile:
    return WeightFile(name, sha256, f"this project, python -m editing.training {step}", licence)


SCORER = _own(
    "scorer.safetensors",
    "7d89824606df261e79fdee0573578d5d48e8db95653c7cd13c0d3835fa27c80e",
    "scorer",
    "trained on CelebA and All-Age-Faces: non-commercial research",
)
FACE_TEXT = _own(
    "face_text.safetensors", "a2e886bce26dea3fa88c2027e80ae4763e4c044c1f6fa97ca7389bb647b0e22f", "text"
)
DIRECTIONS = _own(
    "directions.safetensors", "b772b24bc936f0a415bb6923f4e59732f00bf38da3a67542facf246514042cf1", "directions"
)
COMPONENTS = _own(
    "components.safetensors", "8024dbdd46eececedc5c82df3b98bf879949163f245788907edc9219b47b70da", "components"
)
CHANNELS = _own(
    "face_text_channels.safetensors",
    "80b8d8a810a6e28fe6844bc86b57142ea4814b0bb61155855cc3026fc48a2936",
    "channels",
)
CARS_PCA = WeightFile(
    "cars_pca.pt", "", "editings/ganspace_pca of omertov/encoder4editing on GitHub", "MIT", layout=dict
)

FILES = (SCORER, FACE_TEXT, DIRECTIONS, COMPONENTS, CHANNELS)


def channels_of(text_model: str) -> WeightFile:
    """Name the file of style channels measured with a text model."""
    if text_model == "embedded":
        return CHANNELS
    return _own(f"{text_model}_channels.safetensors", "", f"channels --clip {text_model}")
