"""What words do: phrases are said to inverted faces, and scorer and text model say what changed.

Shapes: S edge of the judged pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from editing.edit import edit_all
from editing.evaluation.judges import Judges
from editing.evaluation.samples import VIEW_SIZE
from editing.moves.moves import Moves
from editing.moves.scorer import signed
from editing.recipe.recipe import Recipe, TextEdit
from samm.inversion import Inversion
from samm.models import Model
from samm.pixels import to_pm1

__all__ = ["PROMPTS", "WordFigures", "prove_words"]

# Phrase, what it starts from, and the score that has to follow; None where only the text model can judge.
PROMPTS: tuple[tuple[str, str, str | None], ...] = (
    ("blonde hair", "face with hair", "blond_hair"),
    ("black hair", "face with hair", "black_hair"),
    ("brown hair", "face with hair", "brown_hair"),
    ("grey hair", "face with hair", "gray_hair"),
    ("curly hair", "face with hair", "wavy_hair"),
    ("bangs", "face with hair", "bangs"),
    ("a bald head", "a face", "bald"),
    ("a beard", "a face", "-no_beard"),
    ("an old man", "a man", "age"),
    ("young", "a face", "-age"),
    ("sunglasses", "a face", "dark_lenses"),
    ("glasses", "a face", "eyeglasses"),
    ("red lipstick", "a face", "wearing_lipstick"),
    ("makeup", "a face", "heavy_makeup"),
    ("smiling", "a face", "smiling"),
    ("surprised", "a face", "mouth_slightly_open"),
    ("chubby", "a face", "chubby"),
    ("eyebrows thick", "a face", "bushy_eyebrows"),
    ("pale", "a face", "skin_lightness"),
    ("tanned", "a face", "-skin_lightness"),
)


@dataclass(frozen=True)
class WordFigures:
    """One phrase at strength 1 on inverted faces.

    Attributes:
        phrase: the words.
        nearer: share of faces that the text model finds nearer to the words.
        right_way: share of faces whose score moves as wanted; None where there is no such score.
        identity: mean cosine to the un-edited result.
        background: mean change of pixels that the mask keeps (> 0.9), in levels of 255.
    """

    phrase: str
    nearer: float
    right_way: float | None
    identity: float
    background: float


@torch.inference_mode()
def prove_words(
    inversions: Sequence[Inversion], model: Model, tools: Moves, judges: Judges
) -> list[WordFigures]:
    """Say every prompt to every face."""
    identity, scorer = judges.of_faces
    recipes = [Recipe(texts=(TextEdit(phrase, neutral),)) for phrase, neutral, _ in PROMPTS]
    befores, afters, backgrounds = [], [], []
    for inversion in tqdm(inversions, "Words", disable=None, leave=False):
        before, *after = edit_all(inversion, [Recipe(), *recipes], model, tools, VIEW_SIZE)
        befores.append(to_pm1(before.blended))
        afters.append(torch.cat([to_pm1(one.blended) for one in after]))
        kept = (before.gathered > 0.9).float()
        change = (afters[-1] - befores[-1]).abs().mean(1, keepdim=True) * 127.5
        backgrounds.append((change * kept).sum((1, 2, 3)) / kept.sum().clamp(min=1))
    plain = torch.cat(befores).to(model.device)
    scores, faces, seen = scorer.see(plain), identity(plain), tools.text_model.embed_images(plain)
    figures = []
    for i, (phrase, _, score) in enumerate(PROMPTS):
        pictures = torch.stack([after[i] for after in afters]).to(model.device)
        words = tools.text_model.embed_texts([phrase])[0]
        nearer = (tools.text_model.embed_images(pictures) - seen) @ words > 0
        follows = None if score is None else signed(scorer.see(pictures), score) > signed(scores, score)
        figures.append(
            WordFigures(
                phrase,
                nearer=float(nearer.float().mean()),
                right_way=None if follows is None else float(follows.float().mean()),
                identity=float((identity(pictures) * faces).sum(1).mean()),
                background=float(torch.stack([part[i] for part in backgrounds]).mean()),
            )
        )
    return figures
