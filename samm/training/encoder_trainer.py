"""Training of the residual encoder.

Half of a batch are synthetic rows, whose code is known, half real photos. At run time the encoder takes
several passes, each looking at the render of the last one. Instead of rendering those earlier ones without
gradient, a batch carries half of its rows over from the previous training step with the code and the render
that they have by now: the render that the loss paid for anyway starts the next pass. So a row's number of
earlier passes is 0, 1, 2, 3 with about 1/2, 2/7, 1/7, 1/14.

Shapes: N batch, L style rows, S = 256 picture edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from samm.networks.encoders.residual import ResidualEncoder
from samm.training import losses, parallel, synthetic
from samm.training.adversary import Adversary, LatentDiscriminator
from samm.training.data import FacePool
from samm.training.loop import LoopConfig
from samm.training.networks import Compiler, Networks
from samm.training.stopwatch import Stopwatch
from samm.training.trainer import Trainer, seeded
from samm.training.validation import code_figures, in_chunks

__all__ = ["ENCODER_CONFIGS", "EncoderConfig", "EncoderTrainer", "EncoderWeights"]

CODES_JUDGED = 256  # samples of W that the latent discriminator sees in a step
ALL = slice(None)  # rows
FILE_NAME = "encoder_residual_256.safetensors"


@dataclass(frozen=True)
class EncoderWeights:
    """Weights of the terms of the loss; a term of weight 0 is not computed."""

    mse: float = 3.0  # with more weight on the face; at 1.5 likeness grows at the cost of PSNR
    alex: float = 0.7  # ST-LPIPS of the whole picture, every other row
    vgg: float = 0.7  # ST-LPIPS of the face crop, the rows between
    identity: float = 6.0
    code: float = 0.5  # rows whose code is known
    spread: float = 0.06  # real rows; keeps codes editable, as does the next
    latent: float = 0.03  # real rows; −log D


@dataclass(frozen=True)
class EncoderConfig:
    """A training run of the encoder."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=2e-4))
    weights: EncoderWeights = field(default_factory=EncoderWeights)
    batch: int = 48  # of all processes; a multiple of 4 in each: fresh and carried rows of both kinds
    earlier_passes: int = 3  # at most
    occluded: float = 0.5  # share of synthetic rows with a pasted occluder
    jittered: float = 0.5  # share of real rows that are cropped again
    held_out: int = 12  # of each pack
    passes_judged: tuple[int, ...] = (1, 2, 4)

    @property
    def needs_vgg(self) -> bool:
        """Say whether ST-LPIPS (vgg), which does not come with the repository, takes part."""
        return self.weights.vgg != 0


ENCODER_CONFIGS = {
    "mobile": EncoderConfig(),
    "tiny": EncoderConfig(
        loop=LoopConfig(learning_rate=2e-3, warm_up_steps=1, ema_decay=0.5, log_every=2),
        batch=4,
        held_out=2,
        passes_judged=(1,),
    ),
}


@dataclass(frozen=True)
class Rows:
    """Rows of a batch with where they stand: all (N, …), synthetic rows before real ones."""

    photo: Tensor  # (N, 3, S, S), what the encoder sees
    target: Tensor  # (N, 3, S, S), what the render should show
    truth: Tensor  # (N, L, 512), known codes; zeros for real rows
    w_plus: Tensor  # (N, L, 512), the code so far
    render: Tensor  # (N, 3, S, S), of that code
    age: Tensor  # (N,), earlier passes taken

    def map(self, change: Callable[[Tensor], Tensor]) -> Rows:
        """Apply a function to every field."""
        return Rows(*(change(getattr(self, f.name)) for f in fields(self)))

    @staticmethod
    def stack(*parts: Rows) -> Rows:
        """Put rows one after the other."""
        return Rows(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Rows)))


