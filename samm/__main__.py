"""The command line: `python -m samm invert PHOTO… --out DIR` and `python -m samm evaluate FOLDER`.

It calls the functions the page calls. A photo that cannot be used is reported in one sentence and does not
stop the rest; the exit code is 0 only if all went well, 1 if anything failed and 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from samm.detector import Detector
from samm.errors import OptionError, PhotoError, UserError
from samm.evaluation import PROTOCOL, evaluate, summarize, table
from samm.faces import NO_FACE, crop_face, face_warnings, find_faces, manual_quad, paste_back
from samm.inversion import Inversion, Options, invert
from samm.models import PRECISIONS, PRESETS, Model, load, load_descriptor, load_detector
from samm.photo import list_photos, mask_to_u8, open_photo, save_png

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except UserError as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        _complain("Stopped; what was finished has been saved.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m samm", description="Invert portraits with SAMM.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("invert", help="invert photos and save pictures, masks and reports")
    run.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="files or folders")
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    run.add_argument(
        "--face", default="1", metavar="N", help="which face: 1 is the largest (default), or all"
    )
    run.add_argument(
        "--crop",
        type=_numbers,
        metavar="X,Y,SIZE[,TURN]",
        help="crop by hand instead: center and edge in pixels of the photo, turn in degrees",
    )
    run.add_argument(
        "--masks", action="store_true", help="also save level masks, gathered mask and both renders"
    )
    run.add_argument("--whole-photo", action="store_true", help="also paste the result into the whole photo")
    run.add_argument(
        "--sheet",
        action="store_true",
        help="also save crop, generator, aligned, mask and result side by side",
    )
    run.set_defaults(run=_invert)

    judge = commands.add_parser("evaluate", help="measure inversions of photos that are FFHQ crops already")
    judge.add_argument("photos", nargs="+", type=Path, metavar="FOLDER", help="folders or files")
    judge.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    judge.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    judge.set_defaults(run=_evaluate)

    for command in (run, judge):
        command.add_argument("--steps", type=int, help="encoder passes (default: the preset's own, 2)")
        command.add_argument(
            "--iterations", type=int, default=2, metavar="N", help="N of Algorithm 1 (default 2)"
        )
        command.add_argument(
            "--refine", type=int, default=0, metavar="STEPS", help="optimization steps on the code"
        )
        command.add_argument(
            "--mask-strength",
            type=float,
            default=1.0,
            metavar="T",
            help="0 = generator only, 1 = as predicted (default), up to 2 = keep more of the photo",
        )
        command.add_argument("--preset", default="mobile", help=f"one of {', '.join(PRESETS)}")
        command.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
        command.add_argument("--precision", default="fp32", help=f"one of {', '.join(PRECISIONS)}")
    return parser


def _numbers(text: str) -> tuple[float, ...]:
    values = tuple(float(part) for part in text.split(","))
    if len(values) not in (3, 4):
        raise ValueError("three or four numbers")
    return values


def _options(args: argparse.Namespace, model: Model) -> Options:
    steps = model.encoder.default_steps if args.steps is None else args.steps
    return Options(steps, args.iterations, args.mask_strength, args.refine)


def _invert(args: argparse.Namespace) -> int:
    if args.face != "all" and not (args.face.isdigit() and int(args.face) > 0):
        raise OptionError(f"There is no face {args.face}; give a number from 1 on, or all.")
    paths, failures = _expand(args.photos)
    if not paths:
        return 1
    _make_folder(args.out)
    model, detector = load(args.preset, args.device, args.precision), load_detector()
    options = _options(args, model)
    names = _output_names(paths)
    bar = tqdm(paths, unit="photo", disable=None, leave=False)
    for path in bar:

        def tell(stage: str, done: int, total: int, name: str = path.name) -> None:
            bar.set_postfix_str(f"{name}: {stage}" + (f" {done}/{total}" if total > 1 else ""))

        try:
            photo = open_photo(path)
            for suffix, quad, warnings in _crops(photo, detector, args):
                inversion = invert(crop_face(photo, quad, model.resolution), model, options, tell)
                stem = args.out / (names[path] + suffix)
                _save(stem, inversion, photo, quad, args)
                summary = f"{100 * inversion.report['kept']['gathered']:.0f} % kept from the photo"
                tqdm.write(f"{stem.name}: {summary}, {inversion.report['psnr']['blended']:.1f} dB")
                for warning in [*warnings, *([inversion.notice] if inversion.notice else [])]:
                    tqdm.write(f"{path.name}: {warning}")
        except UserError as error:
            failures += 1
            _complain(f"{path.name}: {error}")
    return 1 if failures else 0


def _crops(
    photo: np.ndarray, detector: Detector, args: argparse.Namespace
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    """Give (suffix of the output name, quad, warnings) of each face that was asked for."""
    if args.crop:
        x, y, size, turn = (*args.crop, 0.0)[:4]
        yield "", manual_quad((x, y), size, turn), []
        return
    faces = find_faces(photo, detector)
    if not faces:
        raise PhotoError(
            NO_FACE.replace("place the crop yourself below", "place the crop yourself with --crop")
        )
    if args.face == "all":
        for number, face in enumerate(faces, 1):
            yield (f"_face{number}" if len(faces) > 1 else ""), face.quad, face_warnings(face)
        return
    number = int(args.face)
    if number > len(faces):
        found = f"{len(faces)} face" + ("s" if len(faces) > 1 else "")
        raise PhotoError(f"There is no face {number}; {found} found, so choose one of 1…{len(faces)}.")
    face, notes = faces[number - 1], face_warnings(faces[number - 1])
    if len(faces) > 1:
        notes.append(
            f"{len(faces)} faces found and number {number} by size taken; --face N or all takes others."
        )
    yield (f"_face{number}" if number > 1 else ""), face.quad, notes


def _save(
    stem: Path, inversion: Inversion, photo: np.ndarray, quad: np.ndarray, args: argparse.Namespace
) -> None:
    def save(kind: str, picture: np.ndarray) -> None:
        save_png(picture, stem.with_name(f"{stem.name}_{kind}.png"))

    save("inversion", inversion.blended)
    if args.masks:
        save("crop", inversion.crop)
        save("generator", inversion.generated)
        save("aligned", inversion.aligned)
        save("mask", mask_to_u8(inversion.keep_photo))
        for resolution, mask in inversion.masks.items():
            save(f"mask_{resolution}", mask_to_u8(mask))
    if args.sheet:
        mask = np.repeat(mask_to_u8(inversion.keep_photo)[..., None], 3, axis=2)
        row = [inversion.crop, inversion.generated, inversion.aligned, mask, inversion.blended]
        save("sheet", np.concatenate(row, axis=1))
    if args.whole_photo:
        keep_photo = inversion.keep_photo[0, 0].numpy()
        save("whole", paste_back(photo, quad, inversion.aligned, keep_photo))
    report = {**inversion.report, "quad": np.round(quad, 3).tolist()}
    stem.with_name(f"{stem.name}.json").write_text(_json(report))


def _evaluate(args: argparse.Namespace) -> int:
    paths, failures = _expand(args.photos)
    if not paths:
        return 1
    model = load(args.preset, args.device, args.precision)
    options = _options(args, model)
    failed: list[Path] = []

    def report(path: Path, error: PhotoError) -> None:
        failed.append(path)
        _complain(f"{path.name}: {error}")

    bar = tqdm(paths[: args.limit], unit="photo", disable=None, leave=False)
    results = evaluate(bar, model, load_descriptor(model.device), options, report)
    means = summarize(results)
    print(table(means, len(results)))
    print(f"\n{PROTOCOL}")
    if args.json:
        settings = {"preset": args.preset, "precision": args.precision, "options": asdict(options)}
        figures = {"means": means, "photos": [asdict(r) for r in results], "protocol": PROTOCOL, **settings}
        _make_folder(args.json.parent)
        args.json.write_text(_json(figures))
    return 1 if failed or failures else 0


def _expand(paths: list[Path]) -> tuple[list[Path], int]:
    """List the photos behind files and folders; a folder that fails is reported and counted."""
    photos, failures = [], 0
    for path in paths:
        try:
            photos += list_photos([path])
        except PhotoError as error:
            failures += 1
            _complain(str(error))
    return photos, failures


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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"The folder {folder.name} cannot be made; choose another place with --out."
        ) from error


def _json(value: Any) -> str:
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace what JSON cannot say (the PSNR of equal pictures is infinite) by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _complain(sentence: str) -> None:
    tqdm.write(sentence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
