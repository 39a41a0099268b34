"""Measure what editing claims.

`python -m editing.evaluation.claims [--quick] [--faces FOLDER] [--json FILE]`

Sliders are tried on fresh samples of W; words, masks and recipes on inverted faces: those of FOLDER (FFHQ
crops), or else the examples' and drawn ones, so that the shipped files are enough. What a picture shows is
judged by the scorer and the face descriptor, whose own limits lie in their figures: read differences, not
levels.

Shapes: N faces, K scores, L style rows, S edge of the judged pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from editing.edit import Edit, edit, edit_all, move_code
from editing.masks import disagreement
from editing.moves.directions import move, sample_w, spread
from editing.moves.moves import Moves
from editing.moves.scorer import SCORES, Scorer, load_scorer, signed
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import MASKS, Recipe, TextEdit
from samm.crop.faces import find_faces
from samm.crop.listing import list_photos
from samm.crop.photo import open_photo
from samm.crop.quad import crop_face
from samm.inversion import Inversion, invert
from samm.method.alignment import Alignment, replay
from samm.models import Model, load, load_descriptor, load_detector
from samm.networks.generators import Adapt
from samm.networks.ops import area_resize
from samm.pixels import to_pm1, to_u8

__all__ = [
    "MaskFigures",
    "SliderFigures",
    "TextFigures",
    "draw",
    "prove_masks",
    "prove_sliders",
    "prove_texts",
    "sample_codes",
]

SIZE = 256
STRENGTH = 2.0
PSI = 0.7
PROOFS = ("exactness", "sliders", "words", "masks")
SEED = 20_000  # of fresh samples; fits use small seeds
EXAMPLES = Path(__file__).parents[2] / "examples"

# Phrase, what it starts from, and the score that has to follow; None where only the text model can judge.
PROMPTS: tuple[tuple[str, str, str | None], ...] = (
    ("blonde hair", "face with hair", "blond_hair"),
    ("black hair", "face with hair", "black_hair"),
    ("brown hair", "face with hair", "brown_hair"),
    ("grey hair", "face with hair", "gray_hair"),
    ("curly hair", "face with hair", "wavy_hair"),
    ("bangs", "face with hair", "bangs"),
    ("a bald head", "a face", "bald"),
    ("a beard", "a face", "-no_beard"),
    ("an old man", "a man", "age"),
    ("young", "a face", "-age"),
    ("sunglasses", "a face", "dark_lenses"),
    ("glasses", "a face", "eyeglasses"),
    ("red lipstick", "a face", "wearing_lipstick"),
    ("makeup", "a face", "heavy_makeup"),
    ("smiling", "a face", "smiling"),
    ("surprised", "a face", "mouth_slightly_open"),
    ("chubby", "a face", "chubby"),
    ("eyebrows thick", "a face", "bushy_eyebrows"),
    ("pale", "a face", "skin_lightness"),
    ("tanned", "a face", "-skin_lightness"),
)

# Edits that color, that draw over what was kept, and that move geometry.
MASK_EDITS = tuple(
    Recipe({name: strength})
    for name, strength in (
        *(("age", 3), ("smile", 2.5), ("glasses", 2.5), ("beard", 3), ("blond_hair", 3), ("black_hair", 3)),
        *(("face_width", 2.5), ("yaw", 1.5), ("yaw", -1.5), ("pitch", 1.5)),
    )
)


@dataclass(frozen=True)
class SliderFigures:
    """One slider at ±`STRENGTH` on fresh faces.

    Attributes:
        name: of the attribute.
        right_way: share of faces whose score is higher at + than at -.
        up, down: share of faces whose score rises at + and falls at -; a floor holds down what is not there.
        effect: mean change of the score from - to +, in the score's deviations.
        identity: mean cosine to the un-edited face.
        leak: root mean square change of all other scores from - to +, in deviations.
        drags: the three other scores that change most, with their change.
    """

    name: str
    right_way: float
    up: float
    down: float
    effect: float
    identity: float
    leak: float
    drags: dict[str, float]


@dataclass(frozen=True)
class TextFigures:
    """One phrase at strength 1 on inverted faces.

    Attributes:
        phrase: the words.
        nearer: share of faces that the text model finds nearer to the words.
        right_way: share of faces whose score moves as wanted; None where there is no such score.
        identity: mean cosine to the un-edited result.
        background: mean change of pixels that the mask keeps (> 0.9), in levels of 255.
    """

    phrase: str
    nearer: float
    right_way: float | None
    identity: float
    background: float


@dataclass(frozen=True)
class MaskFigures:
    """One rule for how edits meet masks, over all faces and edits.

    Attributes:
        rule: its name.
        arrives: share of the change of the wanted score in the drawn face that the blended picture shows.
        kept: mean difference to the photo in out-of-domain areas, see `_out_of_domain`, in levels of 255.
        ghosts: mean strength of edges that neither photo nor drawn face has at that place, in levels of 255.
        area: mean of the mask.
    """

    rule: str
    arrives: float
    kept: float
    ghosts: float
    area: float


class Judge:
    """Scores and likeness of pictures."""

    def __init__(self, device: torch.device):
        self.scorer, self.descriptor = load_scorer(device), load_descriptor(device)
        self.device = device

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Judge pictures (N, 3, S, S) in -1…1: scores (N, K) and unit descriptors (N, 128)."""
        pictures = pictures.to(self.device)
        return self.scorer(pictures).float().cpu(), self.descriptor(pictures).float().cpu()


