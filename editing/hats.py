"""Hats and backdrops: seen where they are, and spared by edits.

A dark hat looks like dark hair to the generator, so neither SAMM's mask nor a poor drawing gives it away, and
an edit that greys the hair would grey the hat. Two networks tell, which make different mistakes: the scorer
knows hats from 30,000 labeled faces, and the text model says whether a portrait is rather one with a hat.
Both have to say so; or the mask keeps most of what is on the crown. Of 66 test portraits all eight with hats
or caps are found, three of four with wraps or bands, and no bare head.

Where a hat is worn, what is `hair.covered` and all of the backdrop are spared, too: the generator draws hair
around the head which the hat hides, and an edit would show it as a rim. Around a bare head the backdrop is
spared; but for its edge where hair is edited, since strands in their old color would stay there.

Shapes: E = `WORK_SIZE`, edge of the maps.
"""

from __future__ import annotations

from functools import cache
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from editing.hair import covered
from editing.parts import BROWS, WORK_SIZE, above, parts_of
from editing.places import CROWN, soft
from samm.inversion import Inversion
from samm.method.regions import blur, open_, rise, widen
from samm.networks.ops import area_resize

__all__ = ["crown_kept", "prepare", "spared", "worn"]

SCORE = (0.12, 0.2)  # the scorer's probability: no hat, perhaps one
SAID = (-0.045, -0.025)  # difference of the text model's mean cosines with both groups of phrases, likewise
WITH = ("a person wearing a hat", "a man wearing a cap", "a woman with a hat")
WITHOUT = ("a person", "a man with short hair", "a woman with hair")
KEPT = (0.57, 0.62)  # share of the crown's part that SAMM keeps: may be hair, is none
EDGE_PX = 3.0  # deviation of the soft lower edge
HAT_RIM_PX = 3  # by which the parts are widened with a hat, as they end where colors begin to change
RIM_PX = 2  # by which the backdrop is narrowed for hair without one
SPECK_PX = 4  # half width of the smallest piece of a backdrop
# Backdrop and hat, (1, 1, E, E) each; each edit of a photo asks again.
_FOUND: WeakKeyDictionary[Inversion, tuple[Tensor, Tensor]] = WeakKeyDictionary()


def spared(inversion: Inversion, of_hair: bool = True) -> Tensor:
    """Mark what an edit does not change: a worn hat, and the backdrop: (1, 1, E, E) in 0…1.

    Args:
        inversion: of a face.
        of_hair: whether the edit may be of hair, which reaches over the backdrop's edge.
    """
    if inversion not in _FOUND:
        parts = parts_of(inversion)
        chance = worn(inversion, parts)
        hat = chance * _hat(inversion, parts) if chance else torch.zeros_like(parts["crown"])
        _FOUND[inversion] = open_(parts["background"], SPECK_PX), hat
    backdrop, hat = _FOUND[inversion]
    narrowed = -widen(-backdrop, RIM_PX) if of_hair else backdrop
    return blur(narrowed, EDGE_PX / 2).maximum(hat)


def _hat(inversion: Inversion, parts: dict[str, Tensor]) -> Tensor:
    """Mark where a hat is if one is worn, and what it hides."""
    photo, drawn, _ = inversion.views_pm1
    places = widen(above(parts["crown"], BROWS).maximum(parts["background"]), HAT_RIM_PX)
    places = blur(places, EDGE_PX / 2).maximum(soft(CROWN, WORK_SIZE, EDGE_PX))
    return places.maximum(covered(photo, drawn, inversion.predicted))


def worn(inversion: Inversion, parts: dict[str, Tensor]) -> float:
    """Tell whether a hat is worn, 0…1, by an inversion and its `parts_of`."""
    from editing.moves.scorer import chance  # torchvision takes a second

    seen = rise(chance(inversion.photo_pm1, "wearing_hat"), SCORE) * rise(_said(inversion.photo_pm1), SAID)
    return float(seen.maximum(rise(crown_kept(inversion, parts), KEPT)))


def crown_kept(inversion: Inversion, parts: dict[str, Tensor]) -> Tensor:
    """Give the share of what is on the crown that SAMM's mask keeps: a scalar in 0…1."""
    crown, kept = above(parts["crown"], BROWS), area_resize(inversion.predicted, WORK_SIZE)
    return (kept * crown).sum() / crown.sum().clamp_min(1)


def prepare() -> None:
    """Load what sees hats."""
    from editing.moves.scorer import shared_scorer  # torchvision takes a second

    shared_scorer(torch.device("cpu"))
    _phrases()


@torch.inference_mode()
def _said(photo_pm1: Tensor) -> Tensor:
    model, phrases = _phrases()
    likeness = model.embed_images(area_resize(photo_pm1, 256)) @ phrases.T
    return likeness[:, : len(WITH)].mean(1) - likeness[:, len(WITH) :].mean(1)


@cache
def _phrases() -> tuple:
    """Load the text model once, with what it takes the phrases for."""
    from editing.moves.words.model import load_face_text

    with torch.inference_mode(False):
        model = load_face_text()
    return model, model.embed_texts([*WITH, *WITHOUT])
