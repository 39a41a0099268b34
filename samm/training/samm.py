"""Training of SAMM with a frozen encoder and generator.

A third of a batch are synthetic rows, the rest real photos; both get pasted occluders, whose place is known.
The loss judges two pictures: x̂ after blending (equation 4) against the photo as given, and x̂_in before
blending against the clean one. No mask or flow of a real object is ever shown: reconstruction and the budget
on mask area decide.

Codes at run time come straight from the encoder or are refined. So that better codes give smaller
masks, the code of a synthetic row moves toward its truth by t ~ U(0, 1), and its features look at the render
of just that code.

Shapes: N batch, L style rows, r level resolution, S = 256 picture edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from samm.alignment import FLOW_LIMIT, SAMM, Alignment, aligner
from samm.blending import blend
from samm.encoders import Code
from samm.gathering import gather
from samm.training import losses, synthetic
from samm.training.data import FacePool
from samm.training.dice import Dice
from samm.training.loop import LoopConfig
from samm.training.networks import Networks, Painter
from samm.training.sheets import mask_picture
from samm.training.stopwatch import Stopwatch
from samm.training.validation import mask_figures, picture_figures

__all__ = ["SAMM_PRESETS", "SAMMConfig", "SAMMTrainer", "SAMMWeights"]


@dataclass(frozen=True)
class SAMMWeights:
    """Weights of the terms of the loss."""

    mse: float = 8.0  # x̂; with the next two L_rec, equation 5. At 4 and 1.5 masks stay below their budget
    perceptual: float = 3.0
    identity: float = 0.5
    aligned_mse: float = 1.5  # x̂_in
    aligned_perceptual: float = 0.6
    area: float = 5.0  # equation 7
    binary: float = 0.8  # equation 6, λ1; reached at the end of a linear rise from a quarter
    occluder: float = 0.6
    face: float = 1.0
    flow_smoothness: float = 0.2
    mask_smoothness: float = 0.25


@dataclass(frozen=True)
class SAMMConfig:
    """A training run of SAMM."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=5e-4))
    weights: SAMMWeights = field(default_factory=SAMMWeights)
    batch: int = 24
    phi: tuple[float, ...] = (0.30, 0.30, 0.25, 0.25)  # area budgets, coarsest level first
    phi_gathered: float = 0.25
    iterations: tuple[int, ...] = (1, 2, 2, 2, 3)  # N of Algorithm 1 is drawn from these
    occluded_synthetic: float = 0.5  # share of rows with a pasted occluder
    occluded_real: float = 0.35
    held_out: int = 12  # of each pack


SAMM_PRESETS = {
    "mobile": SAMMConfig(),
    "tiny": SAMMConfig(
        loop=LoopConfig(learning_rate=5e-3, warm_up_steps=1, ema_decay=0.5, log_every=2),
        batch=3,
        held_out=2,
        iterations=(1, 2),
    ),
}


