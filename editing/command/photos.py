"""What the commands on photos share: arguments, listing photos, finding their crops, naming results."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from samm.crop.crop import Crop, Photo
from samm.crop.domains import Domain
from samm.crop.faces import NO_FACE
from samm.crop.listing import list_photos
from samm.crop.turn import turn_warning
from samm.errors import OptionError, PhotoError, UserError
from samm.inversion import Inversion, Options, invert
from samm.models import PRECISIONS, PRESETS, Model

__all__ = [
    "add_model_arguments",
    "add_photo_arguments",
    "complain",
    "each_inversion",
    "expand",
    "make_folder",
    "options_of",
    "to_json",
]


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which photos and faces, and where results go."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="files or folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--face", metavar="N", help="which face: 1 is the largest (default), or all; presets for faces only"
    )
    parser.add_argument(
        "--crop",
        type=_numbers,
        metavar="X,Y,SIZE[,TURN]",
        help="crop by hand instead: center and edge (of a car's crop, its width) in pixels of the photo, "
        "turn in degrees",
    )
    parser.add_argument(
        "--no-turn",
        action="store_true",
        help="take photos as they are, also where a face lies on its side or upside down",
    )
    parser.add_argument(
        "--whole-photo", action="store_true", help="also paste the result into the whole photo"
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how to invert, and by which model."""
    parser.add_argument("--steps", type=int, help="encoder passes (default: the preset's own, 2)")
    parser.add_argument("--iterations", type=int, default=2, metavar="N", help="N of Algorithm 1 (default 2)")
    parser.add_argument(
        "--refine", type=int, default=0, metavar="STEPS", help="optimization steps on the code"
    )
    parser.add_argument(
        "--tune",
        type=int,
        default=0,
        metavar="STEPS",
        help="steps of tuning the generator to the photo, after --refine",
    )
    parser.add_argument(
        "--mask-strength",
        type=float,
        default=1.0,
        metavar="T",
        help="0 = generator only, 1 = as predicted (default), up to 2 = keep more of the photo",
    )
    parser.add_argument("--preset", default="mobile", help=f"one of {', '.join(PRESETS)}")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument("--precision", default="fp32", help=f"one of {', '.join(PRECISIONS)}")


def options_of(args: argparse.Namespace, model: Model) -> Options:
    """Read an inversion's options from the model arguments."""
    steps = model.encoder.default_steps if args.steps is None else args.steps
    return Options(steps, args.iterations, args.refine, args.tune)


def each_inversion(
    args: argparse.Namespace,
    model: Model,
    options: Options,
    finish: Callable[[Path, Inversion], str],
) -> int:
    """Invert every face, or the car, that the photo arguments ask for.

    A photo that cannot be used is reported in one sentence and does not stop the rest.

    Args:
        args: with the photo arguments.
        model: inverts.
        options: how.
        finish: takes the stem of the results' names and the inversion; saves what is wanted and answers with
            a line for the console.

    Returns:
        The number of failures.
    """
    if args.face and not model.domain.searched:
        raise OptionError(
            f"--face chooses among faces, but the preset {model.preset} draws {model.domain.name}s; leave it "
            "out, or place the crop with --crop."
        )
    if args.face not in (None, "all") and not (args.face.isdigit() and int(args.face) > 0):
        raise OptionError(f"There is no face {args.face}; give a number from 1 on, or all.")
    paths, failures = expand(args.photos)
    if not paths:
        return max(failures, 1)
    make_folder(args.out)
    names = _output_names(paths)
    bar = tqdm(paths, unit="photo", disable=None, leave=False)
    for path in bar:

        def tell(stage: str, done: int, total: int, name: str = path.name) -> None:
            bar.set_postfix_str(f"{name}: {stage}" + (f" {done}/{total}" if total > 1 else ""))

        try:
            photo = Photo.open(path)
            for note in photo.file.notes:
                tqdm.write(f"{path.name}: {note}")
            if not (args.no_turn or args.crop):
                photo = photo.upright(model.domain)
                if photo.turned_deg:
                    tqdm.write(f"{path.name}: {turn_warning(photo.turned_deg, '--no-turn')}")
            for suffix, crop, warnings in _crops(photo, model.domain, args):
                inversion = invert(crop, model, options, tell)
                stem = args.out / (names[path] + suffix)
                tqdm.write(f"{stem.name}: {finish(stem, inversion)}")
                for warning in [*warnings, *([inversion.notice] if inversion.notice else [])]:
                    tqdm.write(f"{path.name}: {warning}")
        except UserError as error:
            failures += 1
            complain(f"{path.name}: {error}")
    return failures


def expand(paths: list[Path]) -> tuple[list[Path], int]:
    """List the photos behind files and folders; a folder that fails is reported and counted."""
    photos, failures = [], 0
    for path in paths:
        try:
            photos += list_photos([path])
        except PhotoError as error:
            failures += 1
            complain(str(error))
    return photos, failures


def _crops(photo: Photo, domain: Domain, args: argparse.Namespace) -> Iterator[tuple[str, Crop, list[str]]]:
    """Give (suffix of the output name, crop, warnings) of each crop that is asked for."""
    if args.crop:
        yield "", photo.crop(*args.crop, domain=domain), []
        return
    crops = photo.locate(domain)
    if not crops:
        raise PhotoError(
            NO_FACE.replace("place the crop yourself below", "place the crop yourself with --crop")
        )
    if args.face == "all":
        for number, crop in enumerate(crops, 1):
            yield (f"_face{number}" if len(crops) > 1 else ""), crop, crop.warnings
        return
    number = int(args.face or 1)
    if number > len(crops):
        found = f"{len(crops)} face" + ("s" if len(crops) > 1 else "")
        raise PhotoError(f"There is no face {number}; {found} found, so choose one of 1…{len(crops)}.")
    crop = crops[number - 1]
    notes = crop.warnings
    if len(crops) > 1:
        notes.append(
            f"{len(crops)} faces found and number {number} by size taken; --face N or all takes others."
        )
    yield (f"_face{number}" if number > 1 else ""), crop, notes


def _output_names(paths: list[Path]) -> dict[Path, str]:
    """Give each photo a name of its own, also where two folders hold the same file name."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        name, count = path.stem, 1
        while name in taken:
            count += 1
            name = f"{path.stem}-{count}"
        taken.add(name)
        names[path] = name
    return names


def make_folder(folder: Path) -> None:
    """Make a folder for results."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"The folder {folder.name} cannot be made; choose another place with --out."
        ) from error


def to_json(value: Any) -> str:
    """Write plain values as JSON; numbers that it cannot say become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace what JSON cannot say (the PSNR of equal pictures is infinite) by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def complain(sentence: str) -> None:
    """Write to the error stream, beside a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


def _numbers(text: str) -> tuple[float, ...]:
    values = tuple(float(part) for part in text.split(","))
    if len(values) not in (3, 4):
        raise ValueError("three or four numbers")
    return values
