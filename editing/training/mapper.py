"""Training of a StyleCLIP latent mapper for one phrase (section 5 of the paper; orpatashnik/StyleCLIP, MIT).

Upstream trains on inverted photos with Ranger; this trains on sampled codes with AdamW at the same learning
rate, which is large because the layers' weights are stored a hundred times larger than they are used.

Shapes: N batch, L style rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from editing.moves.words.mapper import Mapper
from editing.moves.words.model import TextModel
from editing.training.channels import SIZE, sample_codes
from samm.errors import OptionError
from samm.networks.generators import LEVELS, Generator
from samm.networks.identity import FaceRes

__all__ = ["MapperConfig", "fit_mapper"]


@dataclass(frozen=True)
class MapperConfig:
    """A training run; the weights are upstream's."""

    text: float = 1.0
    change: float = 0.8  # of the mean square of the change of w_plus
    identity: float = 0.1
    lr: float = 0.5
    batch: int = 2
    levels: tuple[str, ...] = tuple(LEVELS)
    save_every: int = 100  # steps


def fit_mapper(
    generator: Generator,
    text_model: TextModel,
    identity: FaceRes | None,
    phrase: str,
    steps: int,
    seed: int = 0,
    config: MapperConfig | None = None,
    state_path: Path | None = None,
    listen: Callable[[int, float], None] | None = None,
) -> Mapper:
    """Train a mapper that makes any face fit a phrase.

    Args:
        generator: frozen; everything runs on its device.
        text_model: frozen.
        identity: frozen; needed unless its weight is 0.
        phrase: what the pictures should show.
        steps: of training, 50,000 upstream.
        seed: of the first weights and of the sampled codes.
        config: weights and schedule.
        state_path: a file that is written now and then and that an interrupted run continues from, with the
            same result.
        listen: told the step and its loss.

    Raises:
        OptionError: the state file belongs to another run.
        ValueError: identity has a weight but no network.
    """
    config = config or MapperConfig()
    if config.identity and identity is None:
        raise ValueError("a weight on identity needs a network for it")
    with torch.random.fork_rng(devices=[]):  # constructors draw from the global generator
        torch.manual_seed(seed)
        mapper = Mapper(phrase, config.levels)
    mapper = mapper.to(generator.w_mean.device)
    optimizer = torch.optim.AdamW(mapper.parameters(), lr=config.lr)
    run = f"{config}, seed {seed}, phrase {phrase}, text model {text_model.name}"
    done = 0
    if state_path is not None and state_path.exists():
        done = _read_state(state_path, run, mapper, optimizer)
    with torch.no_grad():
        words = text_model.embed_texts([phrase])  # (1, D)

    for step in tqdm(range(done, steps), "Mapper", initial=done, total=steps):
        # A generator of its own for every step, so that a resumed run sees the same codes.
        noise = torch.Generator().manual_seed(seed + 1_000_003 * (step + 1))
        with torch.no_grad():
            w_plus = sample_codes(generator, torch.randn(config.batch, 512, generator=noise))
        with torch.enable_grad():
            loss = _loss(generator, text_model, identity, mapper, w_plus, words, config)
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        if listen is not None:
            listen(step, loss.item())
        if state_path is not None and ((step + 1) % config.save_every == 0 or step + 1 == steps):
            _write_state(state_path, run, step + 1, mapper, optimizer)
    return mapper.eval().requires_grad_(False)


def _loss(
    generator: Generator,
    text_model: TextModel,
    identity: FaceRes | None,
    mapper: Mapper,
    w_plus: Tensor,
    words: Tensor,
    config: MapperConfig,
) -> Tensor:
    """Weigh the distance to the words (1, D), the size of the change and the loss of likeness."""
    change = mapper(w_plus)
    picture = generator.synthesize(w_plus + change, size=SIZE)
    distance = 1 - F.cosine_similarity(text_model.embed_images(picture), words).mean()
    loss = config.text * distance + config.change * change.square().mean()
    if identity is not None and config.identity:
        with torch.no_grad():
            person = identity(generator.synthesize(w_plus, size=SIZE))
        loss = loss + config.identity * (1 - F.cosine_similarity(identity(picture), person).mean())
    return loss


def _read_state(path: Path, run: str, mapper: Mapper, optimizer: torch.optim.Optimizer) -> int:
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["run"] != run:
        raise OptionError(
            f"The state file {path.name} belongs to another run; finish that one, name another file or "
            "delete it."
        )
    mapper.load_state_dict(state["mapper"])
    optimizer.load_state_dict(state["optimizer"])
    return state["done"]


def _write_state(path: Path, run: str, done: int, mapper: Mapper, optimizer: torch.optim.Optimizer) -> None:
    """Replace the file in one step, so that it is whole whenever the run is killed."""
    unfinished = path.with_name(f"{path.name}.part")
    state = {"run": run, "done": done, "mapper": mapper.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, unfinished)
    unfinished.replace(path)
