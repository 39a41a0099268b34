"""The training loop: a budget of time, AdamW, averaged weights, resumable checkpoints, a plain log."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from samm.training.sheets import save_sheet
from samm.training.stopwatch import Stopwatch

__all__ = ["Budget", "LoopConfig", "Trainer", "train"]

STATE_FILE = "state.pt"

log = logging.getLogger("samm.training")


@dataclass(frozen=True)
class LoopConfig:
    """Optimizer, schedule and habits of a run."""

    learning_rate: float
    warm_up_steps: int = 100
    final_share: float = 0.05  # of the learning rate, where the cosine ends
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-4
    clip: float = 1.0  # largest norm of the gradient
    ema_decay: float = 0.996
    log_every: int = 100  # steps
    save_every_s: float = 120.0


@dataclass(frozen=True)
class Budget:
    """How long to train: seconds (compiling not counted), or a number of steps if given."""

    seconds: float
    steps: int | None = None

    def progress(self, elapsed_s: float, step: int) -> float:
        """Give the share of the budget that is used, 0…1; schedules follow it."""
        used = step / self.steps if self.steps is not None else elapsed_s / max(self.seconds, 1e-9)
        return min(used, 1.0)


class Trainer(Protocol):
    """What the loop asks of an encoder or SAMM trainer."""

    file_name: str  # of the weights
    model: nn.Module  # the network that learns
    batch: int
    device: torch.device

    def warm_up(self) -> None:
        """Run every variant of a step once, forward and backward, so that everything is compiled."""
        ...

    def losses(self, progress: float, watch: Stopwatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Take a batch; give the total to minimize and its unweighted terms."""
        ...

    def after_step(self, watch: Stopwatch) -> None:
        """Do what follows the optimizer's step."""
        ...

    def validate(self, model: nn.Module) -> tuple[list[str], list[Tensor]]:
        """Judge `model` on held-out faces; give lines for the log and rows for a contact sheet."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Give all that a resumed run needs besides model and optimizer."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        ...


def train(
    trainer: Trainer, config: LoopConfig, budget: Budget, out: Path, resume: bool = False, source: str = ""
) -> list[float]:
    """Train until the budget is used; an interrupt (Ctrl-C) saves and ends early.

    Args:
        trainer: what to train.
        config: how.
        budget: how long; a resumed run continues its old clock.
        out: folder for `log.txt`, contact sheets, the averaged weights (fp16) and the state to resume from.
        resume: continue from the state in `out`.
        source: a sentence on the origin, kept in the weights file.

    Returns:
        The total loss of each step of this call.
    """
    out.mkdir(parents=True, exist_ok=True)
    _log_to(out / "log.txt")
    run = _Run(trainer, config, out, source)
    begun = time.perf_counter()
    trainer.warm_up()
    trainer.model.zero_grad(set_to_none=True)
    _wait_for(trainer.device)
    log.info("compiled and warmed up in %.0f s", time.perf_counter() - begun)
    if resume:
        run.load()
    run.validate()
    try:
        run.until(budget)
    except KeyboardInterrupt:
        log.info("interrupted at step %d", run.step)
    run.save()
    run.validate()
    return [float(total) for total in run.totals]


class _Run:
    """The state of a run: optimizer, average, counters."""

    def __init__(self, trainer: Trainer, config: LoopConfig, out: Path, source: str):
        self.trainer, self.config, self.out, self.source = trainer, config, out, source
        self.optimizer = torch.optim.AdamW(
            trainer.model.parameters(),
            config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=trainer.device.type == "cuda",
        )
        self.average = AveragedModel(trainer.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))
        self.average.requires_grad_(False).eval()
        self.watch = Stopwatch(trainer.device)
        self.step, self.elapsed_s = 0, 0.0
        self.totals: list[Tensor] = []
        self._sums: dict[str, Tensor] = {}
        self._reported_at = (0, 0.0)  # step, clock

    def until(self, budget: Budget) -> None:
        """Step until the budget is used."""
        clock = time.perf_counter() - self.elapsed_s
        saved_at = self.elapsed_s
        self._start_report()
        while (progress := budget.progress(self.elapsed_s, self.step)) < 1:
            self._step(progress)
            self.step += 1
            if self.step % self.config.log_every == 0:
                self._report()
            self.elapsed_s = time.perf_counter() - clock
            if self.elapsed_s - saved_at > self.config.save_every_s:
                self.save()
                self.validate()
                # Saving and judging are not training: the clock stands still meanwhile.
                clock = time.perf_counter() - self.elapsed_s
                saved_at = self.elapsed_s

    def _step(self, progress: float) -> None:
        trainer, config = self.trainer, self.config
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        rate = config.learning_rate * (config.final_share + (1 - config.final_share) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / config.warm_up_steps)
        total, terms = trainer.losses(progress, self.watch)
        with self.watch.part("backward"):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
        with self.watch.part("optimizer"):
            norm = nn.utils.clip_grad_norm_(trainer.model.parameters(), config.clip)
            self.optimizer.step()
            self.average.update_parameters(trainer.model)
        trainer.after_step(self.watch)
        self.totals.append(total.detach())
        for name, value in {"total": total, **terms, "gradient": norm}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach()

    def _report(self) -> None:
        """Log mean losses, speed and where the time goes; values reach the host only here."""
        shares = self.watch.shares()  # waits for the device
        now = time.perf_counter()
        steps = self.step - self._reported_at[0]
        speed = steps * self.trainer.batch / (now - self._reported_at[1])
        means = {name: float(value) / steps for name, value in self._sums.items()}
        log.info("step %d  %.0f s  %.0f images/s  %s", self.step, self.elapsed_s, speed, _row(means, ".4f"))
        log.info("  time %%: %s", _row(shares, ".0f"))
        if not math.isfinite(means["total"]):
            raise FloatingPointError(
                f"the loss is {means['total']} at step {self.step}; resume from {STATE_FILE}"
            )
        self._start_report()

    def _start_report(self) -> None:
        self._sums.clear()
        self.watch.shares()
        self._reported_at = (self.step, time.perf_counter())

    def validate(self) -> None:
        """Judge the averaged weights on held-out faces."""
        with torch.no_grad():
            lines, sheet = self.trainer.validate(self.average.module)
        for line in lines:
            log.info("  held out, step %d: %s", self.step, line)
        save_sheet(sheet, self.out / f"sheet_{self.step:06d}.png")
        self._start_report()  # what is judged here is not training time

    def save(self) -> None:
        """Write the averaged weights in fp16 and the state to resume from; never leave half a file."""
        weights = {
            key: value.to(torch.float16).contiguous().cpu()
            for key, value in self.average.module.state_dict().items()
        }
        partial = self.out / "partial"
        save_file(weights, partial, metadata={"source": self.source, "steps": str(self.step)})
        partial.replace(self.out / self.trainer.file_name)
        state = {
            "model": self.trainer.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "trainer": self.trainer.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        torch.save(state, partial)
        partial.replace(self.out / STATE_FILE)

    def load(self) -> None:
        """Continue from the saved state."""
        state = torch.load(self.out / STATE_FILE, map_location=self.trainer.device, weights_only=True)
        self.trainer.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.trainer.load_state_dict(state["trainer"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        log.info("resumed at step %d, %.0f s", self.step, self.elapsed_s)


def _row(values: dict[str, float], spec: str) -> str:
    return "  ".join(f"{name} {value:{spec}}" for name, value in values.items())


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _log_to(path: Path) -> None:
    """Log to a file and the console; once per file, however often a process trains."""
    log.setLevel(logging.INFO)
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    for handler in (logging.FileHandler(path), logging.StreamHandler()):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
    log.propagate = False