class SAMMTrainer:
    """Batches, losses and judgment for SAMM; see `samm.training.loop.Trainer`."""

    file_name = "samm_compact.safetensors"

    def __init__(
        self,
        networks: Networks,
        faces: FacePool,
        config: SAMMConfig,
        compiler: Callable[[Callable], Callable],
        seed: int = 0,
    ):
        self.networks, self.faces, self.config = networks, faces, config
        self.batch, self.device = config.batch, networks.device
        self.synthetic_rows = config.batch // 3
        self.dice = Dice(seed, self.device)
        self.painter = Painter(networks, compiler)
        self.model = networks.samm.train().requires_grad_(True)
        self._face = losses.face_window(256, self.device)

    def warm_up(self) -> None:
        """Compile by running a step with each number of iterations."""
        for iterations in sorted(set(self.config.iterations)):
            total, _ = self._losses(iterations, 0.0, Stopwatch(self.device))
            total.backward()

    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Align, mask and blend a batch with a random number of iterations."""
        return self._losses(self.dice.choose(self.config.iterations), progress, watch)

    def after_step(self, watch: Stopwatch) -> None:
        """Nothing follows."""

    def _losses(self, iterations: int, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        config, networks = self.config, self.networks
        with watch.part("data"), torch.no_grad():
            photo, clean, truth, occluder = self._photos()
        with watch.part("encoder"), torch.no_grad():
            code = self._codes(photo, truth)
        with watch.part("generator"):
            aligned, alignment = self.painter.draw_aligned(code.w_plus, self.model, code.features, iterations)
        with watch.part("losses"):
            masks, flows = list(alignment.masks.values()), list(alignment.flows.values())
            keep_photo = gather(masks, photo.shape[-1])
            blended = blend(photo, aligned, keep_photo)
            every = [*masks, keep_photo]
            real = slice(self.synthetic_rows, None)
            terms = {
                "mse": losses.weighted_mse(blended, photo),
                "perceptual": self._perceptual(blended, photo),
                "identity": losses.identity_distance(networks.descriptor, blended, photo),
                "aligned_mse": losses.weighted_mse(aligned, clean),
                "aligned_perceptual": self._perceptual(aligned, clean),
                # Real rows only: easy synthetic ones in the mean would let real masks grow beyond the budget.
                "area": losses.area_loss(
                    [m[real] for m in every], (*config.phi, config.phi_gathered), occluder[real]
                ),
                "binary": losses.binary_total(every) * (0.25 + 0.75 * progress),
                "occluder": losses.occluder_loss(masks, occluder),
                "face": losses.face_occupation(every, self._face, occluder),
                "flow_smoothness": losses.total_variation(flows),
                "mask_smoothness": losses.total_variation(every),
            }
        return losses.weigh(terms, config.weights), terms | {"kept": keep_photo[real].mean()}

    def _perceptual(self, image: Tensor, target: Tensor) -> Tensor:
        with self.networks.autocast():
            return losses.perceptual_distance(self.networks.alex, image, target)

    def _photos(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give photos, the same without occluders, the first rows' known codes, occluder masks."""
        config, dice = self.config, self.dice
        truth = synthetic.sample_w_plus(self.networks.generator, self.synthetic_rows, dice)
        drawn, faces = self.painter.draw(truth), self.faces.draw(self.batch - self.synthetic_rows, dice)
        pasted = [
            synthetic.paste(drawn, config.occluded_synthetic, dice),
            synthetic.paste(faces, config.occluded_real, dice),
        ]
        photo, occluder = (torch.cat(parts) for parts in zip(*pasted, strict=True))
        return photo, torch.cat([drawn, faces]), truth, occluder

    def _codes(self, photo: Tensor, truth: Tensor) -> Code:
        """Encode in two passes. Synthetic rows stop between them, somewhere on the way to their truth.

        A quarter of the real rows stops there too, as a refined code does: its features see its own render.
        """
        networks, dice, n = self.networks, self.dice, self.synthetic_rows
        first, _ = self._pass(photo, networks.encoder.mean_render.expand_as(photo))
        w_plus = networks.generator.w_mean + first
        toward = dice.uniform(n, 1, 1)
        w_plus = torch.cat([w_plus[:n].lerp(truth, toward), w_plus[n:]])
        second, features = self._pass(photo, self.painter.draw(w_plus))
        goes_on = dice.chance(0.75, len(photo), 1, 1)
        goes_on[:n] = False
        return Code(w_plus + second * goes_on, features)

    def _pass(self, photo: Tensor, render: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        with self.networks.autocast():
            offset, features = self.networks.encoder(photo, render)
        return offset.float(), {r: features[r] for r in self.model.resolutions}

    def validate(self, model: SAMM) -> tuple[list[str], list[Tensor]]:
        """Judge held-out faces at two encoder steps, with 1, 2 and 3 iterations; float32, as at run time."""
        photos, networks = self.faces.held_out, self.networks
        size = photos.shape[-1]
        chunks = photos.split(12)
        codes = [networks.encoder.encode(chunk, networks.generator, 2) for chunk in chunks]
        plain = torch.cat([networks.generator.synthesize(code.w_plus, size=size) for code in codes])
        lines = [f"generator only  {picture_figures(networks, photos, plain)}"]
        sheet = []
        for iterations in sorted({1, 2, 3} & {1, *self.config.iterations}):
            results = [self._align(model, code, iterations, size) for code in codes]
            aligned = torch.cat([picture for picture, _ in results])
            masks = [torch.cat([a.masks[r] for _, a in results]) for r in model.resolutions]
            flows = [torch.cat([a.flows[r] for _, a in results]) for r in model.resolutions]
            keep_photo = gather(masks, size)
            blended = blend(photos, aligned.clamp(-1, 1), keep_photo)
            reach = " ".join(f"{float(flow.abs().mean()) / FLOW_LIMIT:.2f}" for flow in flows)
            lines += [
                f"N = {iterations} aligned  {picture_figures(networks, photos, aligned)}  flow {reach}",
                f"N = {iterations} blended  {picture_figures(networks, photos, blended)}  "
                f"{mask_figures(keep_photo)}",
            ]
            if iterations == 2:
                pictures = [mask_picture(mask, size) for mask in (keep_photo, *masks)]
                sheet = [photos, plain, aligned, pictures[0], blended, *pictures[1:]]
        return lines, sheet

    def _align(self, model: SAMM, code: Code, iterations: int, size: int) -> tuple[Tensor, Alignment]:
        adapt, alignment = aligner(model, code.features, iterations)
        return self.networks.generator.synthesize(code.w_plus, adapt, size=size), alignment

    def state_dict(self) -> dict[str, Any]:
        """Give the dice; nothing else is carried from step to step."""
        return {"dice": self.dice.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.dice.load_state_dict(state["dice"])
