"""What a server knows of open browser tabs besides their visits: whether to stop, and what to delete."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from editing.page import files
from editing.page.gate import GATE
from editing.page.packing import PackedInversion, forget
from editing.page.session import Inverted, Visit
from editing.recipe.recipe import Recipe

__all__ = ["PREVIEWS", "Presence", "Stopped", "is_current", "leave", "presence"]

PREVIEWS = "previews of a slider"
_SENT_S = 1.0  # at most, until a preview is sent


class Stopped(Exception):
    """The visitor pressed Stop."""


@dataclass
class Presence:
    """One open browser tab.

    Attributes:
        stop: set when what runs for it is to stop.
        photo_id: of its newest photo; "" without one.
        folders: of its photos, oldest first.
        beside: by kind, what is set when work that runs beside the visit is to stop.
        strip: recipes of the strip or grid that is shown.
        is_drawing: whether an edit is being drawn.
        is_previewed: whether the stage shows a preview, as far as is known here.
        showing: held while a preview is sent to the page.
        better: what the improvement has made, with the visit it is for; None where it has been taken.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    photo_id: str = ""
    folders: list[Path] = field(default_factory=list)
    beside: dict[str, threading.Event] = field(default_factory=dict)
    strip: tuple[Recipe, ...] = ()
    is_drawing: bool = False
    is_previewed: bool = False
    showing: threading.Lock = field(default_factory=threading.Lock)
    better: tuple[Inverted, PackedInversion] | None = None

    def clear(self) -> None:
        """Stop what still runs for an older photo, and let go of that."""
        self.stop.set()
        for stop in self.beside.values():
            stop.set()
        self.photo_id, self.better, self.strip = "", None, ()
        # The folder of the photo before stays until the next one: the browser may still be fetching from it.
        while len(self.folders) > 1:
            files.delete(self.folders.pop(0))

    def new_folder(self) -> Path:
        """Make a folder for one more photo."""
        self.folders.append(files.new_folder())
        return self.folders[-1]

    def beginning(self, kind: str) -> threading.Event:
        """Stop work of a kind that still runs beside the visit, and give what stops the next one."""
        if kind in self.beside:
            self.beside[kind].set()
        self.beside[kind] = threading.Event()
        return self.beside[kind]

    @contextmanager
    def drawing(self) -> Iterator[Callable[[], None]]:
        """Draw an edit; no preview is begun meanwhile. Gives what to call right before it is shown."""
        self.is_drawing = True
        try:
            yield self._end_previews
        finally:
            self.is_drawing = False

    def _end_previews(self) -> None:
        """Let none come any more that was begun before; those that begin from now on are newer."""
        self.is_drawing = False
        self.beginning(PREVIEWS).set()
        if self.showing.acquire(timeout=_SENT_S):
            self.showing.release()

    def new_photo(self) -> str:
        """Give the id of another newest photo."""
        self.photo_id = secrets.token_hex(8)
        return self.photo_id


_PRESENT: dict[str, Presence] = {}  # by Gradio's session hash


def presence(tab: str) -> Presence:
    """Find or begin the presence of a browser tab."""
    return _PRESENT.setdefault(tab, Presence())


def is_current(visit: Visit) -> bool:
    """Tell whether no other photo has come while this one was worked on."""
    return presence(visit.tab).photo_id == visit.photo_id


def leave(tab: str) -> None:
    """Forget a visitor whose tab was closed: all files of the visit go now."""
    if tab:
        GATE.leave(tab)
    gone = _PRESENT.pop(tab, None)
    if gone is None:
        return
    folders = list(gone.folders)
    gone.clear()
    forget()
    for folder in folders:
        files.delete(folder)
