"""How much likeness a visitor may choose: each level is the steps that are taken after the fast inversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from editing.check import check, likeness
from editing.edit import Edit
from editing.page import gpu
from samm.inversion import Inversion, Progress
from samm.models import load_descriptor

__all__ = ["LIKENESS", "USUAL", "Likeness", "doubt", "is_closer", "prepare"]


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
LIKENESS = {FAST: Likeness(), CLOSER: Likeness(10), CLOSEST: Likeness(30, 30)}
USUAL = FAST if gpu.PRESET == "tiny" else CLOSER  # random weights draw nobody


def prepare() -> None:
    """Load the face descriptor, which the first edit would otherwise wait for."""
    load_descriptor()


def doubt(inversion: Inversion, edited: Edit) -> str:
    """Say in one sentence what is wrong with an edit, if anything is seen; "" for random weights."""
    if gpu.PRESET == "tiny":
        return ""
    return check(inversion, edited, load_descriptor()).problem or ""


def is_closer(better: Inversion, inversion: Inversion) -> bool:
    """Tell whether a face descriptor finds another inversion's result nearer to the photo.

    With the read-out many faces are drawn as well at once as after a search: then the first stays.
    """
    new, old = (likeness(inversion.photo_u8, one.blended, load_descriptor()) for one in (better, inversion))
    return new > old
