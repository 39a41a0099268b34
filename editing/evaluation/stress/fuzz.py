"""Bad input at scale: each case ends in a right result, or in one sentence, within ten seconds and 1 GB."""

from __future__ import annotations

import faulthandler
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import torch
from hypothesis import strategies as st

from editing.evaluation.stress import seeds
from editing.evaluation.stress.cases import damaged, lines, recipe_values
from editing.evaluation.stress.tally import LIMIT_S, Row, Tally
from editing.moves.components import load_components
from editing.moves.directions import load_direction, load_directions, read_tensors
from editing.moves.words.files import read_safetensors
from editing.moves.words.mapper import load_mapper
from editing.recipe.file import from_json, load_recipe, to_json
from editing.recipe.line import describe, parse, slug
from editing.recipe.recipe import Recipe
from samm.checkpoints import WeightFile, g_ema_layout, load_weights
from samm.crop.photo import KEPT_MEGAPIXELS, read_photo
from samm.errors import UserError

__all__ = ["Kind", "fuzz", "kinds"]

_HANGS_S = 3 * LIMIT_S  # after which a case that never ends is shown, and the run ends with it


@dataclass(frozen=True)
class Kind:
    """One way in.

    Attributes:
        name: for people.
        share: of all cases.
        cases: what comes in.
        use: takes a case to its end; a wrong result is an `AssertionError`.
    """

    name: str
    share: float
    cases: st.SearchStrategy[Any]
    use: Callable[[Any], object]


def fuzz(kind: Kind, count: int, seed: int, keep: Path | None = None) -> Row:
    """Try cases of a kind, the same ones for equal seeds; those that are lost are kept in a folder."""
    tally = Tally(kind.name, keep)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
    )
    @hypothesis.given(kind.cases)
    def try_one(case: Any) -> None:
        faulthandler.dump_traceback_later(_HANGS_S, exit=True, file=2)
        tally.take(lambda: kind.use(case), case)

    try:
        try_one()
    finally:
        faulthandler.cancel_dump_traceback_later()
    return tally.row()


def kinds(folder: Path) -> list[Kind]:
    """List the ways in that need no server; files are written to a folder."""

    def on_disk(read: Callable[[Path], object]) -> Callable[[bytes], object]:
        path = folder / "case"

        def use(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return use

    tensors, weights = seeds.tensors(), [*seeds.weights(), *seeds.tensors()]
    return [
        Kind("photos", 0.4, damaged(seeds.photos()), _read_photo),
        Kind(
            "recipe files", 0.12, damaged(seeds.recipes()), on_disk(lambda path: _is_same(load_recipe(path)))
        ),
        Kind("recipes as JSON", 0.12, recipe_values(), _read_json),
        Kind("recipe lines", 0.2, lines(), lambda line: _is_same(parse(line))),
        Kind("directions", 0.07, damaged(tensors), on_disk(_read_directions)),
        Kind("weights", 0.07, damaged(weights), on_disk(_read_weights)),
    ]


def _read_photo(data: bytes) -> None:
    photo = read_photo(io.BytesIO(data))
    height, width, channels = photo.image_u8.shape
    assert photo.image_u8.dtype == np.uint8
    assert channels == 3
    assert photo.alpha_u8 is None or photo.alpha_u8.shape == (height, width)
    assert min(height, width) > 0
    assert height * width <= KEPT_MEGAPIXELS * 1e6


def _read_json(content: object) -> None:
    _is_same(from_json(json.dumps(content)))


def _is_same(recipe: Recipe) -> None:
    """Check that a recipe means the same after each way of writing it down."""
    assert from_json(to_json(recipe)) == recipe
    assert parse(describe(recipe)) == recipe
    assert 0 < len(slug(recipe)) <= 60
    assert slug(recipe).isascii()


def _read_directions(path: Path) -> None:
    """Read a file as a direction, as components and as a table; one result is enough, all must end well."""
    _any_of(
        lambda: _is_finite(load_direction(path, 14).vector),
        lambda: _is_finite(load_components(path).vectors),
        lambda: [_is_finite(one.vector) for one in load_directions(path, 14)[0].values()],
        lambda: read_tensors(path),
    )


def _read_weights(path: Path) -> None:
    """Read a file as our own weights, as somebody else's, and as a mapper."""
    own = WeightFile(path.name, "", "here", "")
    _any_of(
        lambda: load_weights(torch.nn.Linear(4, 3), own, path.parent),
        lambda: load_weights(
            torch.nn.Linear(4, 3), WeightFile(path.name, "", "here", "", layout=_part), path.parent
        ),
        lambda: load_mapper(path),
        lambda: read_safetensors(path, torch.device("cpu")),
    )


def _part(original: Any) -> dict[str, Any]:
    return {key: value for key, value in g_ema_layout(original).items() if key != "w_mean"}


def _is_finite(vector: torch.Tensor) -> None:
    assert vector.isfinite().all()


def _any_of(*reads: Callable[[], object]) -> None:
    """Try all; raise the last sentence if none gave a result."""
    refused: list[UserError] = []
    for read in reads:
        try:
            read()
        except UserError as error:
            refused.append(error)
    if len(refused) == len(reads):
        raise refused[-1]
