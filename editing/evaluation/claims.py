"""Measure what editing claims, by the judges of all figures; `python -m samm prove` prints it.

Sliders are tried on fresh samples of W; words, masks and recipes on inverted faces: those of a folder (FFHQ
crops), or else the examples' and drawn ones, so that the shipped files are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from editing.evaluation.comparison import open_crop
from editing.evaluation.exactness import prove_exactness
from editing.evaluation.judges import load_judges
from editing.evaluation.rules import prove_rules
from editing.evaluation.samples import SEED, draw, sample_codes
from editing.evaluation.sliders import prove_sliders
from editing.evaluation.tables import markdown
from editing.evaluation.words import prove_words
from editing.moves.moves import Moves
from samm.crop.crop import Photo
from samm.crop.listing import list_photos
from samm.inversion import Inversion, invert
from samm.models import Model
from samm.pixels import to_u8

__all__ = ["claim_table", "invert_faces", "prove"]

EXAMPLES = Path(__file__).parents[2] / "examples"


def prove(
    model: Model, only: Sequence[str], folder: Path | None = None, quick: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Measure some claims.

    Args:
        model: of faces.
        only: names of `editing.command.prove.CLAIMS`.
        folder: of FFHQ crops, instead of the examples.
        quick: 4 faces and 12 samples instead of 20 and 60.

    Returns:
        Rows of figures, by claim.

    Raises:
        PhotoError: a photo of the folder cannot be read or is not square.
    """
    tools, judges = Moves(model), load_judges(model)
    samples, faces = (12, 4) if quick else (60, 20)
    inversions = invert_faces(model, folder, faces) if set(only) - {"sliders"} else []
    claims: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "exactness": lambda: [prove_exactness(inversions[0], model, tools)],
        "sliders": lambda: [asdict(row) for row in prove_sliders(model, tools, judges, samples)],
        "words": lambda: [asdict(row) for row in prove_words(inversions, model, tools, judges)],
        "masks": lambda: [asdict(row) for row in prove_rules(inversions, model, tools, judges)],
    }
    return {name: claims[name]() for name in claims if name in only}


def invert_faces(model: Model, folder: Path | None, count: int) -> list[Inversion]:
    """Invert the first `count` FFHQ crops of a folder, or faces of the examples and then drawn ones."""
    if folder is not None:
        crops = [open_crop(path, model.resolution) for path in list_photos([folder])[:count]]
    else:
        found = [crop for path in list_photos([EXAMPLES])[:count] for crop in Photo.open(path).faces[:1]]
        crops = [crop.pixels(model.resolution) for crop in found]
        codes = sample_codes(model, max(count - len(crops), 0), SEED + 1)
        crops += [to_u8(draw(code, model, model.resolution)) for code in codes.split(1) if len(code)]
    return [invert(crop, model) for crop in tqdm(crops[:count], "Inverting", disable=None, leave=False)]


def claim_table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay the rows of a claim out as Markdown."""
    titled = [{name.replace("_", " "): value for name, value in row.items()} for row in rows]
    return markdown(titled, _cell)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {change:+.1f}" for name, change in value.items())
    return f"{value:.3g}" if isinstance(value, float) else "–" if value is None else str(value)
