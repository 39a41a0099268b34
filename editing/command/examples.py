"""The command `python -m samm examples`: invert the shipped examples and keep what opens them at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from editing.command.console import say
from editing.edit import edit, edit_all
from editing.effects import EFFECTS
from editing.kept import EDITS, EXAMPLES, FOLDER, PREVIEW_PX, Kept, keep
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe
from samm.crop.crop import Photo
from samm.inversion import Inversion, invert
from samm.models import DEFAULT, Model, load

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    run = commands.add_parser(
        "examples", help="invert the shipped examples again, so that the page opens them at once"
    )
    run.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="default examples/kept")
    run.add_argument("--only", nargs="+", choices=EDITS, default=[*EDITS], metavar="NAME", help="such as cap")
    run.add_argument("--preset", default=DEFAULT)
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    model = load(args.preset, "cpu")
    tools = Moves(model)
    for name in args.only:
        crop = Photo.open(EXAMPLES / f"{name}.jpg").upright().faces[0]
        example = _example(invert(crop, model), EDITS[name], model, tools)
        file = keep(name, example, model, args.out)
        say(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB, with {EDITS[name]}")
    return 0


def _example(inversion: Inversion, line: str, model: Model, tools: Moves) -> Kept:
    """Draw what is shown of an example beside its inversion."""
    recipes = [effect.on(Recipe()) for effect in EFFECTS]
    drawn = edit_all(inversion, recipes, model, tools, PREVIEW_PX)
    previews = {effect.name: preview.blended for effect, preview in zip(EFFECTS, drawn, strict=True)}
    return Kept(inversion, edit(inversion, line, model, tools), previews)