def sample_codes(model: Model, count: int) -> Tensor:
    """Sample the codes (N, L, 512) on which sliders and scores are measured, the same at every call."""
    return spread(sample_w(model.generator, count, PSI, SEED), model.generator.num_layers)


@torch.inference_mode()
def draw(w_plus: Tensor, model: Model) -> Tensor:
    """Draw codes (N, L, 512) without SAMM as pictures to judge, (N, 3, SIZE, SIZE) in -1…1."""
    with model.autocast():
        parts = [model.generator.synthesize(w.to(model.device), size=SIZE).float() for w in w_plus.split(4)]
    return torch.cat(parts).clamp(-1, 1)


def prove_sliders(model: Model, tools: Moves, judge: Judge, count: int) -> list[SliderFigures]:
    """Move `count` fresh samples of W along every slider."""
    codes = sample_codes(model, count)
    scores, faces = judge(draw(codes, model))
    deviations = scores.std(0)
    figures = []
    for name, attribute in tqdm(ATTRIBUTES.items(), "Sliders", disable=None, leave=False):
        sides = (move(codes, tools.direction(name), sign * STRENGTH) for sign in (-1, 1))
        low, high = (judge(draw(side, model)) for side in sides)
        wanted = [signed(part[0], attribute.score) for part in (low, high)]
        before = signed(scores, attribute.score)
        column = Scorer.column(attribute.score)
        changes = (high[0] - low[0]) / deviations
        others = torch.arange(len(SCORES)) != column
        means = changes.mean(0)
        largest = means.abs().where(others, torch.tensor(0.0)).argsort(descending=True)[:3].tolist()
        figures.append(
            SliderFigures(
                name,
                right_way=_share(wanted[1] > wanted[0]),
                up=_share(wanted[1] > before),
                down=_share(wanted[0] < before),
                effect=float(((wanted[1] - wanted[0]) / deviations[column]).mean()),
                identity=float(torch.stack([(part[1] * faces).sum(1) for part in (low, high)]).mean()),
                leak=float(changes[:, others].square().mean().sqrt()),
                drags={SCORES[i]: round(float(means[i]), 2) for i in largest},
            )
        )
    return figures


def prove_texts(
    inversions: Sequence[Inversion], model: Model, tools: Moves, judge: Judge
) -> list[TextFigures]:
    """Say every prompt to every face."""
    recipes = [Recipe(texts=(TextEdit(phrase, neutral),)) for phrase, neutral, _ in PROMPTS]
    befores, afters, backgrounds = [], [], []
    for inversion in tqdm(inversions, "Words", disable=None, leave=False):
        before, *after = edit_all(inversion, [Recipe(), *recipes], model, tools, SIZE)
        befores.append(to_pm1(before.blended))
        afters.append(torch.cat([to_pm1(one.blended) for one in after]))
        kept = (before.gathered > 0.9).float()
        change = (afters[-1] - befores[-1]).abs().mean(1, keepdim=True) * 127.5
        backgrounds.append((change * kept).sum((1, 2, 3)) / kept.sum().clamp(min=1))
    judged = judge(torch.cat(befores))
    with torch.inference_mode():
        seen = tools.text_model.embed_images(torch.cat(befores).to(model.device)).cpu()
    figures = []
    for i, (phrase, _, score) in enumerate(PROMPTS):
        pictures = torch.stack([after[i] for after in afters])
        scores, faces = judge(pictures)
        with torch.inference_mode():
            words = tools.text_model.embed_texts([phrase]).cpu()
            nearer = (tools.text_model.embed_images(pictures.to(model.device)).cpu() - seen) @ words[0] > 0
        follows = None if score is None else _share(signed(scores, score) > signed(judged[0], score))
        figures.append(
            TextFigures(
                phrase,
                nearer=_share(nearer),
                right_way=follows,
                identity=float((faces * judged[1]).sum(1).mean()),
                background=float(torch.stack([part[i] for part in backgrounds]).mean()),
            )
        )
    return figures


