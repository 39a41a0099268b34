"""Command line: train the encoder, SAMM or the sketch, or time a step of each.

`python -m samm.training encoder|samm|sketch|bench --data TAR_OR_FOLDER…`; started with
`torchrun --nproc_per_node P -m samm.training …` training shares every batch out to P processes.
`--preset stylegan2-e4e` trains a SAMM for other networks, whose encoder is trained elsewhere.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from samm.errors import OptionError, UserError
from samm.models import PRESETS
from samm.training import parallel
from samm.training.data import FacePool, read_pack
from samm.training.encoder_trainer import ENCODER_CONFIGS, EncoderConfig, EncoderTrainer
from samm.training.loop import Budget, Outcome, measure, train
from samm.training.networks import load_networks
from samm.training.samm_trainer import SAMM_CONFIGS, SAMMConfig, SAMMTrainer
from samm.training.sketch_trainer import SKETCH_CONFIGS, SketchConfig, SketchTrainer

NETWORKS = {
    "encoder": (EncoderTrainer, ENCODER_CONFIGS),
    "samm": (SAMMTrainer, SAMM_CONFIGS),
    "sketch": (SketchTrainer, SKETCH_CONFIGS),
}
RESIDUAL = ("mobile", "tiny")  # the presets whose encoder and sketch are trained here
# What a configuration is for, where it is not "mobile" and no --preset is given.
PRESET_OF = {
    "paper": "stylegan2-e4e",
    "cars": "stylegan2-e4e-cars",
    "tiny": "tiny",
    "tiny-cars": "tiny-stylegan2-e4e-cars",
}
Trainers = EncoderTrainer | SAMMTrainer | SketchTrainer
Configs = EncoderConfig | SAMMConfig | SketchConfig


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the arguments say.

    Raises:
        UserError: an option, a weights file or the data does not fit.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    options = _parse(argv)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    preset = _preset(options)
    learning = ["samm"] if options.command == "bench" and preset not in RESIDUAL else options.networks
    configs = {network: _config(network, options) for network in learning}
    domain = PRESETS[preset].domain
    packs = [read_pack(path, domain=domain) for path in options.data]  # before a GPU is touched: it forks
    with parallel.processes() as device:
        for network, config in configs.items():
            trainer = _trainer(network, config, preset, packs, device, options)
            if options.command == "bench":
                _bench(network, trainer, config, options.steps)
                continue
            budget = Budget(60 * options.minutes, options.steps)
            source = f"trained with python -m samm.training {shlex.join(argv)}"
            train(trainer, config.loop, budget, Outcome(options.out, source), options.resume)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m samm.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data", type=Path, nargs="+", required=True, help="tars or folders of FFHQ-type crops"
    )
    common.add_argument(
        "--weights", type=Path, help="folder of the weights to start from and of ST-LPIPS (vgg)"
    )
    common.add_argument(
        "--config", default="mobile", help="losses and schedule; tiny needs no weights (default: mobile)"
    )
    common.add_argument(
        "--preset", help=f"the networks: {', '.join(PRESETS)} (default: what the configuration is for)"
    )
    common.add_argument("--batch", type=int, help="images in a step, over all processes")
    common.add_argument("--seed", type=int, default=0)
    common.add_argument(
        "--compile", action="store_true", help="torch.compile: minutes of waiting, then much faster"
    )
    for network, (_, configs) in NETWORKS.items():
        command = commands.add_parser(network, parents=[common], help=f"train; configs: {', '.join(configs)}")
        command.set_defaults(networks=[network])
        _add_run_arguments(command)
    bench = commands.add_parser("bench", parents=[common], help="time a step of each trainer")
    bench.add_argument("--steps", type=int, default=10, help="that are timed, after warming up (default: 10)")
    bench.set_defaults(networks=list(NETWORKS), fresh=False)
    return parser.parse_args(argv)


def _add_run_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, required=True, help="folder for weights, log, contact sheets")
    command.add_argument(
        "--minutes", type=float, default=0.0, help="training time; 0 compiles and judges only"
    )
    command.add_argument("--steps", type=int, help="train this many steps instead")
    command.add_argument("--resume", action="store_true", help="continue the run in --out")
    command.add_argument("--fresh", action="store_true", help="start the network at random")
    command.add_argument("--save-every", type=float, default=2.0, metavar="MINUTES", help="default: 2")


def _preset(options: argparse.Namespace) -> str:
    preset = options.preset or PRESET_OF.get(options.config, "mobile")
    if preset not in PRESETS:
        raise OptionError(f"There is no preset called {preset}; choose one of {', '.join(PRESETS)}.")
    if options.command in ("encoder", "sketch") and preset not in RESIDUAL:
        raise OptionError(
            f"The {options.command} of the preset {preset} is not trained here; train a SAMM for it, or "
            f"choose the preset {' or '.join(RESIDUAL)}."
        )
    return preset


def _config(network: str, options: argparse.Namespace) -> Configs:
    configs = NETWORKS[network][1]
    if options.config not in configs:
        raise OptionError(
            f"There is no configuration {options.config} for training {network}; choose one of "
            f"{', '.join(configs)}."
        )
    config = configs[options.config]
    if options.batch:
        config = replace(config, batch=options.batch)
    if options.command in NETWORKS:
        config = replace(config, loop=replace(config.loop, save_every_s=60 * options.save_every))
    return config


def _trainer(
    network: str,
    config: Configs,
    preset: str,
    packs: Sequence[Tensor],
    device: torch.device,
    options: argparse.Namespace,
) -> Trainers:
    fresh = network if options.fresh else None
    networks = load_networks(options.weights, device, preset, config.needs_vgg, fresh)
    faces = FacePool(packs, device, config.held_out)
    trainer, _ = NETWORKS[network]
    return trainer(networks, faces, config, _compiler(options.compile), options.seed)


def _compiler(wanted: bool) -> Callable[[Callable], Callable]:
    # Shapes never change within a run; letting the compiler guess at dynamic ones would cost speed and time.
    return (
        (lambda function: torch.compile(function, dynamic=False)) if wanted else (lambda function: function)
    )


def _bench(network: str, trainer: Trainers, config: Configs, steps: int) -> None:
    speed, shares = measure(trainer, config.loop, steps)
    if parallel.rank() == 0:
        parts = "  ".join(f"{name} {share:.0f}" for name, share in shares.items())
        print(f"{network}: {speed:.1f} images/s at batch {trainer.batch}; time %: {parts}")


if __name__ == "__main__":
    # Ends what is not yet a run; a run catches both, saves and ends. Shells start background jobs with SIGINT
    # ignored, so it is set here again.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
