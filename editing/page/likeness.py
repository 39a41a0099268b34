"""How much likeness a visitor may choose: each level is the steps that are taken after the fast inversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from editing.page import gpu
from samm.inversion import Inversion, Progress

__all__ = ["FAITHFUL", "FAST", "LIKENESS", "Likeness", "slower", "told"]


@dataclass(frozen=True)
class Likeness:
    """A level of likeness.

    Attributes:
        refine: steps of refining the code.
        tune: steps of tuning the generator to the photo after that.
    """

    refine: int = 0
    tune: int = 0

    def stages(self) -> list[tuple[str, Callable[[Inversion, Progress | None], Inversion]]]:
        """Give what is done after the fast inversion: in words, and as a function."""
        stages = []
        if self.refine:
            refine = self.refine
            stages.append(
                ("refining the likeness", lambda inversion, tell: gpu.refine_on_gpu(inversion, refine, tell))
            )
        if self.tune:
            tune = self.tune
            stages.append(
                (
                    "tuning the generator to your photo",
                    lambda inversion, tell: gpu.tune_on_gpu(inversion, tune, tell),
                )
            )
        return stages

    def seconds(self, inversion: Inversion) -> float:
        """Expect how long it takes here, by how long drawing took, with SAMM or without."""
        # A step, forward and backward through generator and perceptual network, takes about four drawings,
        # and drawing with SAMM takes two and a half.
        with_samm = inversion.seconds.get("Aligning features")
        drawing = inversion.seconds["Drawing"] if with_samm is None else with_samm / 2.5
        return 4 * drawing * (self.refine + self.tune)


FAST, FAITHFUL = "Fast", "Closer likeness"
LIKENESS = {FAST: Likeness(), FAITHFUL: Likeness(60), "Closest likeness": Likeness(30, 30)}


def slower(inversion: Inversion) -> str:
    """Name the choices that take longer, each with the time to expect here in whole tens of seconds."""
    return " or ".join(
        f"{name} (about {max(10, round(level.seconds(inversion), -1)):.0f} s here)"
        for name, level in LIKENESS.items()
        if level.stages()
    )


def told(inversion: Inversion, seconds: float, stopped: bool) -> str:
    """Say what was done to a fast inversion."""
    done, steps = "Refined", f"{inversion.refined}"
    if inversion.tuned_steps:
        done, steps = "Refined and tuned", f"{inversion.refined} + {inversion.tuned_steps}"
    return f"{done} in {seconds:.0f} s.{' Stopped after' if stopped else ''} {steps} steps."
