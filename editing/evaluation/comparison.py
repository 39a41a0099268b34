"""Compare methods: invert, edit and measure the same photos by each of them.

Whoever reads a figure needs to know how it came about: `signatures` says in a line what it depends on, and
`editing.evaluation.protocol` states it for people.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from torch import nn

from editing.evaluation.judges import Judges
from editing.evaluation.measure import measure, measure_edit
from editing.evaluation.methods import Bench, Method
from editing.evaluation.tables import Figures
from editing.recipe.line import describe
from samm.crop.domains import FACES, Domain
from samm.crop.photo import open_photo
from samm.errors import PhotoError
from samm.inversion import Progress, draw_generated
from samm.models import Model

__all__ = ["Comparison", "details", "evaluate", "open_crop", "signatures"]


@dataclass(frozen=True)
class Comparison:
    """What is compared, and by what: methods by name, from `choose`, on one bench."""

    methods: Mapping[str, Method]
    bench: Bench
    judges: Judges


def open_crop(path: Path, size: int, domain: Domain = FACES) -> np.ndarray:
    """Open a photo that is cropped already, scaled to uint8 (size, size, 3), with bars where the domain has.

    Raises:
        PhotoError: it cannot be read, or has not the sides of the domain's pictures.
    """
    photo = open_photo(path)
    height, width = photo.shape[:2]
    if domain != FACES:
        if height != round(width * domain.height):
            raise PhotoError(
                f"{path.name} is {width}×{height} pixels and thus not cropped; evaluation takes "
                f"{domain.name}s of 4:3, so crop it first or use invert."
            )
        return domain.crop(photo, domain.locate(photo)[0].quad, size)
    if height != width:
        raise PhotoError(
            f"{path.name} is {width}×{height} pixels and thus not cropped; evaluation takes square FFHQ "
            "crops, so crop it first or use invert."
        )
    if height == size:
        return photo
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]], dtype=np.float64) - 0.5
    return domain.crop(photo, corners, size)


def evaluate(
    paths: Iterable[Path],
    comparison: Comparison,
    on_error: Callable[[Path, Exception], None] | None = None,
    progress: Progress | None = None,
    skip: Container[tuple[str, str]] = (),
) -> Iterator[Figures]:
    """Invert, edit and measure cropped photos by each method, photo after photo.

    Args:
        paths: of the photos.
        comparison: the methods, and what measures.
        on_error: takes a photo that cannot be used, or that a method fails on, which ends its turn; raised if
            None.
        progress: told of each stage, which begins with the method's name.
        skip: photos' and methods' names that need not be measured again.

    Yields:
        The figures of each photo and method as soon as they are known.
    """
    model, made_with = comparison.bench.model, signatures(comparison)
    for path in paths:
        rest = [name for name in comparison.methods if (path.stem, name) not in skip]
        if not rest:
            continue
        try:
            crop = open_crop(path, model.resolution, model.domain)
            for name in rest:
                figures = _try(path.stem, crop, name, comparison, progress or (lambda *stage: None))
                yield replace(figures, settings=made_with[name])
        except Exception as error:  # of whatever kind: the other photos are not to blame
            if on_error is None:
                raise
            on_error(path, error)


def _try(photo: str, crop: np.ndarray, name: str, comparison: Comparison, tell: Progress) -> Figures:
    """Invert a photo by one method, apply all edits, and measure."""
    method, bench, judges = comparison.methods[name], comparison.bench, comparison.judges
    start = time.perf_counter()
    inversion, drawn_by = method.run(
        crop, bench, lambda stage, done, total: tell(f"{name}: {stage}", done, total)
    )
    seconds = time.perf_counter() - start
    inversion = draw_generated(replace(inversion, strength=bench.mask_strength), drawn_by)
    figures = measure(photo, name, inversion, method.pictures, seconds, judges)
    edits = {}
    for recipe in bench.edits:
        tell(f"{name}: {describe(recipe)}", 0, 1)
        start = time.perf_counter()
        edited = method.edit(inversion, drawn_by, recipe, bench.tools)
        seconds = time.perf_counter() - start
        edits[describe(recipe)] = {**measure_edit(edited, recipe, judges), "seconds": seconds}
    return replace(figures, edits=edits)


def signatures(comparison: Comparison) -> dict[str, str]:
    """Say in a line for each method what its figures depend on; only equal ones may be put together."""
    bench, model = comparison.bench, comparison.bench.model
    chosen = {**asdict(bench.options), "mask_strength": bench.mask_strength}
    options = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in chosen.items())
    lpips = "; with LPIPS" if comparison.judges.lpips.network else ""
    shared = f"{model.preset} {_fingerprint(model)}, {model.precision}, {model.device.type}; {options}{lpips}"
    return {name: shared + details(name, method, bench) for name, method in comparison.methods.items()}


def _fingerprint(model: Model) -> str:
    """Tell weights from others, eight hexadecimal digits."""
    digits = 0
    for part in (model.generator, model.encoder, model.samm):
        for tensor in cast(nn.Module, part).state_dict().values() if part is not None else ():
            digits = zlib.crc32(tensor.cpu().numpy().tobytes(), digits)
    return f"{digits:08x}"


def details(name: str, method: Method, bench: Bench) -> str:
    """Say what of the bench counts for one method alone."""
    if method.searches:
        return f"; at most {' + '.join([str(bench.search_steps)] * method.searches)} steps"
    if name == "difference-mask":
        return f"; its own picture under the mask of {describe(bench.edits[0])}"
    return ""
