"""Command line: `python -m editing.training STEP --out DIR`.

The order is scorer, text, samples, directions, channels; components depend on none. Each step takes
what earlier ones left in DIR, or else the embedded file. On a GPU the whole takes ten minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import samm
from editing.moves import weights
from editing.moves.directions import load_directions, sample_w, save_directions
from editing.moves.scorer import YES_NO, Scorer, load_scorer, probabilities
from editing.moves.words.global_directions import save_channels
from editing.moves.words.mapper import mapper_name, save_mapper
from editing.moves.words.model import FaceText, TextModel, load_text_model
from editing.recipe.attributes import ATTRIBUTES
from editing.training.channels import fit_channels
from editing.training.components import fit_components, save_components
from editing.training.directions import FitConfig, fit_directions
from editing.training.labels import LabeledFaces, read_labeled
from editing.training.mapper import fit_mapper
from editing.training.sampled_faces import draw_faces, score_faces
from editing.training.scorer import report, train_scorer
from editing.training.text import caption_report, text_config, train_text
from samm.models import load_generator
from samm.networks.generators import Generator
from samm.pixels import batch_to_pm1

log = logging.getLogger("editing.training")

SAMPLES_FILE = "samples.safetensors"
SAMPLES_PSI, SAMPLES_SEED = 0.8, 11


def main(argv: Sequence[str] | None = None) -> None:
    """Run one step."""
    args = _parser().parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m editing.training", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    step = {name: steps.add_parser(name, help=run.__doc__) for name, run in _STEPS.items()}
    for name, sub in step.items():
        sub.set_defaults(run=_STEPS[name])
        sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of all results")
        sub.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        sub.add_argument("--preset", default="mobile", help="whose generator (default mobile)")
        sub.add_argument("--seed", type=int, default=0)
    for name in ("scorer", "text"):
        step[name].add_argument("--data", type=Path, nargs="+", required=True, help="tars of FFHQ-type crops")
        step[name].add_argument("--attributes", type=Path, required=True, help="CelebA's attributes, .npz")
        step[name].add_argument(
            "--cache", type=Path, required=True, help="folder for points found in the faces"
        )
        step[name].add_argument("--batch", type=int, default=256 if name == "scorer" else 384)
    step["scorer"].add_argument("--epochs", type=int, default=40)
    step["text"].add_argument("--steps", type=int, default=4000)
    step["text"].add_argument("--drawn", type=int, default=16_000, help="drawn faces beside the real ones")
    step["samples"].add_argument("--samples", type=int, default=40_000)
    step["directions"].add_argument("--probes", type=int, default=48)
    step["directions"].add_argument("--only", nargs="+", default=[], metavar="NAME", help="keep the others")
    step["directions"].add_argument("--rows", type=_rows, metavar="A-B", help="try these rows only")
    step["directions"].add_argument("--gain", type=float, help="try this gain only")
    step["components"].add_argument("--samples", type=int, default=1_000_000)
    for name in ("channels", "mapper"):
        step[name].add_argument("--clip", metavar="NAME[:WEIGHTS]", help="a full CLIP of open_clip instead")
    step["channels"].add_argument("--images", type=int, default=100)
    step["channels"].add_argument("--precision", default="fp32", help="fp32 or, on a GPU, bf16")
    step["mapper"].add_argument("--phrase", required=True)
    step["mapper"].add_argument("--steps", type=int, default=2000)
    return parser


def _rows(text: str) -> tuple[int, int]:
    start, stop = text.split("-")
    return int(start), int(stop)


def _scorer(args: argparse.Namespace) -> None:
    """Train the attribute scorer and report on faces held out."""
    data = _read(args)
    scorer = train_scorer(data, torch.device(args.device), args.epochs, args.batch, args.seed)
    figures = report(scorer, data, torch.device(args.device))
    _save(scorer, args.out / weights.SCORER.name, figures)
    (args.out / "scorer.json").write_text(json.dumps(figures, indent=1))


def _text(args: argparse.Namespace) -> None:
    """Train the embedded text model on real and drawn faces."""
    device, data = torch.device(args.device), _read(args)
    scorer = load_scorer(device, args.out)
    seen = probabilities(score_faces(scorer, (batch_to_pm1(f.to(device)) for f in data.faces.split(256))))
    scores = _known_first(data.labels, seen)
    generator = _generator(args)
    faces, labels = [data.faces[~data.held_out]], [scores[~data.held_out]]
    for picture in draw_faces(generator, sample_w(generator, args.drawn, SAMPLES_PSI, SAMPLES_SEED + 1)):
        labels.append(probabilities(scorer(picture)).cpu())
        faces.append(_to_u8(picture, data.faces.shape[-1]).cpu())
    model = train_text(torch.cat(faces), torch.cat(labels), device, args.steps, args.batch, seed=args.seed)
    figures = caption_report(model, data.faces[data.held_out], scores[data.held_out], device)
    _save(model, args.out / weights.FACE_TEXT.name, figures)
    (args.out / "face_text.json").write_text(json.dumps(text_config(), indent=1))
    (args.out / "face_text_report.json").write_text(json.dumps(figures, indent=1))


def _samples(args: argparse.Namespace) -> None:
    """Draw samples of W and keep their scores."""
    generator = _generator(args)
    scorer = load_scorer(args.device, args.out)
    w = sample_w(generator, args.samples, SAMPLES_PSI, SAMPLES_SEED)
    scores = score_faces(scorer, draw_faces(generator, w))
    save_file({"scores": scores.half()}, args.out / SAMPLES_FILE, {"preset": args.preset})


def _directions(args: argparse.Namespace) -> None:
    """Fit the sliders' directions to the samples and their scores."""
    generator, scores = _generator(args), load_file(args.out / SAMPLES_FILE)["scores"].float()
    w = sample_w(generator, len(scores), SAMPLES_PSI, SAMPLES_SEED)
    scorer, descriptor = load_scorer(args.device, args.out), samm.load_descriptor(args.device)
    config = FitConfig(probes=args.probes)
    config = replace(config, rows=(args.rows,)) if args.rows else config
    config = replace(config, gains=(args.gain,)) if args.gain else config
    fitted, metadata = fit_directions(
        generator, scorer, descriptor, ATTRIBUTES, w, scores, config, args.seed + 1, args.only
    )
    path = args.out / weights.DIRECTIONS.name
    if args.only:  # the others stay as they are
        kept, known = load_directions(weights.DIRECTIONS.path(args.out), generator.num_layers)
        fitted, metadata = {**kept, **fitted}, {**known, **metadata}
    save_directions(path, fitted, metadata)


