"""`python -m samm stress`: bad input, faults and many visitors, as one table; 1 where anything was lost."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from editing.command.choices import whole_number
from editing.command.results import make_folder, to_json, write_text
from samm.errors import OptionError

if TYPE_CHECKING:
    from editing.evaluation.stress.tally import Row

__all__ = ["add_parser"]

_PARTS = ("input", "faults", "load")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    run = commands.add_parser(
        "stress", help="try bad input, faults and many visitors, and count what is lost"
    )
    run.add_argument("--cases", type=whole_number, default=20_000, metavar="N", help="of bad input (20,000)")
    run.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the cases; equal seeds, equal cases"
    )
    run.add_argument(
        "--visitors", type=whole_number, nargs="+", default=[1, 8, 32], metavar="N", help="at once"
    )
    run.add_argument(
        "--requests", type=whole_number, default=500, metavar="N", help="after one another (500)"
    )
    run.add_argument(
        "--only", nargs="+", choices=_PARTS, default=_PARTS, metavar="PART", help="input, faults, load"
    )
    run.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder for the cases of bad input that are lost"
    )
    run.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    run.set_defaults(run=_stress)


def _stress(args: argparse.Namespace) -> int:
    if args.json:
        make_folder(args.json.parent)
    try:
        import hypothesis  # noqa: F401
    except ImportError as error:
        raise OptionError(
            "The stress test makes its input up by hypothesis; install it with pip install hypothesis."
        ) from error
    rows = []
    print("| what | tried | survived | lost | figures |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(args, Path(folder)):
            rows.append(row)
            lost = row.tried - row.survived
            print(f"| {row.what} | {row.tried:,} | {row.survived:,} | {lost} | {row.figures} |", flush=True)
    lost = [line for row in rows for line in row.lost]
    print("\n".join(["", _machine(), *(f"lost: {line}" for line in lost)]))
    figures = {"machine": _machine(), "rows": [row.__dict__ for row in rows], "lost": len(lost)}
    write_text(args.json, to_json(figures))
    return 1 if lost else 0


def _rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Run the parts that were asked for; imported here because each takes long."""
    if "input" in args.only:
        from editing.evaluation.stress.calls import api_arguments
        from editing.evaluation.stress.fuzz import fuzz, kinds
        from editing.evaluation.stress.site import serve

        for kind in kinds(folder):
            yield fuzz(kind, max(round(args.cases * kind.share), 1), args.seed, args.keep)
        with serve(folder / "called") as site:
            kind = api_arguments(site)
            yield fuzz(kind, max(round(args.cases * kind.share), 1), args.seed, args.keep)
    if "faults" in args.only:
        from editing.evaluation.stress.faults import play

        yield from play(folder)
    if "load" in args.only:
        from editing.evaluation.stress.site import serve
        from editing.evaluation.stress.visitors import fair, hold, last, quiet

        with serve(folder / "page") as site:
            for count in args.visitors:
                yield hold(site, count)
            yield fair(site)
            yield last(site, args.requests)
            yield quiet(site)


def _machine() -> str:
    """Name the processor and how much of it there is."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        name = named[0].partition(":")[2].strip() if named else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
