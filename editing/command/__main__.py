"""The command line: `python -m samm invert|edit PHOTO… --out DIR`, `evaluate PATH…`, `publish OWNER/NAME`.

It calls the functions the page calls. A photo that cannot be used is reported in one sentence and does not
stop the rest; the exit code is 0 only if all went well, 1 if anything failed, 2 for wrong arguments and 130
after Ctrl-C, which loses nothing that was finished.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from editing.command import edit as editing_command
from editing.command import prove
from editing.command.photos import (
    add_model_arguments,
    add_photo_arguments,
    complain,
    each_inversion,
    expand,
    make_folder,
    options_of,
    to_json,
    whole_photo,
)
from editing.evaluation.methods import METHODS, Bench, choose, read_edits
from editing.moves.tools import Tools
from samm.crop.domains import FACES
from samm.crop.png import save_png
from samm.errors import OptionError, UserError
from samm.inversion import Inversion
from samm.models import load
from samm.pixels import mask_to_u8

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except UserError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped; what was finished has been saved.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m samm", description="Invert and edit photos of faces, or cars, with SAMM."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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
    run.set_defaults(run=_invert)
    add_model_arguments(run)

    editing_command.add_parser(commands)

    listed = "\n".join(f"  {name:15} {method.description}" for name, method in METHODS.items())
    judge = commands.add_parser(
        "evaluate",
        help="measure and compare inversions and edits of photos that are cropped already",
        epilog=f"methods:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    judge.add_argument("photos", nargs="+", type=Path, metavar="PATH", help="folders or files")
    judge.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    judge.add_argument(
        "--methods",
        default="samm",
        metavar="LIST",
        help="names with commas between, or all that can run; see below (default samm)",
    )
    judge.add_argument(
        "--against",
        metavar="METHOD",
        help="one of the methods: also show by how much the others differ from it",
    )
    judge.add_argument(
        "--search",
        type=int,
        default=60,
        metavar="STEPS",
        help="steps of optimization, and of both phases of pti (default 60)",
    )
    judge.add_argument(
        "--edits",
        nargs="+",
        default=[],
        metavar="RECIPE",
        help='also measure edits by attributes, such as "age +2" "smile +2, glasses +1"',
    )
    judge.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    judge.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write the figures of each photo to FILE as they come; what it holds is not measured again",
    )
    judge.add_argument("--markdown", type=Path, metavar="FILE", help="write table and protocol to FILE")
    judge.set_defaults(run=_evaluate)
    add_model_arguments(judge)

    prove.add_parser(commands)

    space = commands.add_parser("publish", help="put this checkout on the Hugging Face Hub as a Space")
    space.add_argument("name", metavar="OWNER/NAME", help="the Space; it is made where there is none")
    space.add_argument("--private", action="store_true", help="only its owner may see it")
    space.add_argument(
        "--hardware",
        default="zero-a10g",
        metavar="KIND",
        help="what it runs on: zero-a10g (default), which is ZeroGPU, cpu-basic or another of the Hub's",
    )
    space.add_argument(
        "--dry-run", action="store_true", help="only list what would be sent; needs no account and no network"
    )
    space.set_defaults(run=_publish)
    return parser


def _invert(args: argparse.Namespace) -> int:
    model = load(args.preset, args.device, args.precision)

    def finish(stem: Path, inversion: Inversion, photo: np.ndarray, quad: np.ndarray) -> str:
        _save(stem, inversion, photo, quad, args)
        kept, decibels = inversion.report["kept"]["gathered"], inversion.report["psnr"]["blended"]
        return f"{100 * kept:.0f} % kept from the photo, {decibels:.1f} dB"

    return 1 if each_inversion(args, model, options_of(args, model), finish) else 0


def _save(
    stem: Path, inversion: Inversion, photo: np.ndarray, quad: np.ndarray, args: argparse.Namespace
) -> None:
    def save(kind: str, picture: np.ndarray) -> None:
        if kind != "whole":
            picture = inversion.domain.trim(picture)
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
        keep_photo = inversion.keep_photo
        save("whole", whole_photo(photo, quad, inversion.aligned, keep_photo, inversion.domain))
    report = {**inversion.report, "quad": np.round(quad, 3).tolist()}
    stem.with_name(f"{stem.name}.json").write_text(to_json(report))


def _evaluate(args: argparse.Namespace) -> int:
    paths, failures = expand(args.photos)
    paths = paths[: args.limit]
    if not paths:
        return 1
    names = [path.stem for path in paths]
    if twice := {name for name in names if names.count(name) > 1}:
        raise OptionError(f"Two photos are called {min(twice)}; rename one, since figures go by names.")
    model = load(args.preset, args.device, args.precision)
    if args.edits and model.domain != FACES:
        raise OptionError(
            f"Edits of {model.domain.name}s cannot be measured, because the scorer knows faces only; leave "
            "--edits out."
        )
    edits = read_edits(args.edits)
    bench = Bench(model, Tools(model), options_of(args, model), args.search, edits)
    methods = choose(args.methods.split(","), bench)
    for file in filter(None, (args.json, args.csv, args.markdown)):
        make_folder(file.parent)  # before the work, not after it
    # Here because the scorer's package is large.
    from editing.evaluation.comparison import Comparison
    from editing.evaluation.judges import load_judges
    from editing.evaluation.report import compare

    def show(text: str, figures: dict[str, Any]) -> None:
        print(text, end="")
        _write(args.json, to_json(figures))
        _write(args.markdown, text)

    comparison = Comparison(methods, bench, load_judges(model))
    well = compare(paths, comparison, args.against, args.csv, show, complain)
    return 0 if well and not failures else 1


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The file {file.name} cannot be written; choose another place for it.") from error


def _publish(args: argparse.Namespace) -> int:
    from editing.command.publish import plan, publish  # here because the Hub's client takes long to import

    space = plan(args.name, args.hardware)
    if args.dry_run:
        print("       bytes  file")
        for name, size in space.sizes.items():
            print(f"{size:>12,}  {name}")
    print(f"{sum(space.sizes.values()) / 1e6:,.1f} MB in {len(space.files)} files")
    for difference in space.differences:
        print(difference)
    if args.dry_run:
        print(f"Nothing was sent; the Space would be {space.address} on {space.hardware}.")
        return 0
    publish(space, args.private)
    print(f"The Space is {space.address} on {space.hardware}; the Hub takes some minutes to build it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
