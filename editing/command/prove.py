"""`python -m samm prove`: measure what editing claims, and print Markdown tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from editing.command.results import make_folder, to_json, write_text
from samm.models import load

__all__ = ["CLAIMS", "add_parser"]

CLAIMS = ("exactness", "sliders", "words", "masks")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    parser = commands.add_parser("prove", help="measure what sliders, words, masks and empty recipes do")
    parser.add_argument("--quick", action="store_true", help="few faces: minutes instead of half an hour")
    parser.add_argument("--faces", type=Path, metavar="FOLDER", help="FFHQ crops instead of the examples")
    parser.add_argument("--only", nargs="+", choices=CLAIMS, default=CLAIMS, metavar="CLAIM")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.set_defaults(run=_prove)


def _prove(args: argparse.Namespace) -> int:
    from editing.evaluation.claims import claim_table, prove  # here because its networks take long to import

    if args.json:
        make_folder(args.json.parent)
    figures = prove(load(device=args.device), args.only, args.faces, args.quick)
    for title, rows in figures.items():
        print(f"\n**{title}**\n\n{claim_table(rows)}")
    write_text(args.json, to_json(figures))
    return 0