class EncoderTrainer(Trainer[ResidualEncoder]):
    """Batches, losses and judgment for the encoder."""

    def __init__(
        self,
        networks: Networks,
        faces: FacePool,
        config: EncoderConfig,
        compiler: Compiler,
        seed: int = 0,
    ):
        self._quarter = parallel.share(config.batch, unit=4) // 4
        if not isinstance(networks.encoder, ResidualEncoder):
            raise TypeError("only the residual encoder is trained here")
        adversary = _adversary(networks, seed) if config.weights.latent else None
        super().__init__(
            networks.encoder, FILE_NAME, networks, faces, config.batch, compiler, seed, adversary
        )
        self.config = config
        self._pass = compiler(self._offset)
        self._face_weight = _face_weight(self.device)
        # Not compiled yet: that is what the warm-up is for, and it is timed.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            self._rows = Rows.stack(
                *(self._fresh_synthetic(self._quarter) for _ in range(2)),
                *(self._fresh_real(self._quarter) for _ in range(2)),
            )

    def warm_up(self) -> None:
        """Compile by running a step; its batch is thrown away."""
        rows = self._rows
        total, _ = self.losses(0.0, Stopwatch(self.device))
        total.backward()
        self._rows = rows

    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one pass of the protocol with gradient from a batch of fresh and carried rows."""
        config, networks, real = self.config, self.networks, slice(2 * self._quarter, None)
        with watch.part("data"), torch.no_grad():
            rows = self._next_rows()
        with watch.part("encoder"):
            w_plus = rows.w_plus + self._pass(rows.photo, rows.render)
        with watch.part("generator"):
            render = self.painter.draw(w_plus)
        with watch.part("losses"):
            known = slice(0, real.start)
            terms = losses.build(
                {
                    # Each row is seen by one of the two: they are the dearest part of a step after drawing.
                    **self._picture_terms(render, rows.target, slice(0, None, 2), slice(1, None, 2)),
                    "code": lambda: losses.code_loss(w_plus[known], rows.truth[known], networks.w_std),
                    "spread": lambda: losses.row_spread(w_plus[real]),
                    "latent": lambda: self.fooled(w_plus[real].flatten(0, 1)),
                },
                config.weights,
            )
        self._rows = Rows(rows.photo, rows.target, rows.truth, w_plus.detach(), render.detach(), rows.age + 1)
        return losses.weigh(terms, config.weights), terms

    def _picture_terms(
        self, render: Tensor, target: Tensor, for_vgg: slice = ALL, for_alex: slice = ALL
    ) -> dict[str, Callable[[], Tensor]]:
        """Give the terms that compare pictures; the slices are the rows that each ST-LPIPS looks at."""
        perception = self.perception
        return {
            "mse": lambda: losses.weighted_mse(render, target, self._face_weight),
            "identity": lambda: perception.identity(render, target),
            "alex": lambda: perception.distance("alex", render[for_alex], target[for_alex]),
            "vgg": lambda: perception.distance(
                "vgg", losses.face_crop(render[for_vgg]), losses.face_crop(target[for_vgg])
            ),
        }

    def _offset(self, photo: Tensor, render: Tensor) -> Tensor:
        with self.networks.autocast():
            return self.model(photo, render)[0].float()

    @torch.no_grad()
    def judged(self) -> tuple[Tensor, Tensor]:
        """Give samples of W, and the codes of this step's real rows."""
        psi = self.dice.uniform(CODES_JUDGED // parallel.size(), 1, low=0.6, high=1.0)
        sampled = synthetic.sample_w(self.networks.generator, psi, self.dice)
        return sampled, self._rows.w_plus[2 * self._quarter :].flatten(0, 1)

    def validate(self, model: ResidualEncoder) -> tuple[list[str], list[Tensor]]:
        """Judge held-out faces after 1, 2 and 4 passes, in float32. "loss": the picture terms."""
        photos, generator = self.faces.held_out, self.networks.generator
        lines, sheet = [], [photos]
        for passes in self.config.passes_judged:
            w_plus = in_chunks(lambda p, k=passes: model.encode(p, generator, k).w_plus, photos)
            render = in_chunks(lambda w: generator.synthesize(w, size=photos.shape[-1]), w_plus)
            loss = in_chunks(self._held_out_loss, render, photos).mean()
            lines.append(
                f"{passes} passes  loss {loss:.4f}  {code_figures(self.networks, photos, render, w_plus)}"
            )
            sheet.append(render)
        return lines, sheet

    def _held_out_loss(self, render: Tensor, photos: Tensor) -> Tensor:
        terms = losses.build(self._picture_terms(render, photos), self.config.weights)
        return losses.weigh(terms, self.config.weights)[None]

    def state_dict(self) -> dict[str, Any]:
        """Give dice, discriminator and the rows to carry over, those of all processes."""
        rows = self._rows.map(lambda t: parallel.gather_rows(t, groups=4))
        return {**super().state_dict(), "rows": vars(rows)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        super().load_state_dict(state)
        self._rows = Rows(**state["rows"]).map(lambda t: parallel.own_rows(t, groups=4))

    def _next_rows(self) -> Rows:
        """Renew half of the synthetic and half of the real rows; chance decides which are carried over."""
        half, quarter = 2 * self._quarter, self._quarter
        kinds = self._rows.map(lambda t: t[:half]), self._rows.map(lambda t: t[half:])
        synthetic_rows, real_rows = (self._carry(rows) for rows in kinds)
        return Rows.stack(
            self._fresh_synthetic(quarter), synthetic_rows, self._fresh_real(quarter), real_rows
        )

    def _carry(self, rows: Rows) -> Rows:
        """Choose one of each pair of a row that was fresh and one that was not, unless that one is spent."""
        quarter = self._quarter
        older = self.dice.chance(0.5, quarter) & (rows.age[quarter:] <= self.config.earlier_passes)
        chosen = torch.arange(quarter, device=self.device) + quarter * older
        return rows.map(lambda t: t[chosen])

    def _fresh_synthetic(self, n: int) -> Rows:
        truth = synthetic.sample_w_plus(self.networks.generator, n, self.dice)
        clean = self.painter.draw(truth)
        photo, _ = synthetic.paste(clean, self.config.occluded, self.dice)
        return self._at_start(synthetic.degrade(photo, self.dice), clean, truth)

    def _fresh_real(self, n: int) -> Rows:
        photo = self.faces.draw(n, self.dice)
        again = self.dice.chance(self.config.jittered, n, 1, 1, 1)
        photo = torch.where(again, synthetic.jitter(photo, self.dice), photo)
        return self._at_start(photo, photo, torch.zeros_like(self._mean_code(n)))

    def _at_start(self, photo: Tensor, target: Tensor, truth: Tensor) -> Rows:
        n = len(photo)
        render = self.model.first(self.networks.generator).expand(n, -1, -1, -1)
        age = torch.zeros(n, dtype=torch.long, device=self.device)
        return Rows(photo, target, truth, self._mean_code(n), render, age)

    def _mean_code(self, n: int) -> Tensor:
        generator = self.networks.generator
        return generator.w_mean.expand(n, generator.num_layers, -1)


def _adversary(networks: Networks, seed: int) -> Adversary:
    w_mean, w_std = networks.generator.w_mean, networks.w_std
    judge = seeded(lambda: LatentDiscriminator(w_mean, w_std), seed, networks.device)
    return Adversary(judge, learning_rate=2e-4, r1=5.0, r1_every=8)


def _face_weight(device: torch.device) -> Tensor:
    """Weigh pixels of FFHQ crops: .4 at the border, 2.4 in the face, scaled to mean 1; (1, 1, S, S)."""
    weight = 0.4 + 2.0 * losses.face_window(256, device, 0.5, 0.6)
    return weight / weight.mean()
