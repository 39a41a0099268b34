"""Teach a generator's sketch: the picture at 256² that is read off its map at 128².

Searches look at one in every step. A real drawing gives both the map and what it should be read as, so a pair
costs a drawing: some are kept and renewed one after the other, and each step learns from clippings of a few.

Codes are what searches may meet: a third are samples of W, the others the encoder's of real faces after one
pass or two, of which some are moved as a search would.

Shapes: N batch, L style rows, C channels of the map, M edge of a map, S = 2 M picture edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from samm.networks.encoders.iterative import Iterative
from samm.networks.generators.mobile import SKETCHED, MobileStyleGAN, Sketch
from samm.training import parallel
from samm.training.data import FacePool
from samm.training.loop import LoopConfig
from samm.training.networks import SIZE, Compiler, Networks
from samm.training.stopwatch import Stopwatch
from samm.training.synthetic import sample_w, sample_w_plus
from samm.training.trainer import Trainer, seeded
from samm.training.validation import in_chunks, picture_figures

__all__ = ["SKETCH_CONFIGS", "SketchConfig", "SketchTrainer"]

FILE_NAME = "sketch_mobile.safetensors"
STYLES = 1024  # samples of W whose styles are measured
EDGE = 2  # pixels of a clipping of the map that see beyond it


@dataclass(frozen=True)
class SketchConfig:
    """A training run of the sketch."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=3e-3))
    batch: int = 8  # clippings in a step, of all processes
    clip: int = 48  # their edge in the map
    pairs: int = 48  # that are kept in each process
    reuse: int = 3  # steps between two new ones
    width: int = 64
    moved: float = 0.4  # share of the encoder's codes that are moved
    reach: float = 0.3  # how far, as a share of a sample's way from the mean
    absolute: float = 0.05  # weight of the absolute beside the squared difference
    held_out: int = 4  # of each pack

    @property
    def needs_vgg(self) -> bool:
        """Say whether ST-LPIPS (vgg) takes part: it does not."""
        return False


SKETCH_CONFIGS = {
    "mobile": SketchConfig(),
    "tiny": SketchConfig(
        loop=LoopConfig(learning_rate=3e-3, warm_up_steps=1, ema_decay=0.5, log_every=2),
        batch=4,
        pairs=4,
        width=8,
        held_out=2,
    ),
}


