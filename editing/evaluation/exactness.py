"""What edits promise: an empty recipe is the inversion, opposite strengths mirror, and a slider is cheap."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from editing.edit import edit, edit_all, move_code
from editing.evaluation.sliders import STRENGTH
from editing.moves.moves import Moves
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe
from samm.inversion import Inversion
from samm.method.alignment import Alignment, replay
from samm.models import Model
from samm.networks.generators import Adapt
from samm.pixels import to_u8

__all__ = ["prove_exactness"]


def prove_exactness(inversion: Inversion, model: Model, tools: Moves, rounds: int = 5) -> dict[str, float]:
    """Check the zero recipe, mirroring and cost on one face.

    Returns:
        The largest difference of an empty recipe, drawn anew, to the inversion, in levels of 255; the largest
        departure from w_plus of the mean of two opposite moves, over the sliders; and the median cost of a
        slider edit in generator passes, without and with the stored flows and masks.
    """
    drawn = edit_all(inversion, [Recipe()], model, tools)[0].blended
    difference = int(np.abs(drawn.astype(int) - inversion.blended.astype(int)).max())
    sides = [
        [move_code(inversion, Recipe({name: sign * STRENGTH}), tools) for sign in (-1, 1)]
        for name in ATTRIBUTES
    ]
    mirror = max(float(((low + high) / 2 - inversion.w_plus).abs().max()) for low, high in sides)
    w_plus, recipe = inversion.w_plus.to(model.device), Recipe({"age": 1.0})

    stored = replay(Alignment(dict(inversion.flows), dict(inversion.masks)))

    def draw(adapt: Adapt | None) -> None:
        with torch.inference_mode(), model.autocast():
            to_u8(model.generator.synthesize(w_plus, adapt))

    plain, aligned = [], []
    for _ in range(rounds + 1):
        edited = _seconds(lambda: edit(inversion, recipe, model, tools))
        plain.append(edited / _seconds(lambda: draw(None)))
        aligned.append(edited / _seconds(lambda: draw(stored)))
    return {
        "zero_recipe": difference,
        "mirror": mirror,
        "plain_passes": median(plain[1:]),
        "aligned_passes": median(aligned[1:]),
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
