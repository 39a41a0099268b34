"""Training of SAMM with a frozen encoder and generator; equations 5 to 9.

In our configuration a third of a batch are synthetic rows, the rest real photos; both get pasted occluders,
whose place is known. The loss judges two pictures: x̂ after blending (equation 4) against the photo as given,
and x̂_in before blending against the clean one. No mask or flow of a real object is ever shown:
reconstruction and the budget on mask area decide. The paper's, "paper" and "cars", and "paper-compact" for
our compact network, have real photos only and no occluders, judge x̂ alone, add L_adv, and unlock level after
level, coarse to fine.

The SAMM of any preset of `samm.models` can be trained; which codes it trains on is said in `codes`. Where
pictures have black bars, as those of cars do, x̂_in gets them too and masks are judged without them.

Shapes: N batch, L style rows, r level resolution, S = 256 picture edge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from samm.crop.domains import FACES
from samm.errors import OptionError
from samm.method.alignment import FLOW_LIMIT, Alignment, Level, Levels, aligner
from samm.method.blending import blend
from samm.method.gathering import gather
from samm.method.paper_samm import PaperLevel
from samm.networks.encoders import Code
from samm.training import losses, parallel, synthetic
from samm.training.adversary import Adversary, PictureDiscriminator
from samm.training.codes import Coder
from samm.training.data import FacePool, with_bars, within
from samm.training.loop import LoopConfig
from samm.training.networks import Compiler, Networks
from samm.training.sheets import mask_picture
from samm.training.stopwatch import Stopwatch
from samm.training.trainer import Trainer, seeded
from samm.training.validation import mask_figures, picture_figures

__all__ = ["SAMM_CONFIGS", "SAMMConfig", "SAMMTrainer", "SAMMWeights"]

log = logging.getLogger("samm.training")


@dataclass(frozen=True)
class SAMMWeights:
    """Weights of the terms of the loss; a term of weight 0 is not computed."""

    mse: float = 16.0  # x̂; with the next two L_rec, equation 5. At 8 and 3 masks stay below their budget
    perceptual: float = 6.0
    identity: float = 1.0
    adversarial: float = 0.0  # x̂; L_adv of equation 9
    aligned_mse: float = 4.0  # x̂_in
    aligned_perceptual: float = 1.6
    area: float = 8.0  # equation 7
    binary: float = 2.0  # equation 6, λ1; reached at the end of a linear rise from a quarter. 0.6: soft masks
    occluder: float = 1.2
    face: float = 1.5
    flow_smoothness: float = 0.1  # flows are small numbers: at 1 and more they hardly move
    mask_smoothness: float = 0.5


@dataclass(frozen=True)
class SAMMConfig:
    """A training run of SAMM."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=5e-4))
    weights: SAMMWeights = field(default_factory=SAMMWeights)
    batch: int = 24  # of all processes
    synthetic: float = 1 / 3  # share of the batch
    phi: tuple[float, ...] = (0.30, 0.30, 0.25, 0.25)  # area budgets, coarsest level first
    phi_gathered: float = 0.25
    passes: int | None = None  # of an iterative encoder; by default as many as it takes at run time
    iterations: tuple[int, ...] = (1, 2, 2, 2, 3)  # N of Algorithm 1 is drawn from these
    unlock: tuple[float, ...] = ()  # progress, 0…1, at which each level joins, coarsest first; all at once
    align: bool = True  # False holds every flow at zero
    perceptual: Literal["alex", "vgg"] = "alex"  # which ST-LPIPS
    occluded_synthetic: float = 0.5  # share of rows with a pasted occluder
    occluded_real: float = 0.35
    ramp_binary: bool = True
    adversary_width: int = 24  # channels of the discriminator at full size
    held_out: int = 12  # of each pack

    @property
    def needs_vgg(self) -> bool:
        """Say whether ST-LPIPS (vgg), which does not come with the repository, takes part."""
        return self.perceptual == "vgg"

    @property
    def needs_faces(self) -> bool:
        """Say whether a term is about faces."""
        return self.weights.identity != 0 or self.weights.face != 0


def _without_faces(config: SAMMConfig) -> SAMMConfig:
    return replace(config, weights=replace(config.weights, identity=0.0, face=0.0))


