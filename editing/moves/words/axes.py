"""From words to the change they mean: a direction in text space that holds what the words do not mention.

A text model has learned who wears lipstick and who has grey hair, and says so with every phrase: without
care, "red lipstick" makes a woman of a man. So a phrase's change gives up most of what it shares with the
axes of gender and age, unless its words speak of them.

Shapes: D width of the text space.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from editing.moves.words.model import TextModel, words
from samm.errors import OptionError

__all__ = ["meant_change", "text_change", "unmentioned"]

# Pairs of opposite phrases, with the words that speak of what lies between them.
AXES: dict[tuple[str, str], frozenset[str]] = {
    ("a man", "a woman"): frozenset(
        {
            *("man", "men", "male", "masculine", "manly", "guy", "gentleman", "boy", "father", "grandfather"),
            *("woman", "women", "female", "feminine", "lady", "girl", "mother", "grandmother"),
        }
    ),
    ("an old person", "a young person"): frozenset(
        {
            *("old", "older", "oldest", "elderly", "aged", "senior", "age", "grandfather", "grandmother"),
            *("young", "younger", "youthful", "child", "children", "childlike", "kid", "baby", "toddler"),
            *("boy", "girl", "teenager", "adolescent", "adult", "grown", "mature", "middle"),
            *("wrinkles", "wrinkled", "smooth"),
        }
    ),
}
# All of it would take too much of what is meant: beards and men are near each other for good reason.
HOLD = 0.7


def unmentioned(target: str, neutral: str) -> list[tuple[str, str]]:
    """List the axes that a change of words says nothing about, as pairs of opposite phrases."""
    said = set(words(target)) - set(words(neutral))
    return [pair for pair, names in AXES.items() if not said & names]


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


def meant_change(model: TextModel, target: str, neutral: str) -> Tensor:
    """Give Δt, the unit vector (D,) from one phrase to another, with unmentioned axes held.

    Raises:
        OptionError: both phrases mean the same to the model, or no word is known.
    """
    change = text_change(model, target, neutral)
    pairs = unmentioned(target, neutral)
    if not pairs:
        return change
    axes = torch.stack([text_change(model, *pair) for pair in pairs], 1)  # (D, A)
    shared = axes @ torch.linalg.lstsq(axes, change[:, None]).solution[:, 0]
    return F.normalize(change - HOLD * shared, dim=0)