def prove_masks(
    inversions: Sequence[Inversion], model: Model, tools: Moves, judge: Judge
) -> list[MaskFigures]:
    """Apply every mask edit to every face under every rule."""
    return [_prove_rule(rule, inversions, model, tools, judge) for rule in MASKS]


def _prove_rule(
    rule: str, inversions: Sequence[Inversion], model: Model, tools: Moves, judge: Judge
) -> MaskFigures:
    arrived, wanted, kept, ghosts, areas = [], [], [], [], []
    names = [ATTRIBUTES[next(iter(recipe.attributes))].score for recipe in MASK_EDITS]
    signs = torch.tensor(
        [1.0 if next(iter(recipe.attributes.values())) > 0 else -1.0 for recipe in MASK_EDITS]
    )
    for inversion in tqdm(inversions, rule, disable=None, leave=False):
        plain, *edits = edit_all(
            inversion, [Recipe(), *(replace(r, masks=rule) for r in MASK_EDITS)], model, tools, SIZE
        )
        drawn = judge(torch.cat([to_pm1(one.aligned) for one in (plain, *edits)]))[0]
        shown = judge(torch.cat([to_pm1(one.blended) for one in (plain, *edits)]))[0]
        for row, (name, sign) in enumerate(zip(names, signs, strict=True), 1):
            change = [
                float(sign * (signed(s[row : row + 1], name) - signed(s[:1], name))) for s in (drawn, shown)
            ]
            wanted.append(change[0])
            arrived.append(change[1])
        photo = area_resize(to_pm1(inversion.photo_u8), SIZE)
        foreign = _out_of_domain(photo, plain)
        for one in edits:
            kept.append(_difference(photo, one, foreign))
            ghosts.append(_ghosts(photo, one))
            areas.append(float(one.keep_photo.mean()))
    # Scores have different units, so each edit's share is taken over all faces first.
    count = len(MASK_EDITS)
    shares = [sum(arrived[k::count]) / sum(wanted[k::count]) for k in range(count)]
    return MaskFigures(rule, *(float(np.mean(values)) for values in (shares, kept, ghosts, areas)))


def _out_of_domain(photo: Tensor, plain: Edit) -> Tensor:
    """Mark what the mask keeps and the generator plainly draws otherwise, such as hats: (1, 1, S, S)."""
    apart = nn.functional.interpolate(disagreement(photo, to_pm1(plain.aligned), 2.0), size=SIZE)
    return ((plain.gathered > 0.6) & (apart > 0.4)).float()


def _difference(photo: Tensor, edited: Edit, area: Tensor) -> float:
    """Average the difference of photo and result over an area, in levels of 255."""
    difference = (to_pm1(edited.blended) - photo).abs().mean(1, keepdim=True) * 127.5
    return float((difference * area).sum() / area.sum().clamp(min=1))


def _ghosts(photo: Tensor, edited: Edit) -> float:
    """Measure edges of the blended picture beyond the stronger of both pictures' edges nearby."""
    either = torch.maximum(_edges(photo), _edges(to_pm1(edited.aligned)))
    nearby = nn.functional.max_pool2d(either, 5, 1, 2)
    return float((_edges(to_pm1(edited.blended)) - nearby).clamp(min=0).mean() * 127.5)


def _edges(picture: Tensor) -> Tensor:
    grey = picture.mean(1, keepdim=True)
    across = nn.functional.pad(grey[..., 1:] - grey[..., :-1], (0, 1))
    down = nn.functional.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
    return across.abs() + down.abs()


