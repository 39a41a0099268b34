"""Inversion: crop → encode → align and mask → gather → blend, and the value that results.

`invert` does all that depends on the photo; edits take its `Inversion` and the model, nothing else. `refine`
improves an `Inversion` by optimizing its code, and `tune` by bending the generator to it; the first picture
can be shown while they work. What draws an inversion is its `drawing_model`, nothing else.

Shapes: N batch (1 here), L style rows, r level resolution, H W pixels, V = 256 for small views. Masks: 1
keeps the photo's pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from samm.clock import Clock, Progress
from samm.crop.crop import Crop
from samm.crop.domains import FACES
from samm.crop.tone import Tone, tone_of
from samm.errors import OptionError
from samm.likeness.refinement import refine_steps
from samm.likeness.tuning import TuneConfig, tune_steps, tuned_generator
from samm.method.alignment import Alignment, Levels, aligner, replay
from samm.method.clearing import clear_mask
from samm.method.gathering import gather
from samm.method.readout import Fit, Readout, fit_readout, probe_codes, probe_maps, record
from samm.metrics import psnr, ssim
from samm.models import Model, load_descriptor, shared
from samm.networks.encoders import Code
from samm.networks.identity import FaceRes
from samm.networks.ops import area_resize
from samm.options import MAX_STEPS, Options
from samm.picture import Picture
from samm.pixels import to_pm1, to_u8

__all__ = [
    "MAX_STEPS",
    "Inversion",
    "Options",
    "Progress",
    "draw_generated",
    "drawing_model",
    "invert",
    "refine",
    "search_inputs",
    "tune",
]

_VIEW_SIZE = 256  # edge of the small pictures that comparisons work with


@dataclass(frozen=True, eq=False, kw_only=True)
class Inversion(Picture):
    """All that is known of one cropped photo; plain CPU data that can be pickled.

    As a `Picture` it is blended as predicted; `dataclasses.replace(inversion, strength=…)` blends it anew.

    Attributes:
        preset: the model that made it.
        options: the choices it was made with.
        flows: by resolution, (1, 2, r, r) float32, normalized coordinates, order (x, y).
        masks: by resolution, (1, 1, r, r) float32 in 0…1, coarsest first; like `flows` empty without SAMM.
        generated: the generator's picture of w_plus alone; None until `draw_generated`, but without SAMM.
        seconds: by stage, over all passes that led here.
        refined: optimization steps that were taken.
        tuned: what tuning added to the generator's weights, by parameter name, float16; empty without.
        tuned_steps: tuning steps that were taken.
        readout: what matches the drawings of edits to the photo; None where it was turned off.
        drawn: the aligned picture before any read-out, averaged to uint8 (V, V, 3); None likewise.
        anchor: the same with `readout`, uint8 (S, S, 3), which edits are compared with; None likewise. The
            aligned picture itself has the free read-out, which is closer to the photo and moves less well.
        tone: of a photo without color of its own, which everything drawn takes on; None of a color photo.
    """

    gathered: Tensor = field(init=False, repr=False)  # follows from `masks`
    preset: str
    options: Options
    flows: Mapping[int, Tensor]
    masks: Mapping[int, Tensor]
    generated: np.ndarray | None = field(default=None, repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)
    refined: int = 0
    tuned: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    tuned_steps: int = 0
    readout: Readout | None = field(default=None, repr=False)
    drawn: np.ndarray | None = field(default=None, repr=False)
    anchor: np.ndarray | None = field(default=None, repr=False)
    tone: Tone | None = field(default=None, repr=False)

    def __post_init__(self):
        """Gather the levels' masks, cleared where there is a read-out; without any, nothing is kept."""
        super().__post_init__()
        gathered = self.predicted
        if self.masks and self.readout is not None:
            gathered = clear_mask(gathered, self.photo_pm1, to_pm1(self.aligned))
        object.__setattr__(self, "gathered", gathered)

    @cached_property
    def predicted(self) -> Tensor:
        """The gathered mask as SAMM predicts it, before it is cleared, (1, 1, S, S) float32 in 0…1."""
        return _gather(self.masks, self.size)

    @cached_property
    def anchor_pm1(self) -> Tensor:
        """The drawing that edits are compared with, (1, 3, S, S) in -1…1."""
        return self.aligned_pm1 if self.anchor is None else to_pm1(self.anchor)

    @cached_property
    def views_pm1(self) -> tuple[Tensor, Tensor, Tensor]:
        """Crop and aligned picture without and with the read-out, with which edits are compared.

        Averaged to (1, 3, V, V) in -1…1.
        """
        anchor = area_resize(self.anchor_pm1, _VIEW_SIZE)
        drawn = anchor if self.drawn is None else to_pm1(self.drawn)
        return area_resize(self.photo_pm1, _VIEW_SIZE), drawn, anchor

    @property
    def notice(self) -> str | None:
        """Say in one sentence what this result lacks, if anything."""
        if self.masks:
            return None
        return (
            f"The preset {self.preset} has no trained SAMM: nothing is aligned or kept from the photo, and "
            "all of the result is drawn by the generator."
        )

    @cached_property
    def report(self) -> dict[str, Any]:
        """Figures as plain values: PSNR and SSIM of each picture against the crop, shares kept, seconds."""
        pictures = {"generated": self.generated, "aligned": self.aligned, "blended": self.blended}
        trim = self.domain.trim
        crop = trim(self.photo_u8)
        pictures = {name: trim(picture) for name, picture in pictures.items() if picture is not None}
        kept = {str(r): float(mask[:, :, self.domain.rows(r)].mean()) for r, mask in self.masks.items()}
        return {
            "preset": self.preset,
            "options": asdict(self.options),
            "mask_strength": self.strength,
            "refined": self.refined,
            "tuned": self.tuned_steps,
            "psnr": {name: psnr(crop, picture) for name, picture in pictures.items()},
            "ssim": {name: ssim(crop, picture) for name, picture in pictures.items()},
            "kept": {**kept, "gathered": self.kept},
            "seconds": dict(self.seconds),
            **({"notice": self.notice} if self.notice else {}),
        }


