"""The stages of the program that `python -m samm bench` times, each as a function without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import torch
from torch import Tensor

from editing.edit import edit, edit_all
from editing.moves.moves import Moves
from editing.recipe.line import parse
from editing.recipe.recipe import Recipe
from editing.strip import grid, strip
from samm.crop.crop import Photo
from samm.crop.png import png_bytes
from samm.errors import PhotoError
from samm.inversion import MAX_STEPS, Inversion, Options, invert, refine, search_inputs
from samm.likeness.refinement import refine_steps
from samm.method.alignment import Alignment, aligner, replay
from samm.method.readout import fit_readout, probe_codes, probe_maps, record
from samm.models import Model
from samm.networks.generators import Adapt

__all__ = ["list_stages"]

_STRIP_PX, _GRID_PX = 512, 256


def list_stages(path: Path, model: Model) -> dict[str, Callable[[], object]]:
    """Prepare a photo, its inversion and its edits, and list what can be timed on them, by name.

    Raises:
        PhotoError: the photo cannot be read, or shows nothing that the model draws.
    """
    photo, moves = Photo.open(path), Moves(model)
    crops = photo.locate(model.domain)
    if not crops:
        raise PhotoError(f"There is no {model.domain.name} in {path.name}; choose another photo.")
    crop, plain = crops[0], Options(model.encoder.default_steps, readout=False)
    inversion = invert(crop, model)
    view, keep_photo, w_plus, descriptor = search_inputs(inversion, model)
    aligned = replay(Alignment(dict(inversion.flows), dict(inversion.masks)))
    steps = chain.from_iterable(  # each takes one step, and a search that ends is begun anew
        refine_steps(view, keep_photo, model.generator, model.perceptual, w_plus, MAX_STEPS, descriptor)
        for _ in count()
    )
    # Of a photo's latest drawings none is made again, so each edit that is timed is a little stronger.
    older, blonde = ((f"{what}{1 + n / 1000}" for n in count()) for what in ("age +", "blonde hair "))
    edited = edit(inversion, next(older), model, moves)
    edit(inversion, next(blonde), model, moves)  # loads the text model

    def drawn_at(recipes: list[Recipe], size: int) -> object:
        return edit_all(inversion, recipes, model, moves, min(size, model.resolution))

    return {
        "find": lambda: model.domain.locate(photo.pixels),
        "crop": lambda: model.domain.crop(photo.pixels, crop.quad, model.resolution),
        "encode": lambda: model.encoder.encode(view, model.generator, plain.encoder_steps),
        "draw": lambda: model.generator.synthesize(w_plus),
        "draw-aligned": lambda: model.generator.synthesize(w_plus, aligned),
        **_parts_of_drawing(inversion, view, aligned, model),
        "invert": lambda: invert(crop, model),
        "invert-without-readout": lambda: invert(crop, model, plain),
        "edit": lambda: edit(inversion, next(older), model, moves).blended,
        "words": lambda: edit(inversion, next(blonde), model, moves).blended,
        "edits-16": lambda: drawn_at([parse(next(older)) for _ in range(16)], model.resolution),
        "gather-and-blend": lambda: replace(inversion).blended,
        "mask-strength": lambda: replace(inversion, strength=1.5).blended,
        "strip": lambda: drawn_at(strip(Recipe(), "age"), _STRIP_PX),
        "grid": lambda: drawn_at(grid(Recipe(), "age", "smile"), _GRID_PX),
        "refine-step": lambda: next(steps),
        "redraw": lambda: refine(inversion, model, 0),
        "paste": lambda: edited.whole(),
        "png": lambda: png_bytes(edited.blended),
    }


@torch.no_grad()
def _parts_of_drawing(
    inversion: Inversion, view: Tensor, aligned: Adapt, model: Model
) -> dict[str, Callable[[], object]]:
    """List what an inversion does beside drawing: SAMM at all levels, and the read-out with its probes."""
    levels, w_plus = model.samm, inversion.w_plus.to(model.device)
    if levels is None:
        return {}
    features, plain = model.encoder.features(view, model.generator, w_plus), {}
    keep, maps = record(aligned)
    model.generator.synthesize(w_plus, lambda r, feature: plain.setdefault(r, feature))
    drawn = model.generator.synthesize(w_plus, keep)
    missing, keep_photo = inversion.photo_pm1.to(drawn) - drawn, inversion.gathered.to(drawn)

    def align() -> None:
        adapt, _ = aligner(levels, features, inversion.options.iterations)
        for resolution in levels.resolutions:
            adapt(resolution, plain[resolution])

    def read_out() -> None:
        codes = probe_codes(model.generator, w_plus)
        probes = probe_maps(model.generator, codes, aligned)
        fit_readout(maps, missing, keep_photo, probes, inversion.domain.importance(inversion.size))

    return {"samm": torch.no_grad()(align), "read-out": torch.no_grad()(read_out)}