def _components(args: argparse.Namespace) -> None:
    """Fit the principal components of W."""
    components = fit_components(_generator(args), args.samples, seed=args.seed, device=args.device)
    save_components(
        args.out / weights.COMPONENTS.name, components, {"samples": args.samples, "seed": args.seed}
    )


def _channels(args: argparse.Namespace) -> None:
    """Measure how style channels move the text model's view of a picture."""
    generator, text_model = _generator(args), _text_model(args)
    channels = fit_channels(
        generator, text_model, args.images, args.seed, precision=args.precision,
        state_path=args.out / "channels_state.safetensors",
    )  # fmt: skip
    save_channels(channels, args.out / weights.channels_of(text_model.name).name)


def _mapper(args: argparse.Namespace) -> None:
    """Train a latent mapper for one phrase."""
    mapper = fit_mapper(
        _generator(args), _text_model(args), samm.load_descriptor(args.device), args.phrase, args.steps,
        seed=args.seed, state_path=args.out / "mapper_state.pt",
    )  # fmt: skip
    save_mapper(mapper, args.out / mapper_name(args.phrase))


_STEPS = {
    "scorer": _scorer, "text": _text, "samples": _samples, "directions": _directions,
    "components": _components, "channels": _channels, "mapper": _mapper,
}  # fmt: skip


def _read(args: argparse.Namespace) -> LabeledFaces:
    detector = samm.load_detector()
    return reduce(add, [read_labeled(pack, args.attributes, detector, args.cache) for pack in args.data])


def _generator(args: argparse.Namespace) -> Generator:
    return load_generator(args.preset, args.device)


def _text_model(args: argparse.Namespace) -> TextModel:
    return load_text_model(args.clip, args.device, args.out)


def _known_first(labels: Tensor, seen: Tensor) -> Tensor:
    """Take what is known of each face, softened as labels err, and what the scorer sees where nothing is."""
    yes_no = (torch.arange(labels.shape[1]) < YES_NO)[None]
    # Two thirds label, one third the scorer's view of it.
    known = torch.where(yes_no, 0.67 * labels + 0.33 * seen, labels)
    return torch.where(labels.isfinite(), known, seen)


def _to_u8(picture: Tensor, size: int) -> Tensor:
    small = nn.functional.interpolate(picture, size=size, mode="bilinear", antialias=True)
    return ((small + 1) * 127.5).round().clamp(0, 255).byte()


def _save(module: Scorer | FaceText, path: Path, figures: dict) -> None:
    state = {key: value.half().contiguous().cpu() for key, value in module.state_dict().items()}
    save_file(state, path, {"held_out": json.dumps(figures)})


if __name__ == "__main__":
    sys.exit(main())