@torch.inference_mode()
def invert(
    crop: Crop | np.ndarray,
    model: Model | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Inversion:
    """Invert a cropped photo.

    Args:
        crop: of a photo, in the model's domain; or a picture that is cropped already as the model's generator
            was trained on, uint8 (S, S, 3) with S = model.resolution.
        model: from `samm.load`; the embedded one, loaded once, if None.
        options: choices; the default is the fast inversion in the encoder's own number of steps.
        progress: told of each stage.

    Raises:
        OptionError: the crop shows another kind of thing than the model draws.
        PhotoError: too much of the crop lies outside its photo.
        ValueError: the picture has another size.
    """
    model = model or shared()
    options = options or Options(encoder_steps=model.encoder.default_steps)
    crop, clock = _as_crop(crop, model), Clock(progress)
    photo_pm1 = to_pm1(crop.pixels(model.resolution)).to(model.device)
    with clock.stage("Encoding"), model.autocast():
        code = model.encoder.encode(_encoder_view(photo_pm1, model), model.generator, options.encoder_steps)
    fast = replace(options, refine_steps=0, tune_steps=0)
    inversion = _align_and_blend(code, crop, model, fast, clock)
    if options.refine_steps:
        inversion = refine(inversion, model, options.refine_steps, progress)
    return tune(inversion, model, options.tune_steps, progress) if options.tune_steps else inversion


def _as_crop(crop: Crop | np.ndarray, model: Model) -> Crop:
    """Take a picture that is cropped already as a crop, and see that it is one that the model can draw."""
    if isinstance(crop, np.ndarray):
        size = model.resolution
        if crop.shape != (size, size, 3):
            raise ValueError(f"the crop must be ({size}, {size}, 3), got {crop.shape}")
        return Crop.of(crop, model.domain)
    if crop.domain != model.domain:
        raise OptionError(
            f"This is the crop of a {crop.domain.name}, and the preset {model.preset} draws "
            f"{model.domain.name}s; choose another preset."
        )
    return crop


def drawing_model(model: Model, inversion: Inversion) -> Model:
    """Give the model that draws an inversion: the one that made it, or a copy with tuned weights.

    The copy takes a fiftieth of the time of a drawing, so nobody needs to keep it.
    """
    if not inversion.tuned:
        return model
    return replace(model, generator=tuned_generator(model.generator, inversion.tuned))


@torch.inference_mode()
def draw_generated(inversion: Inversion, model: Model) -> Inversion:
    """Add the generator's picture of the code alone, for who looks at it: a drawing, which others save.

    `model` is the one that made the inversion.
    """
    if inversion.generated is not None:
        return inversion
    with model.autocast():
        generator = drawing_model(model, inversion).generator
        picture = generator.synthesize(inversion.w_plus.to(model.device)).float()
    picture = inversion.tone.apply(picture) if inversion.tone else picture
    return replace(inversion, generated=to_u8(picture))


def refine(inversion: Inversion, model: Model, steps: int, progress: Progress | None = None) -> Inversion:
    """Improve an inversion's code by up to `steps` optimization steps, then align, mask and blend again.

    `progress` is told of every step; when it answers True the search ends with the best code so far.
    """
    options = replace(inversion.options, refine_steps=steps)
    model, clock = drawing_model(model, inversion), Clock(progress, inversion.seconds)
    view, keep_photo, w_plus, descriptor = search_inputs(inversion, model)
    with clock.stage("Refining", steps) as tick, torch.inference_mode(False):
        search = refine_steps(view, keep_photo, model.generator, model.perceptual, w_plus, steps, descriptor)
        taken = 0
        for taken, w_plus in enumerate(search, 1):  # noqa: B007 - the last pair is the result
            if tick(taken):
                break
    refined = _redraw(inversion, w_plus, model, options, clock)
    return replace(refined, refined=inversion.refined + taken)


def tune(
    inversion: Inversion,
    model: Model,
    steps: int,
    progress: Progress | None = None,
    config: TuneConfig | None = None,
) -> Inversion:
    """Tune a copy of the generator to an inversion's photo, then align, mask and blend again with it.

    Args:
        inversion: best from `refine`; its code is the pivot. An earlier tuning is dropped.
        model: the one that made it; stays as it is.
        steps: at most this many, 0…500; ends early when nothing is gained any more.
        progress: told of every step; its answer True ends the tuning with the best weights so far.
        config: weights and schedule.

    Raises:
        OptionError: `steps` outside its range.
    """
    options = replace(inversion.options, tune_steps=steps)
    clock = Clock(progress, inversion.seconds)
    view, keep_photo, w_plus, descriptor = search_inputs(inversion, model)
    with clock.stage("Tuning", steps) as tick, torch.inference_mode(False):
        search = tune_steps(
            view, keep_photo, model.generator, model.perceptual, w_plus, steps, descriptor, config
        )
        taken, tuned = 0, {}
        for taken, tuned in enumerate(search, 1):  # noqa: B007 - the last pair is the result
            if tick(taken):
                break
    # What is stored is what draws: rounding comes before the first picture.
    pivot = replace(inversion, tuned={name: change.cpu() for name, change in tuned.items()})
    drawn = _redraw(pivot, w_plus, drawing_model(model, pivot), options, clock)
    return replace(drawn, tuned_steps=taken)


def search_inputs(inversion: Inversion, model: Model) -> tuple[Tensor, Tensor, Tensor, FaceRes | None]:
    """Give what a search works with, on the model's device and fit to enter a gradient.

    Returns:
        The photo, (1, 3, E, E) in −1…1, and the gathered mask, (1, 1, E, E) in 0…1, both at the encoder's
        size; the code, (1, rows, 512); and what tells who a face is, None for what is no face.
    """
    # Tensors made under inference mode are not; clones made outside are.
    with torch.inference_mode(False):
        gathered, w_plus = inversion.gathered.clone(), inversion.w_plus.clone()
        view = _encoder_view(to_pm1(inversion.photo_u8).to(model.device), model)
        keep_photo = area_resize(gathered, view.shape[-1])
        descriptor = load_descriptor(model.device) if model.domain == FACES else None
        return view, keep_photo.to(model.device), w_plus.to(model.device), descriptor


@torch.inference_mode()
def _redraw(inversion: Inversion, w_plus: Tensor, model: Model, options: Options, clock: Clock) -> Inversion:
    """Align, mask and blend a photo again with another code or generator."""
    photo_pm1 = to_pm1(inversion.photo_u8).to(model.device)
    with clock.stage("Encoding"), model.autocast():
        features = model.encoder.features(_encoder_view(photo_pm1, model), model.generator, w_plus)
    drawn = _align_and_blend(Code(w_plus, features), inversion.crop, model, options, clock)
    return replace(
        drawn,
        strength=inversion.strength,
        keep=inversion.keep,
        draw=inversion.draw,
        refined=inversion.refined,
        tuned=inversion.tuned,
        tuned_steps=inversion.tuned_steps,
    )


def _align_and_blend(code: Code, crop: Crop, model: Model, options: Options, clock: Clock) -> Inversion:
    """Draw the code, aligned where there is SAMM, gather the masks, and blend."""
    w_plus, photo_u8 = code.w_plus.float(), crop.pixels(model.resolution)
    if model.samm is None:
        with clock.stage("Drawing"), model.autocast():
            keep, maps = record()
            aligned, alignment = model.generator.synthesize(w_plus, keep).float(), Alignment({}, {})
    else:
        aligned, alignment, maps = _align(
            replace(code, w_plus=w_plus), model, model.samm, options.iterations, clock
        )
    drawn, anchor, fit = aligned.clamp(-1, 1), aligned, None
    if options.readout:
        with clock.stage("Matching the photo"):
            missing = to_pm1(photo_u8).to(model.device) - drawn
            fit = _match(missing, maps, w_plus, alignment, model)
            aligned, anchor = (aligned + each(maps, model.resolution) for each in (fit.free, fit.held))
    tone = tone_of(photo_u8)
    toned = tone.apply if tone else (lambda picture: picture)
    with clock.stage("Gathering masks"):
        inversion = Inversion(
            crop=crop,
            w_plus=w_plus.cpu(),
            aligned_pm1=toned(aligned).clamp(-1, 1).cpu(),
            preset=model.preset,
            options=options,
            flows={r: flow.cpu() for r, flow in alignment.flows.items()},
            masks={r: mask.cpu() for r, mask in alignment.masks.items()},
            generated=to_u8(toned(drawn)) if model.samm is None else None,
            seconds=clock.seconds,
            readout=fit and fit.held,
            drawn=fit and to_u8(area_resize(toned(drawn), _VIEW_SIZE)),
            anchor=fit and to_u8(toned(anchor)),
            tone=tone,
        )
    with clock.stage("Blending"):
        _ = inversion.blended  # now, while the time is taken; kept from here on
    return inversion


def _match(
    missing: Tensor, maps: Mapping[int, Tensor], w_plus: Tensor, alignment: Alignment, model: Model
) -> Fit:
    """Fit the read-outs to what a drawing misses, held still under probes that are aligned as edits are."""
    with model.autocast():
        codes = probe_codes(model.generator, w_plus)
        probes = probe_maps(model.generator, codes, replay(alignment))
    keep_photo = _gather(alignment.masks, model.resolution).to(missing)
    importance = model.domain.importance(model.resolution).to(missing)
    return fit_readout(maps, missing, keep_photo, probes, importance)


def _gather(masks: Mapping[int, Tensor], size: int) -> Tensor:
    """Gather the levels' masks; without any, nothing is kept from the photo."""
    return gather(masks.values(), size) if masks else torch.zeros(1, 1, size, size)


def _align(
    code: Code, model: Model, samm: Levels, iterations: int, clock: Clock
) -> tuple[Tensor, Alignment, Mapping[int, Tensor]]:
    """Draw the code with SAMM and tell of each level; also give the maps that a read-out needs."""
    levels = samm.resolutions
    with clock.stage("Aligning features", len(levels)) as tick, model.autocast():
        adapt, alignment = aligner(samm, code.features, iterations)
        keep, maps = record(adapt)

        def keep_and_tell(resolution: int, feature: Tensor) -> Tensor:
            feature = keep(resolution, feature)
            if resolution in levels:
                tick(levels.index(resolution) + 1)
            return feature

        aligned = model.generator.synthesize(code.w_plus, keep_and_tell).float()
    return aligned, alignment, maps


def _encoder_view(photo_pm1: Tensor, model: Model) -> Tensor:
    return area_resize(photo_pm1, model.encoder.input_size)
