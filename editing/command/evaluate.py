"""The command `python -m samm evaluate PATH…`: measure and compare methods and edits on cropped photos."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editing.command.choices import ModelChoice, add_model_arguments, whole_number
from editing.command.console import complain, explain
from editing.command.photos import expand
from editing.command.results import make_folder, to_json, write_text
from editing.evaluation.methods import METHODS, Bench, choose, read_edits
from editing.moves.moves import Moves
from samm.crop.domains import FACES
from samm.errors import OptionError
from samm.models import load

__all__ = ["add_parser"]


@dataclass(frozen=True)
class _Choice:
    """What to measure, and where the figures go; see `add_parser`."""

    names: tuple[Path, ...]
    limit: int | None
    methods: tuple[str, ...]
    against: str | None
    search: int
    edits: tuple[str, ...]
    json: Path | None
    csv: Path | None
    markdown: Path | None
    mask_strength: float
    model: ModelChoice

    @staticmethod
    def of(args: argparse.Namespace) -> _Choice:
        """Read the command's arguments."""
        return _Choice(
            tuple(args.photos), args.limit, tuple(args.methods.split(",")), args.against, args.search,
            tuple(args.edits), args.json, args.csv, args.markdown, args.mask_strength, ModelChoice.of(args),
        )  # fmt: skip


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    listed = "\n".join(f"  {name:15} {method.description}" for name, method in METHODS.items())
    judge = commands.add_parser(
        "evaluate",
        help="measure and compare inversions and edits of photos that are cropped already",
        epilog=f"methods:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    judge.add_argument("photos", nargs="+", type=Path, metavar="PATH", help="files, folders or patterns")
    judge.add_argument("--limit", type=whole_number, metavar="N", help="only the first N photos")
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
    judge.set_defaults(run=_run)
    add_model_arguments(judge)


def _run(args: argparse.Namespace) -> int:
    choice = _Choice.of(args)
    paths, failures = expand(choice.names)
    paths = paths[: choice.limit]
    if not paths:
        return 1
    names = [path.stem for path in paths]
    if twice := {name for name in names if names.count(name) > 1}:
        raise OptionError(f"Two photos are called {min(twice)}; rename one, since figures go by names.")
    model = load(choice.model.preset, choice.model.device, choice.model.precision)
    if choice.edits and model.domain != FACES:
        raise OptionError(
            f"Edits of {model.domain.name}s cannot be measured, because the scorer knows faces only; leave "
            "--edits out."
        )
    edits, options = read_edits(choice.edits), choice.model.options(model)
    bench = Bench(model, Moves(model), options, choice.search, edits, choice.mask_strength)
    methods = choose(choice.methods, bench)
    for file in filter(None, (choice.json, choice.csv, choice.markdown)):
        make_folder(file.parent)  # before the work, not after it
    # Here because the scorer's package is large.
    from editing.evaluation.comparison import Comparison
    from editing.evaluation.judges import load_judges
    from editing.evaluation.report import compare

    def show(text: str, figures: dict[str, Any]) -> None:
        print(text, end="")
        write_text(choice.json, to_json(figures))
        write_text(choice.markdown, text)

    comparison = Comparison(methods, bench, load_judges(model))
    well = compare(paths, comparison, choice.against, choice.csv, show, complain, explain)
    return 0 if well and not failures else 1
