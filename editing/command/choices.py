"""What the commands on photos share on the command line: which photos, which model, and where results go."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from editing.recipe.attributes import canonical
from samm.errors import OptionError
from samm.inversion import Options
from samm.models import PRECISIONS, PRESETS, Model

__all__ = [
    "ModelChoice",
    "PhotoChoice",
    "add_model_arguments",
    "add_photo_arguments",
    "plain_options",
    "whole_number",
]


@dataclass(frozen=True)
class PhotoChoice:
    """Which photos and faces, and where results go.

    Attributes:
        names: of files and folders, and patterns.
        out: folder for the results.
        face: 1 is the largest; None takes that one and says so where there are others.
        crop: x, y and size in pixels and perhaps a turn in degrees, instead of looking for a face.
        whole_photo: also paste the results into the whole photo.
        resume: skip what an earlier run with the same choices has finished.
    """

    names: tuple[Path, ...]
    out: Path
    face: int | Literal["all"] | None = None
    crop: tuple[float, ...] | None = None
    whole_photo: bool = False
    resume: bool = False
    no_turn: bool = False

    @staticmethod
    def of(args: argparse.Namespace) -> PhotoChoice:
        """Read the photo arguments."""
        face = args.face
        if face not in (None, "all"):
            if not face.isdecimal() or int(face) < 1:
                raise OptionError(f"There is no face {face}; give a number from 1 on, or all.")
            face = int(face)
        return PhotoChoice(
            tuple(args.photos), args.out, face, args.crop, args.whole_photo, args.resume, args.no_turn
        )


@dataclass(frozen=True)
class ModelChoice:
    """How to invert, and by which model; see `add_model_arguments`."""

    preset: str
    device: str | None
    precision: str
    steps: int | None
    iterations: int
    refine: int
    tune: int

    @staticmethod
    def of(args: argparse.Namespace) -> ModelChoice:
        """Read the model arguments, but for the mask strength."""
        return ModelChoice(
            args.preset,
            _device(args.device),
            args.precision,
            args.steps,
            args.iterations,
            args.refine,
            args.tune,
        )

    def options(self, model: Model) -> Options:
        """Give an inversion's options."""
        steps = model.encoder.default_steps if self.steps is None else self.steps
        return Options(steps, self.iterations, self.refine, self.tune)


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which photos and faces, and where results go."""
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help='files, folders or patterns such as "*.jpg"'
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--face", metavar="N", help="which face: 1 is the largest (default), or all; presets for faces only"
    )
    parser.add_argument(
        "--crop",
        type=_numbers,
        metavar="X,Y,SIZE[,TURN]",
        help="crop by hand instead: center and edge (of a car's crop, its width) in pixels of the photo, "
        "turn in degrees",
    )
    parser.add_argument(
        "--no-turn",
        action="store_true",
        help="take the photo the way round that the file says, even where no face stands upright that way",
    )
    parser.add_argument(
        "--whole-photo",
        action="store_true",
        help="also paste the result into the whole photo; with --face all, every face into the same one",
    )
    parser.add_argument(
        "--resume", action="store_true", help="skip what an earlier run with the same options has finished"
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how to invert, and by which model."""
    parser.add_argument("--steps", type=int, help="encoder passes (default: the preset's own, 2)")
    parser.add_argument("--iterations", type=int, default=2, metavar="N", help="N of Algorithm 1 (default 2)")
    parser.add_argument(
        "--refine", type=int, default=0, metavar="STEPS", help="optimization steps on the code"
    )
    parser.add_argument(
        "--tune",
        type=int,
        default=0,
        metavar="STEPS",
        help="steps of tuning the generator to the photo, after --refine",
    )
    parser.add_argument(
        "--mask-strength",
        type=float,
        default=1.0,
        metavar="T",
        help="0 = generator only, 1 = as predicted (default), up to 2 = keep more of the photo",
    )
    parser.add_argument("--preset", default="mobile", help=f"one of {', '.join(PRESETS)}")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument("--precision", default="fp32", help=f"one of {', '.join(PRECISIONS)}")


def _device(named: str | None) -> str | None:
    """Give a process that torchrun started the GPU of its own, where none is named."""
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if not named and local and torch.cuda.is_available() else named


def whole_number(text: str) -> int:
    """Read an argument that counts something, at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few; choose 1 or more")
    return number


def _numbers(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (3, 4):
        raise argparse.ArgumentTypeError(f"{text} is not understood; write three or four numbers")
    return values


def plain_options(words: Sequence[str]) -> list[str]:
    """Write the options that name an attribute by its label, or spell it otherwise, as the parser knows them.

    Such as --turn=1 as --yaw=1, and --Mouth_open as --mouth-open.
    """
    end = words.index("--") if "--" in words else len(words)
    return [*map(_plain_option, words[:end]), *words[end:]]


def _plain_option(word: str) -> str:
    option, equals, value = word.partition("=")
    name = canonical(option[2:]) if option.startswith("--") else None
    return f"--{name.replace('_', '-')}{equals}{value}" if name else word
