"""Command line: `python -m samm.training encoder|samm --data TAR… --minutes M --out DIR --weights DIR`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from samm.training.data import FacePool, read_pack
from samm.training.encoder import ENCODER_PRESETS, EncoderTrainer
from samm.training.loop import Budget, train
from samm.training.networks import load_networks
from samm.training.samm import SAMM_PRESETS, SAMMTrainer

NETWORKS = {"encoder": (EncoderTrainer, ENCODER_PRESETS), "samm": (SAMMTrainer, SAMM_PRESETS)}


def main(argv: Sequence[str] | None = None) -> None:
    """Train a network for the given time."""
    argv = sys.argv[1:] if argv is None else list(argv)
    options = _parse(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _allow_fast_arithmetic()
    trainer_class, presets = NETWORKS[options.network]
    config = presets["tiny" if options.tiny else "mobile"]
    if options.batch:
        config = replace(config, batch=options.batch)
    packs = [read_pack(path) for path in options.data]  # before a GPU is touched: reading forks
    networks = load_networks(options.weights, device, options.tiny)
    faces = FacePool(packs, device, config.held_out)
    trainer = trainer_class(networks, faces, config, _compiler(options.compile), options.seed)
    source = f"trained with python -m samm.training {shlex.join(argv)}"
    budget = Budget(60 * options.minutes, options.steps)
    train(trainer, config.loop, budget, options.out, options.resume, source)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m samm.training", description=__doc__)
    parser.add_argument("network", choices=list(NETWORKS))
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="tars or folders of FFHQ-type crops"
    )
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="training time; 0 compiles and judges only"
    )
    parser.add_argument("--steps", type=int, help="train this many steps instead")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, log and contact sheets")
    parser.add_argument(
        "--weights", type=Path, help="folder of the weights to start from and of the loss networks"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--batch", type=int, help="images in a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile: minutes of waiting, then much faster"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="small random networks: a smoke test without weights"
    )
    options = parser.parse_args(argv)
    if not options.tiny and options.weights is None:
        parser.error("--weights is needed unless --tiny is given")
    return options


def _compiler(wanted: bool) -> Callable[[Callable], Callable]:
    # Shapes never change within a run; letting the compiler guess at dynamic ones would cost speed and time.
    return (
        (lambda function: torch.compile(function, dynamic=False)) if wanted else (lambda function: function)
    )


def _allow_fast_arithmetic() -> None:
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")


if __name__ == "__main__":
    # Both save and end the run. Shells start background jobs with SIGINT ignored, so it is set here again.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
