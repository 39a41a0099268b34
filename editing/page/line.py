"""The line for the one thing all visitors share: whoever draws. Quick work goes before long work.

Work takes turns. A quick work is one turn; a long one passes its turn on after every step, and rests within a
step, between two operations of a network, where something quicker waits: see `Breathing`. Among equals, who
came first is first. From its first moment in the line a work is told its place and the seconds to expect, by
the medians of what such work took here.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

__all__ = [
    "EDIT",
    "Breathing",
    "IMPROVEMENT",
    "INVERSION",
    "STEP",
    "STRIP",
    "TILE",
    "Kind",
    "Line",
    "PREVIEW",
    "Place",
    "REHEARSAL",
    "Turn",
]

_TELL_S = 0.5  # between two looks at one's place
_REST_S = 0.2  # until long work rests, or one ends that takes longer than usual
_REMEMBERED = 15  # latest turns of a kind, of which the median is taken


@dataclass(frozen=True)
class Kind:
    """A kind of work.

    Attributes:
        name: in the log and in tests.
        rank: lower ones go first.
        guess_s: what a turn takes until it has been measured, on two cores.
    """

    name: str
    rank: int
    guess_s: float


INVERSION = Kind("inversion", 0, 2.0)
EDIT = Kind("edit", 0, 0.5)
PREVIEW = Kind("preview", 0, 0.2)  # of an edit whose slider still moves
TILE = Kind("tile", 0, 0.5)  # one of them
STRIP = Kind("strip", 1, 0.5)  # one picture of it
STEP = Kind("step", 2, 0.5)  # of an improvement in the background
REHEARSAL = Kind("rehearsal", 2, 3.0)  # of an inversion, before anybody asks for one
IMPROVEMENT = Kind("improvement", 2, 120.0)  # all steps of one, in the line for them


@dataclass(frozen=True)
class Place:
    """Where a work stands in the line.

    Attributes:
        ahead: works of other visitors before it; a step of an improvement is none.
        seconds: expected until its turn.
    """

    ahead: int
    seconds: float

    @property
    def told(self) -> str:
        """Say it in a few words; "" where it is one's turn in a moment."""
        about = f"about {max(round(self.seconds), 1)} s"
        if self.ahead:
            return f"{self.ahead} before you, {about}"
        return about if self.seconds > 0.5 else ""


@dataclass(order=True)
class _Ticket:
    rank: int
    number: int
    kind: Kind = field(compare=False)
    began_s: float = field(default=0.0, compare=False)
    worked_s: float = field(default=0.0, compare=False)  # before the last rest


class Turn:
    """The right to work now.

    Args:
        line: that gave it.
        ticket: of the work.
        tell: of the work's place while it waits.
    """

    def __init__(self, line: Line, ticket: _Ticket, tell: Callable[[Place], object] | None):
        self._line, self._ticket, self._tell = line, ticket, tell

    def pass_on(self) -> None:
        """End a step; return when it is this work's turn again, after all that came before its next step."""
        self._line._leave(self._ticket)
        self._ticket = self._line._join(self._ticket.kind)
        self._line._wait(self._ticket, self._tell)

    def rest(self) -> None:
        """Let quicker work go first, if some waits; quick to ask."""
        if self._line._is_wanted(self._ticket):
            self._line._rest(self._ticket)
            self._line._wait(self._ticket, self._tell)


class Line:
    """Works that take turns; safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = count()
        self._waiting: list[_Ticket] = []  # who is next is first
        self._now: _Ticket | None = None
        self._took_s: dict[str, deque[float]] = {}

    @contextmanager
    def turn(self, kind: Kind, tell: Callable[[Place], object] | None = None) -> Iterator[Turn]:
        """Wait for a turn and keep it within the block.

        Args:
            kind: of the work.
            tell: of its place, at once and twice a second while it waits; may raise to leave the line.
        """
        turn = Turn(self, self._join(kind), tell)
        try:
            self._wait(turn._ticket, tell)
            yield turn
        finally:
            self._leave(turn._ticket)

    def place(self, kind: Kind) -> Place:
        """Tell where a work would stand that joined now."""
        with self._changed:
            return self._place(_Ticket(kind.rank, next(self._numbers), kind))

    def seconds(self, kind: Kind) -> float:
        """Expect how long a turn takes, by the median of the latest ones here."""
        took_s = self._took_s.get(kind.name)
        return median(took_s) if took_s else kind.guess_s

    def _join(self, kind: Kind) -> _Ticket:
        with self._changed:
            ticket = _Ticket(kind.rank, next(self._numbers), kind)
            insort(self._waiting, ticket)
            return ticket

    def _wait(self, ticket: _Ticket, tell: Callable[[Place], object] | None) -> None:
        while not self._begin(ticket):
            if tell:
                tell(self._place(ticket))
            with self._changed:
                self._changed.wait_for(lambda: self._is_next(ticket), _TELL_S)

    def _begin(self, ticket: _Ticket) -> bool:
        """Take the turn if it is this one's."""
        with self._changed:
            if not self._is_next(ticket):
                return False
            self._waiting.remove(ticket)
            self._now, ticket.began_s = ticket, time.monotonic()
            return True

    def _is_wanted(self, ticket: _Ticket) -> bool:
        return any(other.rank < ticket.rank for other in self._waiting[:1])

    def _rest(self, ticket: _Ticket) -> None:
        """Go back into the line as one that has begun: before its equals."""
        with self._changed:
            ticket.worked_s += time.monotonic() - ticket.began_s
            self._now = None
            insort(self._waiting, ticket)
            self._changed.notify_all()

    def _is_next(self, ticket: _Ticket) -> bool:
        return self._now is None and self._waiting[0] is ticket

    def _leave(self, ticket: _Ticket) -> None:
        """End a turn, or the wait for one."""
        with self._changed:
            if self._now is ticket:
                took_s = ticket.worked_s + time.monotonic() - ticket.began_s
                self._took_s.setdefault(ticket.kind.name, deque(maxlen=_REMEMBERED)).append(took_s)
                self._now = None
            else:
                self._waiting.remove(ticket)
            self._changed.notify_all()

    def _place(self, ticket: _Ticket) -> Place:
        now = self._now
        before = [other for other in tuple(self._waiting) if other < ticket]
        seconds = sum(self.seconds(other.kind) for other in before)
        if now and now.rank > ticket.rank:
            seconds += _REST_S
        elif now:
            left_s = self.seconds(now.kind) - now.worked_s - (time.monotonic() - now.began_s)
            seconds += max(left_s, _REST_S)
        ahead = len(before) + (now is not None and now.rank <= ticket.rank)
        return Place(ahead, seconds)


class Breathing(TorchDispatchMode):
    """Rest between any two operations of torch in this thread, forward and backward.

    A step of a search takes seconds on a CPU, and one operation of it a few hundredths.

    Args:
        turn: of the work.
    """

    def __init__(self, turn: Turn):
        super().__init__()
        self._turn = turn

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation when it is this work's turn."""
        self._turn.rest()
        return func(*args, **(kwargs or {}))
