"""The command line: `python -m samm invert|edit PHOTO… --out DIR`, `evaluate PATH…`, `publish OWNER/NAME`.

It calls the functions the page calls. A photo that cannot be used is reported in one sentence and does not
stop the rest; the exit code is 0 only if all went well, 1 if anything failed and 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from editing import command as editing_command
from editing.directions import move
from editing.recipe import parse
from editing.tools import Tools
from samm.batch import (
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
from samm.errors import OptionError, PhotoError, UserError
from samm.evaluation import (
    differences,
    evaluate,
    load_judges,
    plain,
    protocol,
    summarize,
    table,
    to_csv,
)
from samm.inversion import Inversion
from samm.methods import METHODS, Settings, choose
from samm.models import Model, load
from samm.photo import mask_to_u8, save_png

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
        help="measure and compare inversions of photos that are cropped already",
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
        "--edit", metavar="RECIPE", help='attributes of an edit for difference-mask, such as "age +2"'
    )
    judge.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    judge.add_argument("--csv", type=Path, metavar="FILE", help="write the figures of each photo to FILE")
    judge.add_argument("--markdown", type=Path, metavar="FILE", help="write table and protocol to FILE")
    judge.set_defaults(run=_evaluate)
    add_model_arguments(judge)

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
    if not paths:
        return 1
    model = load(args.preset, args.device, args.precision)
    mover = _mover(args.edit, model)
    settings = Settings(options_of(args, model), args.search, mover, args.edit or "")
    methods = choose(args.methods.split(","), model, settings)
    if args.against and (args.against not in methods or len(methods) == 1):
        raise OptionError(f"--against {args.against} needs that method and another one in --methods.")
    for file in filter(None, (args.json, args.csv, args.markdown)):
        make_folder(file.parent)  # before the work, not after it
    judges = load_judges(model)
    failed: list[Path] = []

    def report(path: Path, error: PhotoError) -> None:
        failed.append(path)
        complain(f"{path.name}: {error}")

    bar = tqdm(paths[: args.limit], unit="photo", disable=None, leave=False)

    def tell(stage: str, done: int, total: int) -> None:
        bar.set_postfix_str(stage + (f" {done}/{total}" if total > 1 else ""))

    results = evaluate(bar, model, judges, methods, settings, report, tell)
    summaries = summarize(results)
    tables = [table(summaries)]
    if args.against:
        tables.append(table(summarize(differences(results, args.against)), "+"))
    text = "\n\n".join([*tables, protocol(summaries, methods, model, judges, settings)]) + "\n"
    print(text, end="")
    used = {"preset": args.preset, "precision": args.precision, "options": asdict(settings.options)}
    used |= {"search_steps": args.search, "edit": args.edit}
    _write(args.json, to_json({**plain(results, summaries), "protocol": text, **used}))
    _write(args.csv, to_csv(results))
    _write(args.markdown, text)
    return 1 if failed or failures else 0


def _mover(recipe: str | None, model: Model) -> Callable[[Tensor], Tensor] | None:
    """Make a function of a recipe's attributes that moves w_plus."""
    if recipe is None:
        return None
    attributes = parse(recipe, model.domain.name).attributes
    if not attributes:
        raise OptionError(f"The edit {recipe} changes no attribute; name one with a strength, as in age +2.")
    tools = Tools(model)
    moves = [(tools.direction(name), strength) for name, strength in attributes.items()]

    def moved(w_plus: Tensor) -> Tensor:
        for direction, strength in moves:
            w_plus = move(w_plus, direction, strength)
        return w_plus

    return moved


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The file {file.name} cannot be written; choose another place for it.") from error


def _publish(args: argparse.Namespace) -> int:
    from samm.publish import plan, publish  # here because the Hub's client takes long to import

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
