"""Train the embedded text model: every face of a batch meets every caption, and the truth is known.

Loss: binary cross-entropy of the log odds (SigLIP's form), with soft truths instead of pairs; each caption's
true and false faces weigh one half each, so that rare things count.

Shapes: N faces, T captions, K scores.
"""

from __future__ import annotations

import logging
import random

import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from editing.moves.words.model import FaceText
from editing.training.augment import augment
from editing.training.captions import CONCEPTS, Caption, draw_caption, every_word
from editing.training.loop import Schedule, train_averaged
from samm.pixels import batch_to_pm1

__all__ = ["CONFIG", "caption_report", "text_config", "train_text"]

log = logging.getLogger("editing.training")

CONFIG = {
    "embed_dim": 128,
    "vision_cfg": {
        "timm_model_name": "mobilenetv2_100",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 160,
    },
    "text_cfg": {"context_length": 16, "width": 192, "heads": 6, "layers": 3, "mlp_ratio": 2.0},
}


def text_config() -> dict:
    """Give the model's configuration with the vocabulary of all captions."""
    return {**CONFIG, "vocabulary": every_word()}


def train_text(
    faces: Tensor,
    scores: Tensor,
    device: torch.device,
    steps: int = 6000,
    batch: int = 384,
    captions: int = 256,
    seed: int = 0,
    config: dict | None = None,
) -> FaceText:
    """Train on faces uint8 (N, 3, H, H) with scores (N, K) as `scores.probabilities` gives.

    Returns:
        The averaged weights, ready to use, on the CPU.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = FaceText(config or text_config()).to(device)
    model.to(memory_format=torch.channels_last)
    torch.nn.init.constant_(model.clip.logit_scale, 2.3)
    torch.nn.init.constant_(model.bias, -2.0)
    faces, scores = faces.to(device), scores.to(device)

    def loss_of(picked: Tensor) -> Tensor:
        pictures = augment(faces[picked]).contiguous(memory_format=torch.channels_last)
        said = [draw_caption(rng) for _ in range(captions)]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            images = model.embed_images(pictures)
            texts = model.embed_texts([caption.text for caption in said])
        return _loss(model.log_odds(images.float(), texts.float()), _truths(said, scores[picked]))

    schedule = Schedule(steps, batch, rate=2e-3, weight_decay=0.05, clip=1.0)
    return train_averaged(model, faces, loss_of, schedule, see=FaceText.embed_images)


def _truths(said: list[Caption], scores: Tensor) -> Tensor:
    """Judge every caption of every face, (N, T)."""
    return torch.stack([caption.truth(scores) for caption in said], 1)


def _loss(log_odds: Tensor, truth: Tensor) -> Tensor:
    yes = (truth * F.softplus(-log_odds)).sum(0) / truth.sum(0).clamp(min=1)
    no = ((1 - truth) * F.softplus(log_odds)).sum(0) / (1 - truth).sum(0).clamp(min=1)
    return 0.5 * (yes + no).mean()


@torch.inference_mode()
def caption_report(
    model: FaceText, faces: Tensor, scores: Tensor, device: torch.device
) -> dict[str, dict[str, float]]:
    """Judge each concept's first wording on faces held out.

    Returns:
        For each concept the area under the curve of telling true faces (> 0.5) from others, and the share of
        true ones.
    """
    model = model.to(device)
    images = torch.cat([model.embed_images(batch_to_pm1(f.to(device))).float() for f in faces.split(256)])
    figures = {}
    for name, concept in CONCEPTS.items():
        phrase = (concept.nouns + concept.adjectives + concept.people)[0]
        similarity = (images @ model.embed_texts([phrase]).float().T)[:, 0].cpu()
        true = concept.truth(scores) > 0.5
        if not 0 < true.sum() < len(true):
            continue
        area = float(roc_auc_score(true, similarity))
        figures[name] = {
            "phrase": phrase,
            "share": int(true.sum()) / len(true),
            "area_under_curve": area,
        }
    mean = sum(figure["area_under_curve"] for figure in figures.values()) / len(figures)
    log.info("text model: mean area under the curve %.3f over %d concepts", mean, len(figures))
    return figures