# Weights are those of the authors' code, with ST-LPIPS (vgg) in the place of its distance of VGG-19 features
# and of their Gram matrices. There, levels join after 0, 2, 6 and 10 thousand steps, and by 100 thousand the
# learning rate has all but vanished.
_PAPER = SAMMConfig(
    loop=LoopConfig(learning_rate=2e-5, betas=(0.0, 0.99), weight_decay=0.0),
    weights=SAMMWeights(
        mse=1.0,
        perceptual=1.0,
        identity=0.1,
        adversarial=0.5,
        aligned_mse=0.0,
        aligned_perceptual=0.0,
        area=5.0,
        binary=0.2,
        occluder=0.0,
        face=0.0,
        flow_smoothness=0.0,
        mask_smoothness=0.0,
    ),
    synthetic=0.0,
    phi_gathered=0.22,
    iterations=(2,),
    unlock=(0.0, 0.02, 0.06, 0.10),
    perceptual="vgg",
    occluded_real=0.0,
    ramp_binary=False,
)
_MOBILE = SAMMConfig()
_TINY = SAMMConfig(
    loop=LoopConfig(learning_rate=5e-3, warm_up_steps=1, ema_decay=0.5, log_every=2),
    weights=SAMMWeights(adversarial=0.1),
    batch=3,
    held_out=2,
    iterations=(2,),
    unlock=(0.0, 0.0, 0.5, 0.5),
    adversary_width=4,
)
_LOOSE = replace(_MOBILE.weights, binary=0.3 * _MOBILE.weights.binary)

# The ablations change one thing of "mobile" each.
SAMM_CONFIGS = {
    "mobile": _MOBILE,
    "paper": _PAPER,
    # The compact network, which starts without flow, wants a larger rate than the paper's.
    "paper-compact": replace(_PAPER, loop=replace(_PAPER.loop, learning_rate=_MOBILE.loop.learning_rate)),
    "cars": _without_faces(_PAPER),
    "no-alignment": replace(_MOBILE, align=False),
    "n1": replace(_MOBILE, iterations=(1,)),
    "n2": replace(_MOBILE, iterations=(2,)),
    "n3": replace(_MOBILE, iterations=(3,)),
    # The gathered mask's budget is lifted as well; it would hold the coarsest level down.
    "loose-phi": replace(_MOBILE, weights=_LOOSE, phi=(0.40, 0.30, 0.25, 0.25), phi_gathered=0.40),
    "tiny": _TINY,
    "tiny-cars": _without_faces(_TINY),
}


@dataclass(frozen=True)
class _Drawn:
    """What a batch became, and what it should be."""

    photo: Tensor  # (N, 3, S, S), as given
    clean: Tensor  # (N, 3, S, S), without pasted occluders
    occluder: Tensor  # (N, 1, S, S) in 0…1
    aligned: Tensor  # (N, 3, S, S), x̂_in
    alignment: Alignment

    @cached_property
    def keep_photo(self) -> Tensor:
        """The gathered mask m, (N, 1, S, S)."""
        return gather(self.alignment.masks.values(), self.photo.shape[-1])

    @cached_property
    def blended(self) -> Tensor:
        """x̂ of equation 4, (N, 3, S, S)."""
        return blend(self.photo, self.aligned, self.keep_photo)


