"""The command `python -m samm invert PHOTO… --out DIR`: invert, and save pictures, masks and reports."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from editing.command.choices import ModelChoice, PhotoChoice, add_model_arguments, add_photo_arguments
from editing.command.photos import Place, each_photo
from editing.command.results import SOFTWARE, to_json
from samm.crop.png import save_png, write_whole
from samm.inversion import Inversion, draw_generated
from samm.method.masking import check_strength
from samm.models import Model, load
from samm.pixels import mask_to_u8

__all__ = ["add_parser"]


@dataclass(frozen=True)
class _Invert:
    """What is saved of the inversions by a model: also masks and renders, also a sheet.

    `strength` is that of the masks.
    """

    model: Model
    masks: bool
    sheet: bool
    strength: float
    text = SOFTWARE

    @property
    def settings(self) -> str:
        return repr(("invert", self.masks, self.sheet, self.strength))

    @property
    def endings(self) -> tuple[str, ...]:
        kinds = ["inversion"]
        resolutions = () if self.model.samm is None else self.model.samm.resolutions
        if self.masks:
            kinds += ["crop", "generator", "aligned", "mask", *(f"mask_{r}" for r in resolutions)]
        if self.sheet:
            kinds += ["sheet"]
        return (".json", *(f"_{kind}.png" for kind in kinds))

    def draw(self, inversion: Inversion) -> _Inverted:
        inversion = replace(inversion, strength=self.strength)
        if self.masks or self.sheet:
            inversion = draw_generated(inversion, self.model)
        return _Inverted(inversion, self)


@dataclass(frozen=True)
class _Inverted:
    """An inversion to be saved."""

    picture: Inversion
    job: _Invert

    def save(self, stem: Path, place: Place, record: dict[str, str]) -> str:
        inversion = self.picture

        def save(kind: str, picture: np.ndarray | None) -> None:
            assert picture is not None  # see `_Invert.draw`
            save_png(inversion.domain.trim(picture), stem.with_name(f"{stem.name}_{kind}.png"), SOFTWARE)

        if self.job.masks:
            save("crop", inversion.photo_u8)
            save("generator", inversion.generated)
            save("aligned", inversion.aligned)
            save("mask", mask_to_u8(inversion.keep_photo))
            for resolution, mask in inversion.masks.items():
                save(f"mask_{resolution}", mask_to_u8(mask))
        if self.job.sheet:
            mask = np.repeat(mask_to_u8(inversion.keep_photo)[..., None], 3, axis=2)
            assert inversion.generated is not None  # see `_Invert.draw`
            row = [inversion.photo_u8, inversion.generated, inversion.aligned, mask, inversion.blended]
            save("sheet", np.concatenate(row, axis=1))
        report = {**inversion.report, "quad": np.round(place.crop.quad, 3).tolist()}
        write_whole(to_json(report).encode(), stem.with_name(f"{stem.name}.json"))
        inversion.save(stem.with_name(f"{stem.name}_inversion.png"), text={**SOFTWARE, **record})
        kept, decibels = inversion.report["kept"]["gathered"], inversion.report["psnr"]["blended"]
        return f"{100 * kept:.0f} % kept from the photo, {decibels:.1f} dB"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    run = commands.add_parser("invert", help="invert photos and save pictures, masks and reports")
    add_photo_arguments(run)
    run.add_argument(
        "--masks", action="store_true", help="also save level masks, gathered mask and both renders"
    )
    run.add_argument(
        "--sheet",
        action="store_true",
        help="also save crop, generator, aligned, mask and result side by side",
    )
    add_model_arguments(run)
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    photos, chosen = PhotoChoice.of(args), ModelChoice.of(args)
    check_strength(args.mask_strength)
    model = load(chosen.preset, chosen.device, chosen.precision)
    job = _Invert(model, args.masks, args.sheet, args.mask_strength)
    return 1 if each_photo(photos, model, chosen.options(model), job) else 0
