"""The training loop: a budget of time, AdamW, averaged weights, resumable checkpoints, a plain log.

A run that was cut off, even by a power failure, goes on from its last checkpoint with the numbers that the
unbroken run would have had. Where several processes train, the clock of process 0 counts, and it alone
writes.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from samm.errors import OptionError
from samm.training import parallel
from samm.training.sheets import save_sheet
from samm.training.stopwatch import Stopwatch
from samm.training.trainer import Trainer

__all__ = ["Budget", "LoopConfig", "Outcome", "measure", "train"]

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
        used, whole = (elapsed_s, self.seconds) if self.steps is None else (step, self.steps)
        return min(used / whole, 1.0) if whole > 0 else 1.0


@dataclass(frozen=True)
class Outcome:
    """Where a run's files go.

    Attributes:
        out: folder for `log.txt`, contact sheets, the averaged weights (fp16) and the state to resume from.
        source: a sentence on the origin, kept in the weights file.
    """

    out: Path
    source: str = ""


def train(
    trainer: Trainer, config: LoopConfig, budget: Budget, outcome: Outcome, resume: bool = False
) -> list[float]:
    """Train until the budget is used; Ctrl-C, or SIGTERM, ends early after the step in hand, and saves.

    Args:
        trainer: what to train.
        config: how.
        budget: how long; a resumed run continues its old clock.
        outcome: where everything is written.
        resume: continue from the state in `outcome.out`.

    Returns:
        The total loss of each step since the run began, over the batches of all processes.

    Raises:
        OptionError: there is nothing to resume.
    """
    if resume and not (outcome.out / STATE_FILE).is_file():
        raise OptionError(
            f"There is no {STATE_FILE} in {outcome.out.name} to resume; start without --resume."
        )
    _log_to(outcome.out / "log.txt")
    run = _Run(trainer, config, outcome)
    run.warm_up()
    if resume:
        run.load()
    run.validate()
    run.until(budget)
    run.save()
    run.validate()
    return run.losses()


def measure(trainer: Trainer, config: LoopConfig, steps: int) -> tuple[float, dict[str, float]]:
    """Time steps after warming up: images per second, and the share of time of each part in percent."""
    run = _Run(trainer, config, Outcome(Path()))
    run.warm_up()
    run.advance(0.0)  # the optimizers allocate in their first step
    run.watch.shares()
    _wait_for(trainer.device)
    begun = time.perf_counter()
    for _ in range(steps):
        run.advance(0.0)
    shares = run.watch.shares()
    return steps * trainer.batch / (time.perf_counter() - begun), shares


class _Run:
    """The state of a run: optimizer, average, counters."""

    def __init__(self, trainer: Trainer, config: LoopConfig, outcome: Outcome):
        self.trainer, self.config, self.outcome = trainer, config, outcome
        self.optimizer = torch.optim.AdamW(
            trainer.model.parameters(),
            config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=trainer.device.type == "cuda",
        )
        self.ema = AveragedModel(trainer.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))
        self.ema.requires_grad_(False).eval()
        self.watch = Stopwatch(trainer.device)
        self.step, self.elapsed_s = 0, 0.0
        self._history: list[float] = []  # totals of all steps, and those that are still on the device
        self._totals: list[Tensor] = []
        self._sums: dict[str, Tensor] = {}
        self._reported_at = (0, 0.0)  # step, clock

    def warm_up(self) -> None:
        """Compile everything, and say how long that took."""
        begun = time.perf_counter()
        self.trainer.warm_up()
        self.trainer.model.zero_grad(set_to_none=True)
        _wait_for(self.trainer.device)
        log.info("compiled and warmed up in %.0f s", time.perf_counter() - begun)

    def until(self, budget: Budget) -> None:
        """Step until the budget is used or someone asks to stop."""
        clock = time.perf_counter() - self.elapsed_s
        saved_at = self.elapsed_s
        self._start_report()
        with _signals() as caught, _progress_bar() as bar:
            while (progress := budget.progress(self.elapsed_s, self.step)) < 1:
                bar.update(progress - bar.n)
                self.advance(progress)
                if self.step % self.config.log_every == 0:
                    self._report()
                self.elapsed_s, stop = parallel.agree(time.perf_counter() - clock, bool(caught))
                if stop:
                    log.info("interrupted at step %d", self.step)
                    return
                if self.elapsed_s - saved_at > self.config.save_every_s:
                    self.save()
                    self.validate()
                    # Saving and judging are not training: the clock stands still meanwhile.
                    clock = time.perf_counter() - self.elapsed_s
                    saved_at = self.elapsed_s

    def advance(self, progress: float) -> None:
        """Take one step."""
        trainer, config = self.trainer, self.config
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        rate = config.learning_rate * (config.final_share + (1 - config.final_share) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / config.warm_up_steps)
        total, terms = trainer.losses(progress, self.watch)
        with self.watch.part("backward"):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            parallel.average_gradients(trainer.model)
        with self.watch.part("optimizer"):
            norm = nn.utils.clip_grad_norm_(trainer.model.parameters(), config.clip)
            self.optimizer.step()
            self.ema.update_parameters(trainer.model)
        trainer.after_step(self.watch)
        self._totals.append(total.detach().clone())
        for name, value in {"total": total, **terms, "gradient": norm}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach()
        self.step += 1

    def losses(self) -> list[float]:
        """Give the total of each step so far, averaged over processes."""
        parallel.average_over_processes(self._totals)
        self._history += [float(total) for total in self._totals]
        self._totals.clear()
        return self._history

    def _report(self) -> None:
        """Log mean losses, speed and where the time goes; values reach the host only here."""
        shares = self.watch.shares()  # waits for the device
        now = time.perf_counter()
        steps = self.step - self._reported_at[0]
        speed = steps * self.trainer.batch / (now - self._reported_at[1])
        parallel.average_over_processes(list(self._sums.values()))
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
        """Judge the averaged weights on held-out faces, in every process: losses ask all of them."""
        with torch.no_grad():
            lines, sheet = self.trainer.validate(self.ema.module)
        for line in lines:
            log.info("  held out, step %d: %s", self.step, line)
        if parallel.rank() == 0:
            save_sheet(sheet, self.outcome.out / f"sheet_{self.step:06d}.png")
        self._start_report()  # what is judged here is not training time

    def save(self) -> None:
        """Write the averaged weights in fp16 and the state to resume from; never leave half a file."""
        state = {
            "model": self.trainer.model.state_dict(),
            "average": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "trainer": self.trainer.state_dict(),  # of all processes, so all have to ask for it
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "losses": self.losses(),
        }
        if parallel.rank():
            return
        weights = {
            key: value.to(torch.float16).contiguous().cpu()
            for key, value in self.ema.module.state_dict().items()
        }
        out, partial = self.outcome.out, self.outcome.out / "partial"
        save_file(weights, partial, metadata={"source": self.outcome.source, "steps": str(self.step)})
        partial.replace(out / self.trainer.file_name)
        torch.save(state, partial)
        partial.replace(out / STATE_FILE)
        log.info("saved at step %d", self.step)

    def load(self) -> None:
        """Continue from the saved state."""
        state = torch.load(self.outcome.out / STATE_FILE, map_location=self.trainer.device, weights_only=True)
        self.trainer.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.trainer.load_state_dict(state["trainer"])
        self.step, self.elapsed_s, self._history = state["step"], state["elapsed_s"], state["losses"]
        log.info("resumed at step %d, %.0f s", self.step, self.elapsed_s)


def _row(values: dict[str, float], spec: str) -> str:
    return "  ".join(f"{name} {value:{spec}}" for name, value in values.items())


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect interrupts instead of being torn out of a step: half a step cannot be resumed."""
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress_bar() -> Iterator[tqdm]:
    """Show the used share of the budget on a terminal, below the log."""
    hidden = True if parallel.rank() else None  # None: unless it is no terminal
    form = "{percentage:3.0f}% {bar} {elapsed}"
    with logging_redirect_tqdm([log]), tqdm(total=1.0, bar_format=form, disable=hidden, leave=False) as bar:
        yield bar


def _log_to(path: Path) -> None:
    """Log to a file and the console; once per file, however often a process trains. Only process 0 logs."""
    log.setLevel(logging.WARNING if parallel.rank() else logging.INFO)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    if parallel.rank():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for handler in (logging.FileHandler(path), logging.StreamHandler()):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