def prove_exactness(inversion: Inversion, model: Model, tools: Moves, rounds: int = 5) -> dict[str, float]:
    """Check the zero recipe, mirroring and cost on one face.

    Returns:
        The largest difference of an empty recipe, drawn anew, to the inversion, in levels of 255; the largest
        departure from w_plus of the mean of two opposite moves, over the sliders; and the median cost of a
        slider edit in generator passes, without and with the stored flows and masks.
    """
    drawn = edit_all(inversion, [Recipe()], model, tools)[0].blended
    difference = int(np.abs(drawn.astype(int) - inversion.blended.astype(int)).max())
    sides = [
        [move_code(inversion, Recipe({name: sign * STRENGTH}), tools) for sign in (-1, 1)]
        for name in ATTRIBUTES
    ]
    mirror = max(float(((low + high) / 2 - inversion.w_plus).abs().max()) for low, high in sides)
    w_plus, recipe = inversion.w_plus.to(model.device), Recipe({"age": 1.0})

    stored = replay(Alignment(dict(inversion.flows), dict(inversion.masks)))

    def draw(adapt: Adapt | None) -> None:
        with torch.inference_mode(), model.autocast():
            to_u8(model.generator.synthesize(w_plus, adapt))

    plain, aligned = [], []
    for _ in range(rounds + 1):
        edited = _seconds(lambda: edit(inversion, recipe, model, tools))
        plain.append(edited / _seconds(lambda: draw(None)))
        aligned.append(edited / _seconds(lambda: draw(stored)))
    return {
        "zero_recipe": difference,
        "mirror": mirror,
        "plain_passes": median(plain[1:]),
        "aligned_passes": median(aligned[1:]),
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def invert_faces(model: Model, folder: Path | None, count: int) -> list[Inversion]:
    """Invert the first `count` FFHQ crops of a folder, or faces of the examples and then drawn ones."""
    if folder is not None:
        crops = [open_photo(path) for path in list_photos([folder])[:count]]
    else:
        detector, crops = load_detector(), []
        for path in list_photos([EXAMPLES]):
            photo = open_photo(path)
            crops += [
                crop_face(photo, face.quad, model.resolution) for face in find_faces(photo, detector)[:1]
            ]
        w = sample_w(model.generator, max(count - len(crops), 0), PSI, SEED + 1)
        for code in spread(w, model.generator.num_layers).split(1):
            with torch.inference_mode():
                crops.append(to_u8(model.generator.synthesize(code.to(model.device))))
    return [invert(crop, model) for crop in tqdm(crops[:count], "Inverting", disable=None, leave=False)]


def _share(values: Tensor) -> float:
    return float(values.float().mean())


def main(argv: list[str] | None = None) -> None:
    """Measure everything and print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m editing.evaluation.claims", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few faces: minutes instead of half an hour")
    parser.add_argument("--faces", type=Path, metavar="FOLDER", help="FFHQ crops instead of the examples")
    parser.add_argument("--only", nargs="+", choices=PROOFS, default=PROOFS, metavar="PROOF")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--device")
    args = parser.parse_args(argv)
    model = load(device=args.device)
    tools, judge = Moves(model), Judge(model.device)
    samples, faces = (12, 4) if args.quick else (60, 20)
    inversions = invert_faces(model, args.faces, faces)
    proofs: dict[str, Callable[[], object]] = {
        "exactness": lambda: prove_exactness(inversions[0], model, tools),
        "sliders": lambda: [asdict(row) for row in prove_sliders(model, tools, judge, samples)],
        "words": lambda: [asdict(row) for row in prove_texts(inversions, model, tools, judge)],
        "masks": lambda: [asdict(row) for row in prove_masks(inversions, model, tools, judge)],
    }
    figures = {name: proofs[name]() for name in PROOFS if name in args.only}
    for title, rows in figures.items():
        print(f"\n**{title}**\n")
        print(_table(rows if isinstance(rows, list) else [rows]))
    if args.json:
        args.json.write_text(json.dumps({"samples": samples, "faces": len(inversions), **figures}, indent=1))


def _table(rows: Sequence[dict]) -> str:
    lines = [
        "| " + " | ".join(name.replace("_", " ") for name in rows[0]) + " |",
        "|" + "---|" * len(rows[0]),
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {change:+.1f}" for name, change in value.items())
    return f"{value:.3g}" if isinstance(value, float) else "–" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