class SketchTrainer(Trainer[Sketch]):
    """Batches, losses and judgment for the sketch."""

    def __init__(
        self,
        networks: Networks,
        faces: FacePool,
        config: SketchConfig,
        compiler: Compiler,
        seed: int = 0,
    ):
        if not isinstance(networks.generator, MobileStyleGAN) or not isinstance(networks.encoder, Iterative):
            raise TypeError("only MobileStyleGAN is sketched, for an encoder that looks at what is drawn")
        self._generator, self._encoder = networks.generator, networks.encoder
        sketch = seeded(lambda: _sketch_of(self._generator, config.width), seed, networks.device)
        super().__init__(sketch, FILE_NAME, networks, faces, config.batch, compiler, seed, None)
        self.config, self._step = config, 0
        self._clips = parallel.share(config.batch)
        self._read = compiler(self.model)
        self._codes = torch.cat([self._fresh() for _ in range(config.pairs)])
        self._pairs = [self._pair(code[None]) for code in self._codes]

    def warm_up(self) -> None:
        """Compile by reading one batch, without taking anything from the dice."""
        first = torch.zeros(self._clips, 3, dtype=torch.long)
        self._loss(*self._clippings(first)).backward()

    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Renew a pair where it is time, and compare clippings."""
        config = self.config
        if self._step % config.reuse == config.reuse - 1:
            with watch.part("drawing"):
                place = self._step // config.reuse % config.pairs
                self._codes[place] = self._fresh()[0]
                self._pairs[place] = self._pair(self._codes[place][None])
        self._step += 1
        ends = torch.tensor([config.pairs, *[SKETCHED - config.clip + 1] * 2], device=self.device)
        where = (self.dice.uniform(self._clips, 3) * ends).long().cpu()
        with watch.part("forward"):
            total = self._loss(*self._clippings(where))
        return total, {}

    def judged(self) -> tuple[Tensor, Tensor]:
        """Give nothing: no adversary takes part."""
        raise NotImplementedError

    def validate(self, model: Sketch) -> tuple[list[str], list[Tensor]]:
        """Compare sketches of held-out faces with the drawings of the same codes."""
        generator, photos = self._generator, self.faces.held_out
        codes = in_chunks(lambda photo: self._encoder.encode(photo, generator, 2).w_plus, photos)
        drawn = in_chunks(lambda code: generator.synthesize(code, size=SIZE), codes)
        sketched = in_chunks(lambda code: model(*generator.sketched(generator.styles(code))), codes)
        loss = F.mse_loss(sketched, drawn)
        return [f"loss {loss:.4f}  {picture_figures(self.networks, drawn, sketched)}"], [drawn, sketched]

    def state_dict(self) -> dict[str, Any]:
        """Give dice, step and the codes of the pairs, those of all processes."""
        return {**super().state_dict(), "step": self._step, "codes": parallel.gather_rows(self._codes, 1)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        super().load_state_dict(state)
        self._step, self._codes = state["step"], parallel.own_rows(state["codes"], 1).clone()
        self._pairs = [self._pair(code[None]) for code in self._codes]

    @torch.no_grad()
    def _fresh(self) -> Tensor:
        """Choose a code (1, L, 512)."""
        dice, config, generator = self.dice, self.config, self._generator
        if dice.choose((True, False, False)):  # alike in all processes, whose dice would else fall apart
            return sample_w_plus(generator, 1, dice)
        passes = dice.choose((1, 2))
        code = self._encoder.encode(self.faces.draw(1, dice), generator, passes).w_plus
        way = sample_w(generator, torch.ones(1, 1, device=self.device), dice) - generator.w_mean
        return code + config.reach * dice.chance(config.moved, 1) * way[:, None]

    @torch.no_grad()
    def _pair(self, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a code (1, L, 512): its map (C, M, M), late styles (C_style) and picture (3, S, S)."""
        styles = self._generator.styles(code)
        feature, late = self._generator.sketched(styles)
        return feature[0].half(), torch.cat(list(late), 1)[0], self._generator.draw(styles, size=SIZE)[0]

    def _clippings(self, where: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cut out of pairs: maps, late styles and pictures of N rows (pair, top, left) of `where`."""
        edge = self.config.clip
        maps, styles, pictures = [], [], []
        for pair, top, left in where.tolist():
            feature, style, picture = self._pairs[pair]
            styles.append(style)
            maps.append(feature[:, top : top + edge, left : left + edge])
            pictures.append(picture[:, 2 * top : 2 * (top + edge), 2 * left : 2 * (left + edge)])
        return torch.stack(maps).float(), torch.stack(styles), torch.stack(pictures)

    def _loss(self, maps: Tensor, styles: Tensor, target: Tensor) -> Tensor:
        """Compare what is read off clippings with their pictures, but for their edges."""
        inner = slice(2 * EDGE, -2 * EDGE)
        picture = self._read(maps, [styles])[:, :, inner, inner]
        target = target[:, :, inner, inner]
        return F.mse_loss(picture, target) + self.config.absolute * F.l1_loss(picture, target)


@torch.no_grad()
def _sketch_of(generator: MobileStyleGAN, width: int) -> Sketch:
    """Make a generator's sketch, which knows the mean and the deviation of its styles."""
    noise = torch.randn(STYLES, len(generator.w_mean), device=generator.w_mean.device)
    w = generator.mapping(noise)[:, None].expand(-1, generator.num_layers, -1)
    styles = generator.styles(w)
    feature, late = generator.sketched([style[:1] for style in styles])
    late = torch.cat(styles[-len(late) :], 1)
    sketch = Sketch(feature.shape[1], late.shape[1], width)
    sketch.center.copy_(late.mean(0))
    sketch.scale.copy_(late.std(0) + 1e-3)
    return sketch
