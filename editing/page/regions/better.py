"""Likeness that improves in the background: told in one line below the stage, then put into the picture.

Nothing waits for it and nothing is locked: it runs beside the visit, and `on_better` takes what it has made
into the visit as that is by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from editing.page import gpu, ids
from editing.page.drawing import redrawn
from editing.page.improve import News, improve
from editing.page.likeness import LIKENESS, is_closer
from editing.page.packing import pack, unpack
from editing.page.parts import Part, Updates
from editing.page.pictures import present
from editing.page.presence import is_current, presence
from editing.page.sentences import say
from editing.page.session import Inverted, Visit
from editing.page.show import pictures, result
from editing.page.wiring import RESULT, Wiring

__all__ = ["PART", "improved", "on_better", "on_improve", "on_taken"]


def lay_out() -> None:
    """Lay out the line, which is hidden while nothing improves."""
    with gr.Row(visible=False, elem_id=ids.BETTER):
        gr.HTML("", elem_id=ids.BETTER_TEXT)
        gr.Button("Stop", elem_id=ids.BETTER_STOP, size="sm", min_width=60, scale=0)


def wire(wiring: Wiring) -> None:
    """Connect the stop, and the choice in the Lab."""
    stop = wiring[ids.BETTER_STOP]
    stop.click(_on_stop, None, None, queue=False, show_progress="hidden", api_visibility="private")
    improved(wiring, wiring[ids.LIKENESS].input)


def improved(wiring: Wiring, event: Any) -> None:
    """Improve after an event, and show what has become of it."""
    told = (ids.BETTER, ids.BETTER_TEXT)
    beside = {"concurrency_id": "improvements", "concurrency_limit": None}
    done = wiring.on(event, on_improve, [ids.LIKENESS], told, trigger_mode="multiple", **beside)
    taken = wiring.shows(done.then, on_better, (), [*RESULT, *told], **gpu.LANE)
    wiring.shows(taken.then, on_taken, (), (ids.COMPARE, ids.STAGE))


def on_improve(visit: Visit, choice: str) -> Iterator[Updates]:
    """Improve the visit's inversion as far as was chosen; leaves what it has made to `on_better`."""
    here = presence(visit.tab)
    stop, here.better = here.beginning("improvement"), None
    level = LIKENESS[choice]
    if not isinstance(visit, Inverted) or not level.stages():
        return
    inversion = unpack(visit.inversion)
    if inversion.refined >= level.refine and inversion.tuned_steps >= level.tune:
        return
    best = inversion
    for news in improve(inversion, level, stop):
        if news.inversion is None:
            yield {ids.BETTER: gr.Row(visible=True), ids.BETTER_TEXT: f"<p>{_sentence(news)}</p>"}
        elif is_closer(news.inversion, best):
            best = news.inversion
            here.better = (visit, pack(best, visit.folder))
    yield {ids.BETTER: gr.Row(visible=False)}


def on_better(visit: Visit) -> Iterator[Updates]:
    """Take a better inversion into the visit: the same history, its present picture drawn anew."""
    here = presence(visit.tab)
    found, here.better = here.better, None
    if found is None or not isinstance(visit, Inverted) or not is_current(found[0]):
        return
    if not np.array_equal(found[0].crop.quad, visit.crop.quad):  # of another crop of the same photo
        return
    visit = redrawn(replace(visit, inversion=found[1], edit=None, drawn=()), visit.recipe)
    if is_current(visit):
        yield {**result(visit, present(visit)), ids.STATUS: say("The likeness is closer now.")}


def on_taken(visit: Visit) -> Iterator[Updates]:
    """Show the view that may have been chosen while a better inversion was drawn; a brush stays."""
    if isinstance(visit, Inverted):
        yield pictures(visit, present(visit))


def _on_stop(request: gr.Request) -> None:
    presence(request.session_hash or "").beginning("improvement").set()


def _sentence(news: News) -> str:
    if news.stage == "Waiting":
        return "A closer likeness waits for other visitors."
    about = f", about {max(news.seconds, 1):.0f} s left" if news.seconds else ""
    return f"Getting closer to your photo: {news.done} of {news.total}{about}. You can go on editing."


PART = Part(lay_out=lay_out, wire=wire)
