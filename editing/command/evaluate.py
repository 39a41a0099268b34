"""The command `python -m samm evaluate PATH…`: measure and compare methods and edits on cropped photos."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

from editing.command.choices import ModelChoice, add_model_arguments, whole_number
from editing.command.console import complain
from editing.command.photos import expand
from editing.command.results import make_folder, to_json
from editing.evaluation.measure import Comparison, evaluate, load_judges, protocol, signatures
from editing.evaluation.methods import METHODS, SECONDS_A_STEP, Change, Settings, choose
from editing.evaluation.tables import (
    Figures,
    differences,
    edit_table,
    finished,
    load_csv,
    plain,
    save_csv,
    summarize,
    table,
)
from samm.crop.domains import FACES
from samm.errors import OptionError, UserError
from samm.models import Model, load

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
    edits = _changes(choice.edits, model)
    settings = Settings(choice.model.options(model, choice.mask_strength), choice.search, edits)
    methods = choose(choice.methods, model, settings)
    if choice.against and (choice.against not in methods or len(methods) == 1):
        raise OptionError(f"--against {choice.against} needs that method and another one in --methods.")
    for file in filter(None, (choice.json, choice.csv, choice.markdown)):
        make_folder(file.parent)  # before the work, not after it
    comparison = Comparison(methods, model, load_judges(model), settings)
    figures = _earlier(choice.csv, signatures(comparison)) if choice.csv else {}
    done = {key for key, found in figures.items() if all(edit.name in found.edits for edit in edits)}
    _announce([method for name in names for method in methods if (name, method) not in done], choice.search)
    failed: list[Path] = []

    def report(path: Path, error: UserError) -> None:
        failed.append(path)
        complain(f"{path.name}: {error}")

    try:
        with tqdm(paths, unit="photo", disable=None, leave=False) as bar:

            def tell(stage: str, step: int, steps: int) -> None:
                bar.set_postfix_str(stage + (f" {step}/{steps}" if steps > 1 else ""))

            for new in evaluate(bar, comparison, report, tell, done):
                before = figures.get((new.name, new.method), new)
                figures[new.name, new.method] = replace(new, edits={**before.edits, **new.edits})
                if choice.csv:
                    save_csv(choice.csv, figures.values())
    finally:  # after Ctrl-C and errors of ours too: what was finished took time
        results = finished(figures.values(), names, list(methods), [edit.name for edit in edits])
        measured = len(results) // len(methods)
        if measured < len(paths):
            complain(f"{measured} of {len(paths)} photos were measured by all methods.")
        if results:
            _show(results, comparison, len(paths), choice)
    return 1 if failed or failures else 0


def _changes(edits: Sequence[str], model: Model) -> tuple[Change, ...]:
    """Read edits and load what they need."""
    if not edits:
        return ()
    if model.domain != FACES:
        raise OptionError(
            f"Edits of {model.domain.name}s cannot be measured, because the scorer knows faces only; leave "
            "--edits out."
        )
    from editing.evaluation.edits import (  # here because the scorer's package is large
        Scores,
        changes,
        read_edits,
    )
    from editing.moves.scorer import load_scorer
    from editing.moves.tools import Tools

    return changes(read_edits(edits), Tools(model), Scores(load_scorer(model.device), model))


def _earlier(file: Path, made_with: Mapping[str, str]) -> dict[tuple[str, str], Figures]:
    """Read what an earlier run measured, by photo and method, and see that the file can be written."""
    figures = {(found.name, found.method): found for found in load_csv(file)}
    for found in figures.values():
        if found.settings != made_with.get(found.method, found.settings):
            raise OptionError(
                f"The file {file.name} holds figures of {found.method} with other settings "
                f"({found.settings}) than now ({made_with[found.method]}); choose another file."
            )
    save_csv(file, figures.values())
    return figures


def _announce(methods: Sequence[str], search_steps: int) -> None:
    """Say how long the searches of methods, each named once a photo, may take."""
    searching = [name for name in methods if METHODS[name].searches]
    steps = search_steps * sum(METHODS[name].searches for name in searching)
    if steps:
        minutes = max(steps * SECONDS_A_STEP / 60, 1)
        named = " and ".join(dict.fromkeys(searching))
        complain(f"{named} will take up to {steps:,} steps, on two CPU cores about {minutes:,.0f} min.")


def _show(results: Sequence[Figures], comparison: Comparison, asked: int, choice: _Choice) -> None:
    """Print tables and protocol, and write them and all figures to files."""
    summaries = summarize(results)
    apart = summarize(differences(results, choice.against)) if choice.against else []
    settings = comparison.settings
    layouts = [table, edit_table] if settings.changes else [table]
    tables = [lay_out(*part) for lay_out in layouts for part in ((summaries, ""), (apart, "+")) if part[0]]
    text = "\n\n".join([*tables, protocol(summaries, comparison, asked)]) + "\n"
    print(text, end="")
    used = {
        "preset": choice.model.preset,
        "precision": choice.model.precision,
        "options": asdict(settings.options),
    }
    used |= {"search_steps": choice.search, "edits": [change.name for change in settings.changes]}
    _write(choice.json, to_json({**plain(results, summaries), "protocol": text, **used}))
    _write(choice.markdown, text)


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The file {file.name} cannot be written; choose another place for it.") from error
