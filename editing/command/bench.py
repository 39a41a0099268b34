"""The command `python -m samm bench`: each stage's time here beside its floors, or two checkouts in turn."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from editing.command.results import make_folder, to_json, write_text
from editing.evaluation import speed
from editing.evaluation.speed import Timing
from samm.errors import OptionError
from samm.models import DEFAULT

__all__ = ["add_parser"]

_EXAMPLE = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@dataclass(frozen=True)
class _Choice:
    """What is timed, how often, and against what.

    Attributes:
        photo: a file with a face.
        runs: of each stage.
        preset, device, precision: of the model.
        only: names of stages; all where empty.
        against: another checkout whose stages are timed in turn with this one's; None without.
        setting: NAME=VALUE of the environment for the other side; this checkout where `against` is None.
        file: for all figures as JSON; None without.
        serve: time the stage that each line of the input names, for the side that compares with this one.
    """

    photo: Path
    runs: int
    preset: str
    device: str | None
    precision: str
    only: tuple[str, ...]
    against: Path | None
    setting: str | None
    file: Path | None
    serve: bool


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    run = commands.add_parser("bench", help="time each stage of the program on this machine")
    run.add_argument("photo", nargs="?", type=Path, default=_EXAMPLE, help="a photo with a face")
    run.add_argument("--runs", type=int, default=5, metavar="N", help="of each stage (default 5)")
    run.add_argument("--only", default="", metavar="LIST", help="names of stages with commas between")
    run.add_argument("--against", type=Path, metavar="CHECKOUT", help="time another checkout in turn")
    run.add_argument(
        "--setting", metavar="NAME=VALUE", help="a variable of the environment for the other side"
    )
    run.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    run.add_argument("--preset", default=DEFAULT)
    run.add_argument("--device")
    run.add_argument("--precision", default="fp32")
    run.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    only = tuple(filter(None, args.only.split(",")))
    choice = _Choice(
        args.photo,
        args.runs,
        args.preset,
        args.device,
        args.precision,
        only,
        args.against,
        args.setting,
        args.json,
        args.serve,
    )
    if choice.runs < 1:
        raise OptionError(f"The number of runs is {choice.runs}; choose 1 or more.")
    if choice.serve:
        return _serve(choice)
    if choice.file:
        make_folder(choice.file.parent)  # before the work, not after it
    if choice.against or choice.setting:
        return _pair(choice)
    return _time(choice)


def _time(choice: _Choice) -> int:
    """Time every stage of this checkout and print the table."""
    model, stages = _stages(choice)
    rates = speed.measure_rates(model.device)
    timings = {
        name: speed.time_stage(name, stage, choice.runs, model.device) for name, stage in stages.items()
    }
    conditions = speed.conditions(model.device, model.precision)
    rows = pd.DataFrame([timing.row(rates) for timing in timings.values()])
    print(rows.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep="–"))
    reached = f"{rates.operations / 1e9:.0f} GFLOP/s and {rates.bytes / 1e9:.1f} GB/s"
    print(f"{', '.join(f'{name} {value}' for name, value in conditions.items())}; reached here: {reached}")
    figures = {"conditions": conditions, "rates": rates.__dict__, "stages": speed.plain(timings)}
    write_text(choice.file, to_json(figures))
    return 0


def _serve(choice: _Choice) -> int:
    """Time one run of the stage that each line of standard input names, and answer in one line of JSON."""
    model, stages = _stages(choice)
    for stage in stages.values():
        stage()  # warm up
    print(json.dumps(list(stages)), flush=True)
    for line in sys.stdin:
        stage = stages[line.strip()]
        print(json.dumps(speed.seconds(stage, model.device)), flush=True)
    return 0


def _pair(choice: _Choice) -> int:
    """Time two sides run by run in turn, and print the ratio of each pair."""
    here = Path(__file__).parents[2]
    with _side(choice, here, None) as a, _side(choice, choice.against or here, choice.setting) as b:
        names_a, names_b = json.loads(_answer(a)), json.loads(_answer(b))
        names = list(dict.fromkeys([*names_a, *names_b]))
        sides = [(a, {name: [] for name in names_a}), (b, {name: [] for name in names_b})]
        for run in range(choice.runs):
            turns = sides[:: 1 if run % 2 == 0 else -1]  # who is second finds warm caches
            for name in names:
                for side, seconds in turns:
                    if name in seconds:
                        seconds[name].append(json.loads(_ask(side, name)))
    timings = [
        {name: Timing(name, tuple(runs), 0, 0) for name, runs in seconds.items()} for _, seconds in sides
    ]
    ratios = speed.compare(*timings)
    rows: dict[str, dict[str, Any]] = {name: {"stage": name} for name in names}
    for who, side in zip(("this", "other"), timings, strict=True):
        for name, timing in side.items():
            rows[name][f"{who} s"] = timing.median
    for name, ratio in ratios.items():
        rows[name] |= {f"this/other {kind}": value for kind, value in ratio.items()}
    columns = ["stage", "this s", "other s", *(f"this/other {kind}" for kind in ("min", "median", "max"))]
    table = pd.DataFrame(rows.values(), columns=columns)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep="–"))
    write_text(
        choice.file,
        to_json({"this": speed.plain(timings[0]), "other": speed.plain(timings[1]), "ratios": ratios}),
    )
    return 0


@contextmanager
def _side(choice: _Choice, checkout: Path, setting: str | None) -> Iterator[subprocess.Popen[str]]:
    """Start one side, with the same interpreter, and end it."""
    environment = dict(os.environ)
    if setting:
        name, equals, value = setting.partition("=")
        if not equals:
            raise OptionError(f"The setting {setting} is not understood; write NAME=VALUE.")
        environment[name] = value
    words = ["bench", str(choice.photo.resolve()), "--serve", "--preset", choice.preset]
    words += ["--precision", choice.precision, "--only", ",".join(choice.only)]
    words += ["--device", choice.device] if choice.device else []
    side = subprocess.Popen(
        [sys.executable, "-m", "samm", *words],
        cwd=checkout,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield side
    finally:
        side.kill()
        side.wait()


def _ask(side: subprocess.Popen[str], stage: str) -> str:
    print(stage, file=_pipe(side.stdin), flush=True)
    return _answer(side)


def _answer(side: subprocess.Popen[str]) -> str:
    line = _pipe(side.stdout).readline()
    if not line:
        raise OptionError("The other side could not be timed; see what it wrote above.")
    return line


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # both are pipes
    return stream


def _stages(choice: _Choice) -> tuple[Any, dict[str, Any]]:
    """Load the model and list what is timed; here because both take seconds."""
    from editing.evaluation.stages import list_stages
    from samm.models import load

    model = load(choice.preset, choice.device, choice.precision)
    stages = list_stages(choice.photo, model)
    if unknown := [name for name in choice.only if name not in stages]:
        raise OptionError(f"There is no stage {unknown[0]}; choose among {', '.join(stages)}.")
    return model, {name: run for name, run in stages.items() if not choice.only or name in choice.only}
