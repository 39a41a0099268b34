"""Face-and-text models: pictures and phrases in one space, so that words can say what an edit should do.

Two of them, both built by open_clip. `FaceText` is small, lies in the repository and knows the few hundred
words it was trained on by `python -m editing.training text`; a full CLIP knows English and has to be fetched.

Shapes: N pictures, T phrases, D width of the shared space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editing.moves.weights import FACE_TEXT
from samm.checkpoints import load_weights
from samm.errors import OptionError, WeightsError

__all__ = ["FaceText", "FullCLIP", "TextModel", "load_clip", "load_face_text", "load_text_model", "words"]

_CONFIG = Path(__file__).parent / "face_text.json"
_WORD = re.compile(r"[a-z']+")
_SPOKEN = re.compile(r"[\w']+")  # also numbers and other scripts, which `words` passes over


class TextModel(Protocol):
    """A frozen pair of networks by which pictures and phrases can be compared."""

    name: str  # for files fitted to it, such as "embedded" or "ViT-B-32"
    dim: int  # D

    def embed_images(self, image_pm1: Tensor) -> Tensor:
        """Map pictures (N, 3, H, H) in -1…1, any H ≥ 256, to unit vectors (N, D); differentiable."""
        ...

    def embed_texts(self, phrases: Sequence[str]) -> Tensor:
        """Map phrases to unit vectors (T, D).

        Raises:
            OptionError: a phrase is too long, or holds no word the model knows.
        """
        ...

    def unknown_words(self, phrase: str) -> list[str]:
        """List the words of a phrase that the model was never trained on, in order; a full CLIP has none."""
        ...


def words(phrase: str) -> list[str]:
    """Split a phrase into lower-case words; hyphens separate, so "make-up" is two."""
    return _WORD.findall(phrase.lower().replace("’", "'"))


def _embedded_config() -> dict[str, Any]:
    return json.loads(_CONFIG.read_text(encoding="utf-8"))


class FaceText(nn.Module):
    """The embedded model: an open_clip CLIP with a MobileNetV2 and a three-layer text transformer.

    Its tokens are whole words: the vocabulary is short, and an unknown word is seen as one. `bias` and the
    CLIP's own `logit_scale` turn a cosine into the log odds that a phrase is true of a face (Zhai et al.
    2023, SigLIP).
    """

    name = "embedded"

    def __init__(self, config: dict[str, Any] | None = None):
        import open_clip  # takes seconds, and only words need it

        super().__init__()
        config = _embedded_config() if config is None else config
        self.vocabulary: tuple[str, ...] = tuple(config["vocabulary"])
        self.size: int = config["vision_cfg"]["image_size"]
        self.context: int = config["text_cfg"]["context_length"]
        self.dim: int = config["embed_dim"]
        # The largest token ends a phrase, because the transformer is read where the token is largest; 0 pads.
        self._token = {word: i for i, word in enumerate(self.vocabulary, 1)}
        self._end = len(self.vocabulary) + 1
        text_cfg: Any = {**config["text_cfg"], "vocab_size": self._end + 1}
        self.clip = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], text_cfg)
        self.bias = nn.Parameter(torch.zeros(()))

    def embed_images(self, image_pm1: Tensor) -> Tensor:
        """See `TextModel`."""
        view = F.interpolate(image_pm1, size=self.size, mode="bilinear", antialias=True)
        return self.clip.encode_image(view, normalize=True)

    def embed_texts(self, phrases: Sequence[str]) -> Tensor:
        """See `TextModel`; unknown words are passed over."""
        tokens = torch.stack([self._tokens(phrase) for phrase in phrases])
        return self.clip.encode_text(tokens.to(self.bias.device), normalize=True)

    def unknown_words(self, phrase: str) -> list[str]:
        """See `TextModel`."""
        spoken = _SPOKEN.findall(phrase.lower().replace("’", "'"))
        return [word for word in spoken if word not in self._token]

    def log_odds(self, images: Tensor, texts: Tensor) -> Tensor:
        """Compare unit vectors (N, D) and (T, D): log odds (N, T) that each phrase is true of each face."""
        return self.clip.logit_scale.exp() * images @ texts.T + self.bias

    def _tokens(self, phrase: str) -> Tensor:
        known = [self._token[word] for word in words(phrase) if word in self._token]
        if not known:
            raise OptionError(
                f"The embedded text model knows no word of “{phrase}”; it knows hair, beard, glasses, "
                "make-up, age, expression, face shape and what people wear, and full CLIP knows the rest."
            )
        if len(known) >= self.context:
            raise OptionError(f"The phrase has {len(known)} words; keep it under {self.context}.")
        tokens = torch.zeros(self.context, dtype=torch.long)
        tokens[: len(known) + 1] = torch.tensor([*known, self._end])
        return tokens


def load_face_text(device: torch.device | str = "cpu", *folders: Path) -> FaceText:
    """Build the embedded text model from its file, looked for in `folders` first."""
    model = FaceText()
    load_weights(model, FACE_TEXT, *folders)
    return model.eval().requires_grad_(False).to(device)


class FullCLIP:
    """A published CLIP of open_clip, for any words; phrases are averaged over a few templates.

    CLIP's prompts matter (Radford et al. 2021, section 3.1.4): one bare phrase is a noisy point, the mean of
    several wordings a steadier one.
    """

    TEMPLATES = (
        "a photo of {}.", "a close-up photo of {}.", "a portrait of {}.", "a bright photo of {}.",
        "a dark photo of {}.", "a good photo of {}.", "a cropped photo of {}.", "a blurry photo of {}.",
        "a picture of {}.", "{}",
    )  # fmt: skip

    def __init__(self, name: str, clip: Any, tokenizer: Any, mean: Sequence[float], std: Sequence[float]):
        self.name = name
        self.clip = clip.eval().requires_grad_(False)
        self._tokenizer = tokenizer
        size = clip.visual.image_size  # a number for ResNets, a pair for the others
        self.size = size if isinstance(size, int) else size[0]
        self.dim = int(self.embed_texts(["a face"]).shape[1])
        parameter = next(clip.parameters())
        self._mean = torch.tensor(mean, device=parameter.device).view(1, 3, 1, 1)
        self._std = torch.tensor(std, device=parameter.device).view(1, 3, 1, 1)

    def embed_images(self, image_pm1: Tensor) -> Tensor:
        """See `TextModel`."""
        view = F.interpolate(image_pm1, size=self.size, mode="bicubic", antialias=True)
        return self.clip.encode_image(((view + 1) / 2 - self._mean) / self._std, normalize=True)

    def embed_texts(self, phrases: Sequence[str]) -> Tensor:
        """See `TextModel`."""
        device = next(self.clip.parameters()).device
        rows = []
        for phrase in phrases:
            tokens = self._tokenizer([template.format(phrase) for template in self.TEMPLATES])
            if tokens[:, -1].any():  # full to the last place, or cut off there
                raise OptionError(f"The phrase is too long; keep it under {tokens.shape[1]} tokens.")
            mean = self.clip.encode_text(tokens.to(device), normalize=True).mean(0)
            rows.append(F.normalize(mean, dim=0))
        return torch.stack(rows)

    def unknown_words(self, phrase: str) -> list[str]:
        """See `TextModel`: a full CLIP has seen them all."""
        return []


def load_clip(
    name: str = "ViT-B-32", pretrained: str = "openai", device: torch.device | str = "cpu"
) -> FullCLIP:
    """Load a full CLIP: a model name of open_clip, and a tag of its weights or the path of a file.

    Raises:
        OptionError: the name or tag is unknown to open_clip.
        WeightsError: the weights could not be fetched or read.
    """
    import open_clip  # see `FaceText`

    if name not in open_clip.list_models():
        raise OptionError(f"open_clip knows no model {name}; ViT-B-32 is a usual one.")
    if not Path(pretrained).is_file() and pretrained not in open_clip.list_pretrained_tags_by_model(name):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)[:6])
        raise OptionError(
            f"{name} has no weights {pretrained}; choose one of {tags}, or give the path of a file."
        )
    try:
        clip = open_clip.create_model(name, pretrained=pretrained, device=device)
    except Exception as error:  # what the Hub's client and unpicklers raise has no common class
        raise WeightsError(
            f"The weights {pretrained} of {name} could not be loaded; go online once, or give the path of a "
            "file."
        ) from error
    view = open_clip.get_model_preprocess_cfg(clip)
    return FullCLIP(name, clip, open_clip.get_tokenizer(name), view["mean"], view["std"])


def load_text_model(clip: str | None, device: torch.device | str = "cpu", *folders: Path) -> TextModel:
    """Load the full CLIP that "NAME" or "NAME:WEIGHTS" asks for, or without it the embedded model."""
    if clip is None:
        return load_face_text(device, *folders)
    name, _, pretrained = clip.partition(":")
    return load_clip(name, pretrained or "openai", device)
