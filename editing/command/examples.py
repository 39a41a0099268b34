"""The command `python -m samm examples`: invert the shipped examples and keep what opens them at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from editing.command.console import say
from editing.edit import edit
from editing.kept import EDITS, EXAMPLES, FOLDER, keep
from editing.moves.moves import Moves
from samm.crop.crop import Photo
from samm.inversion import invert
from samm.models import DEFAULT, load

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
        inversion = invert(crop, model)
        file = keep(name, inversion, edit(inversion, EDITS[name], model, tools), model, args.out)
        say(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB, with {EDITS[name]}")
    return 0
