"""How much likeness a visitor may choose: each level is the steps that are taken after the fast inversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from editing.page import gpu
from samm.inversion import Inversion, Progress

__all__ = ["LIKENESS", "USUAL", "Likeness"]


@dataclass(frozen=True)
class Likeness:
    """A level of likeness.

    Attributes:
        refine: steps of refining the code.
        tune: steps of tuning the generator to the photo after that.
    """

    refine: int = 0
    tune: int = 0

    def stages(self) -> list[Callable[[Inversion, Progress | None], Inversion]]:
        """Give what is done after the fast inversion, one function after the other."""
        works = ((self.refine, gpu.refine_on_gpu), (self.tune, gpu.tune_on_gpu))
        return [partial(_in_steps, work, steps) for steps, work in works if steps]


def _in_steps(
    work: Callable[[Inversion, int, Progress | None], Inversion],
    steps: int,
    inversion: Inversion,
    tell: Progress | None,
) -> Inversion:
    return work(inversion, steps, tell)


FAST, CLOSER, CLOSEST = "At once", "Closer", "Closest"
LIKENESS = {FAST: Likeness(), CLOSER: Likeness(20), CLOSEST: Likeness(30, 30)}
# With the read-out, refining gives a face that is drawn well no more likeness; see the README's figures.
USUAL = FAST