class SAMMTrainer(Trainer[Levels]):
    """Batches, losses and judgment for SAMM."""

    def __init__(
        self,
        networks: Networks,
        faces: FacePool,
        config: SAMMConfig,
        compiler: Compiler,
        seed: int = 0,
    ):
        if config.needs_faces and networks.domain != FACES:
            raise OptionError(
                "The configuration weighs what is about faces, and the preset draws "
                f"{networks.domain.name}s; choose another, as --config cars."
            )
        adversary = _adversary(config, networks.device, seed) if config.weights.adversarial else None
        super().__init__(
            networks.samm, networks.samm_file, networks, faces, config.batch, compiler, seed, adversary
        )
        self.config = config
        self.passes = config.passes or networks.encoder.default_steps
        synthetic_rows = round(config.batch * config.synthetic)
        self.synthetic_rows = parallel.share(synthetic_rows)
        self.real_rows = parallel.share(config.batch - synthetic_rows)
        self._coder = Coder(networks, self.painter, self.passes, self.dice, compiler)
        if not config.align:
            _hold_flows_at_zero(self.model)
        # The coarsest 1, 2, … levels, which share their networks with the model.
        levels = list(self.model.levels.items())
        self._stages = [Levels({int(r): level for r, level in levels[:k]}) for k in range(1, len(levels) + 1)]
        self._face = losses.face_window(256, self.device)
        self._judged: tuple[Tensor, Tensor] | None = None  # photo and x̂ of the last step

    def warm_up(self) -> None:
        """Compile by running a step with each number of levels and iterations."""
        if self.networks.samm_is_new:
            log.info("there is no %s yet: SAMM starts at random", self.file_name)
        for progress in sorted({0.0, *self.config.unlock}):
            for iterations in sorted(set(self.config.iterations)):
                total, _ = self._losses(iterations, progress, Stopwatch(self.device))
                total.backward()

    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Align, mask and blend a batch with a random number of iterations."""
        return self._losses(self.dice.choose(self.config.iterations), progress, watch)

    def judged(self) -> tuple[Tensor, Tensor]:
        """Give photos and what became of them in the last step."""
        assert self._judged is not None
        return self._judged

    def _losses(self, iterations: int, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        samm = self._unlocked(progress)
        with watch.part("data"), torch.no_grad():
            photo, clean, truth, occluder = self._photos()
        with watch.part("encoder"), torch.no_grad():
            code = self._coder.encode(photo, truth)
            features = {r: code.features[r] for r in self.model.resolutions}
        with watch.part("generator"):
            aligned, alignment = self.painter.draw_aligned(code.w_plus, samm, features, iterations)
        with watch.part("losses"):
            drawn = _Drawn(photo, clean, occluder, with_bars(aligned, self.networks.domain), alignment)
            # Real rows only: easy synthetic ones in the mean would let real masks grow beyond the budget.
            real = slice(self.synthetic_rows, None)
            makers = self._terms(drawn, progress, charged=real)
            makers["adversarial"] = lambda: self.fooled(drawn.blended)
            terms = losses.build(makers, self.config.weights)
        self._judged = photo, drawn.blended.detach()
        kept = within(drawn.keep_photo[real], self.networks.domain).mean()
        return losses.weigh(terms, self.config.weights), terms | {"kept": kept}

    def _terms(self, drawn: _Drawn, progress: float, charged: slice) -> dict[str, Callable[[], Tensor]]:
        """Give the terms of the loss but L_adv; masks of the rows `charged` have an area budget."""
        config = self.config
        photo, clean, aligned = drawn.photo, drawn.clean, drawn.aligned
        flows = list(drawn.alignment.flows.values())
        # A mask means nothing in the bars, and what it keeps there would count as area.
        *masks, gathered, occluder = (
            within(x, self.networks.domain)
            for x in (*drawn.alignment.masks.values(), drawn.keep_photo, drawn.occluder)
        )
        every, budgets = [*masks, gathered], (*config.phi[: len(masks)], config.phi_gathered)
        ramp = 0.25 + 0.75 * progress if config.ramp_binary else 1.0
        return {
            "mse": lambda: losses.weighted_mse(drawn.blended, photo),
            "perceptual": lambda: self._perceptual(drawn.blended, photo),
            "identity": lambda: self.perception.identity(drawn.blended, photo),
            "aligned_mse": lambda: losses.weighted_mse(aligned, clean),
            "aligned_perceptual": lambda: self._perceptual(aligned, clean),
            "area": lambda: losses.area_loss([m[charged] for m in every], budgets, occluder[charged]),
            "binary": lambda: losses.binary_total(every) * ramp,
            "occluder": lambda: losses.occluder_loss(masks, occluder),
            "face": lambda: losses.face_occupation(every, self._face, occluder),
            "flow_smoothness": lambda: losses.total_variation(flows),
            "mask_smoothness": lambda: losses.total_variation(every),
        }

    def _unlocked(self, progress: float) -> Levels:
        """Give the levels that have joined by now."""
        unlock = self.config.unlock
        joined = sum(progress >= at for at in unlock) if unlock else len(self._stages)
        return self._stages[max(joined, 1) - 1]

    def _perceptual(self, image: Tensor, target: Tensor) -> Tensor:
        return self.perception.distance(self.config.perceptual, image, target)

    def _photos(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give photos, the same without occluders, the first rows' known codes, occluder masks."""
        config, dice, generator = self.config, self.dice, self.networks.generator
        domain = self.networks.domain
        truth = generator.w_mean.new_zeros(0, generator.num_layers, len(generator.w_mean))
        kinds = [(self.faces.draw(self.real_rows, dice), config.occluded_real)]
        if self.synthetic_rows:
            truth = synthetic.sample_w_plus(generator, self.synthetic_rows, dice)
            kinds.insert(0, (with_bars(self.painter.draw(truth), domain), config.occluded_synthetic))
        pasted = [synthetic.paste(clean, occluded, dice) for clean, occluded in kinds]
        photo, occluder = (torch.cat(parts) for parts in zip(*pasted, strict=True))
        return with_bars(photo, domain), torch.cat([clean for clean, _ in kinds]), truth, occluder

    def validate(self, model: Levels) -> tuple[list[str], list[Tensor]]:
        """Judge held-out pictures at the encoder's steps of run time: all levels, float32.

        N is 1 and every number of iterations in training; the sheet shows the median one. "loss" is the
        weighted sum of all terms but L_adv, as at the end of training.
        """
        photos, networks = self.faces.held_out, self.networks
        size = photos.shape[-1]
        chunks = photos.split(12)
        codes = [networks.encoder.encode(chunk, networks.generator, self.passes) for chunk in chunks]
        plain = torch.cat([networks.generator.synthesize(code.w_plus, size=size) for code in codes])
        lines = [f"generator only  {picture_figures(networks, photos, plain)}"]
        sheet = []
        trained = sorted(self.config.iterations)
        for iterations in sorted({1, *trained}):
            results = [self._align(model, code, iterations, size) for code in codes]
            aligned = torch.cat([picture for picture, _ in results])
            masks = [torch.cat([a.masks[r] for _, a in results]) for r in model.resolutions]
            flows = [torch.cat([a.flows[r] for _, a in results]) for r in model.resolutions]
            loss = sum(self._held_out_loss(c, *r) for c, r in zip(chunks, results, strict=True)) / len(chunks)
            keep_photo = gather(masks, size)
            blended = blend(photos, aligned.clamp(-1, 1), keep_photo)
            reach = " ".join(f"{float(flow.abs().mean()) / FLOW_LIMIT:.2f}" for flow in flows)
            lines += [
                f"N = {iterations} aligned  {picture_figures(networks, photos, aligned)}  flow {reach}",
                f"N = {iterations} blended  loss {loss:.4f}  {picture_figures(networks, photos, blended)}  "
                f"{mask_figures(keep_photo, networks.domain)}",
            ]
            if iterations == trained[len(trained) // 2]:
                pictures = [mask_picture(mask, size) for mask in (keep_photo, *masks)]
                sheet = [photos, plain, aligned, pictures[0], blended, *pictures[1:]]
        return lines, sheet

    def _align(self, model: Levels, code: Code, iterations: int, size: int) -> tuple[Tensor, Alignment]:
        adapt, alignment = aligner(model, code.features, iterations)
        aligned = self.networks.generator.synthesize(code.w_plus, adapt, size=size)
        return with_bars(aligned, self.networks.domain), alignment

    def _held_out_loss(self, photo: Tensor, aligned: Tensor, alignment: Alignment) -> float:
        drawn = _Drawn(photo, photo, torch.zeros_like(photo[:, :1]), aligned, alignment)
        terms = losses.build(self._terms(drawn, 1.0, charged=slice(None)), self.config.weights)
        return float(losses.weigh(terms, self.config.weights))


def _adversary(config: SAMMConfig, device: torch.device, seed: int) -> Adversary:
    judge = seeded(lambda: PictureDiscriminator(config.adversary_width), seed, device)
    # Half of a γ of 1, which suits 256 pixels, and lazy: one penalty stands for sixteen.
    return Adversary(judge, learning_rate=2e-4, r1=0.5 * 16, r1_every=16)


def _hold_flows_at_zero(samm: Levels) -> None:
    """Keep the two flow channels of every head at zero, so that the weights file alone says "no flow"."""
    for level in samm.levels.values():
        assert isinstance(level, Level | PaperLevel)
        for parameter in level.last_parameters():
            with torch.no_grad():
                parameter[:2] = 0
            parameter.register_hook(
                lambda gradient: torch.cat([torch.zeros_like(gradient[:2]), gradient[2:]])
            )
