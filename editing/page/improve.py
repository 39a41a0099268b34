"""A likeness that gets better by itself, while the visitor goes on editing.

The work runs in a thread of its own, in which it waits, rests and passes its turn on as long work does, see
`editing.page.line`. The visit only listens, so it ends within a moment when somebody presses Stop or leaves;
the work itself ends with its step, and what it had not finished is dropped.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from editing.page import gpu
from editing.page.likeness import Likeness
from editing.page.line import IMPROVEMENT, STEP, Line, Place
from samm.inversion import Inversion

__all__ = ["BACKGROUND", "News", "improve"]

BACKGROUND = Line()  # one improvement at a time; the others wait here, not in the line for quick work
_LISTEN_S = 0.2


@dataclass(frozen=True, eq=False)
class News:
    """How far an improvement is.

    Attributes:
        stage: such as "Refining"; "Waiting" while it waits for others.
        done: steps of this stage.
        total: likewise.
        seconds: expected until the next picture.
        inversion: a better one that is ready now; None between.
    """

    stage: str
    done: int = 0
    total: int = 1
    seconds: float = 0.0
    inversion: Inversion | None = None


class _Over(Exception):
    """Nobody waits for this work any more."""


def improve(inversion: Inversion, likeness: Likeness, stop: threading.Event) -> Iterator[News]:
    """Improve an inversion in the background.

    Args:
        inversion: the fast one.
        likeness: the stages; each ends in a better inversion.
        stop: ends this improvement within half a second when it is set; of no other work.

    Yields:
        News of each step, and better inversions.

    Raises:
        UserError: the work failed for a reason that a person can mend.
    """
    told: SimpleQueue[News | Exception | None] = SimpleQueue()
    over = threading.Event()
    # ZeroGPU finds out by the context for whom it works.
    work = contextvars.copy_context().run
    threading.Thread(
        target=work, args=[_work, inversion, likeness, over, told], name="improve", daemon=True
    ).start()
    try:
        while not stop.is_set():
            try:
                news = told.get(timeout=_LISTEN_S)
            except Empty:
                continue
            if news is None:
                return
            if isinstance(news, Exception):
                raise news
            yield news
    finally:  # the visitor may also have gone
        over.set()


def _work(
    inversion: Inversion,
    likeness: Likeness,
    over: threading.Event,
    told: SimpleQueue[News | Exception | None],
) -> None:
    """Do all stages; the last that is told is None, or why there is no more."""

    def check() -> None:
        if over.is_set():
            raise _Over

    def wait(place: Place) -> None:
        check()
        told.put(News("Waiting", seconds=place.seconds))

    def tell(stage: str, done: int, total: int) -> None:
        check()
        told.put(News(stage, done, total, (total - done) * gpu.LINE.seconds(STEP)))

    try:
        with BACKGROUND.turn(IMPROVEMENT, wait):
            for stage in likeness.stages():
                inversion = stage(inversion, None if gpu.ZERO_GPU else tell)
                check()
                told.put(News("Better", 1, 1, inversion=inversion))
        told.put(None)
    except _Over:
        pass
    except Exception as error:  # of whatever kind: said where the visitor is
        told.put(error)
