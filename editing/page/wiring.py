"""Between Gradio's events and our handlers: `handler(visit, value…)` yields updates by element id.

Here alone a visit meets the request: whose it is, which view is chosen, and what is said on failure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.page import gpu, ids
from editing.page.idle import IDLE
from editing.page.opening import entered, inverted
from editing.page.parts import Part, Updates, followed, settings
from editing.page.presence import Stopped, presence
from editing.page.preview import preview
from editing.page.sentences import say
from editing.page.session import Inverted, Visit
from editing.page.values import picked
from editing.recipe.recipe import Recipe
from samm.errors import OptionError, UserError

__all__ = ["PROGRESS", "RESTORED", "RESULT", "Handler", "Wanted", "Wiring", "guarded"]

Handler = Callable[..., Iterator[Updates]]  # (visit, value…)
Wanted = Callable[..., Recipe]  # (visit with an inversion, value…)

PROGRESS = gr.Progress()  # as a default value it is how a function asks for its own
# What every drawing changes, and what it changes when it also sets the controls.
RESULT = (ids.VISIT, ids.COMPARE, ids.STAGE, ids.KEPT, ids.MASKS, ids.FOLLOWED)
RESTORED = (*RESULT, ids.BRUSH, ids.CONTROLS)
_SEEN = (ids.VIEW, ids.OVERLAY, ids.STRONGER)  # first values of all that shows a picture


def guarded(updates: Iterator[Updates]) -> Iterator[Updates]:
    """Turn every error into one sentence on the page; what the visitor has made stays as it is."""
    # A handler that yields nothing would empty all its outputs; this leaves them as they are.
    yield {ids.STATUS: gr.skip()}
    try:
        with IDLE.awake():
            yield from updates
        return
    except Stopped:
        sentence = "Stopped. Nothing was changed."
    except UserError as error:
        sentence = str(error)
        gr.Warning(html.escape(sentence))
    except gr.Error as error:  # of the GPU's process, or the service's own, such as a spent quota
        sentence = re.sub(r"<[^>]*>", "", error.message)
        gr.Warning(error.message)
    except Exception as error:
        sentence = f"{gpu.our_fault(error)} Your photo and edits are still here."
        gr.Warning(sentence)
    yield {ids.STATUS: say(sentence), ids.STOP: gr.Button(visible=False)}


class Wiring:
    """Connects events with handlers by element ids.

    Args:
        demo: the laid-out page.
        state: the visit of each browser tab.
        parts: of the page.
        named: what `ids.CONTROLS` and `ids.FOLLOWED` stand for: all that the parts' settings set, and all
            that follows from a picture. Found before the page is begun: updates look like elements, and where
            they are made within it they are laid out.
    """

    def __init__(
        self, demo: gr.Blocks, state: gr.State, parts: Sequence[Part], named: Mapping[str, Sequence[str]]
    ):
        self._elements: dict[str, Any] = {ids.VISIT: state}
        for block in demo.blocks.values():
            if name := getattr(block, "elem_id", None):
                self._elements[name] = block
        self._parts = parts
        self._named = named

    def __getitem__(self, name: str) -> Any:
        """Give an element."""
        return self._elements[name]

    def elements(self, names: Iterable[str]) -> list[Any]:
        """Give several elements, with all that some names stand for."""
        each = [self._named.get(name, (name,)) for name in names]
        return [self[name] for name in dict.fromkeys(name for several in each for name in several)]

    def moves(self, names: Iterable[str]) -> list[Any]:
        """Give the events of sliders that are moved.

        The reset button fires no `input`: both are listened to.
        """
        return [event for name in names for event in (self[name].input, self[name].release)]

    def on(
        self,
        events: Any,
        handler: Handler,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        *,
        picks: bool = False,
        tells: bool = False,
        **options: Any,
    ) -> Any:
        """Call a handler on an event, or on a list of events.

        Args:
            events: of elements.
            handler: takes the visit and the values of `inputs`.
            inputs: elements whose values it takes.
            outputs: elements that it updates; the visit, status and stop button always may be.
            picks: whether it takes the index of the picture that was picked as well.
            tells: whether it takes a `gr.Progress` as well.
            options: of Gradio's, such as `trigger_mode`.
        """
        named = (ids.VISIT, *inputs)
        called = self._function(handler, named, picks, tells)
        options = {"show_progress": "hidden", "api_visibility": "private", **options}
        sources, targets = self.elements(named), self.elements([*outputs, ids.VISIT, ids.STATUS, ids.STOP])
        if isinstance(events, list):
            return gr.on(events, called, sources, targets, **options)
        return events(called, sources, targets, **options)

    def shows(
        self,
        events: Any,
        handler: Handler,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = RESULT,
        **options: Any,
    ) -> Any:
        """Call a handler that shows a picture of a visit with an inversion or without."""
        options = {"trigger_mode": "always_last", **options}
        return self.on(events, handler, (*_SEEN, *inputs), outputs, **options)

    def draws(
        self,
        events: Any,
        handler: Handler,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = RESULT,
        *,
        picks: bool = False,
        trigger_mode: str = "always_last",
        **options: Any,
    ) -> Any:
        """Call a handler that draws on an inversion, which the visit then has; see `on`."""

        def drawing(visit: Visit, *values: Any) -> Iterator[Updates]:
            if picks and not isinstance(visit, Inverted):
                picked((), 0)  # says that there is no such picture
            with presence(visit.tab).drawing() as end_previews:
                for updates in handler(inverted(visit), *values):
                    if ids.COMPARE in updates:
                        end_previews()
                    yield updates

        drawing.__name__ = handler.__name__
        options |= {"show_progress_on": self.elements([ids.COMPARE, ids.STAGE]), "show_progress": "minimal"}
        options |= gpu.LANE | {"trigger_mode": trigger_mode}
        return self.on(events, drawing, (*_SEEN, *inputs), outputs, picks=picks, **options)

    def previews(self, names: Sequence[str], wanted: Wanted, inputs: Sequence[str]) -> list[Any]:
        """Show small, while sliders move, what they ask for; gives their events when they rest.

        Arrow keys and typed numbers fire no `release`: the page's script has one follow them.

        Args:
            names: of the sliders.
            wanted: derives the recipe from the visit and the values of `inputs`.
            inputs: elements whose values it takes.
        """

        def on_preview(visit: Visit, view: str, overlay: bool, *values: Any) -> Iterator[Updates]:
            if isinstance(visit, Inverted):  # an example is entered when the slider rests
                visit = replace(visit, view=view, overlay=overlay)
                yield from preview(visit, wanted(visit, *values))

        moved = [self[name].input for name in names]
        options = {"trigger_mode": "always_last", "concurrency_id": "moves", "concurrency_limit": None}
        self.on(moved, on_preview, (ids.VIEW, ids.OVERLAY, *inputs), (ids.COMPARE, ids.STAGE), **options)
        return [self[name].release for name in names]

    def inverts(self, events: Any, handler: Handler, inputs: Sequence[str]) -> Any:
        """Call a handler that inverts a crop and tells how far it is."""
        options = self.status_progress | gpu.LANE
        return self.on(events, handler, (*_SEEN, *inputs), [*RESTORED, ids.INVERT], tells=True, **options)

    @property
    def status_progress(self) -> dict[str, Any]:
        """Options by which progress is shown at the status line."""
        return {"show_progress_on": [self[ids.STATUS]], "show_progress": "minimal"}

    def _function(
        self, handler: Handler, named: Sequence[str], picks: bool, tells: bool
    ) -> Callable[..., Iterator[dict[Any, Any]]]:
        """Make the function that Gradio calls, which finds out by its parameters what to pass besides."""

        def call(request: gr.Request, values: Sequence[Any], *more: Any) -> Iterator[dict[Any, Any]]:
            given = dict(zip(named, values, strict=True))
            visit = replace(given.pop(ids.VISIT), tab=request.session_hash or "")
            if set(_SEEN) <= set(given):
                view, overlay, stronger = (given.pop(name) for name in _SEEN)
                visit = replace(visit, view=view, overlay=overlay, stronger=stronger)
                if visit.example:
                    visit = entered(visit)
                    yield self._by_element({ids.VISIT: visit})
            for updates in guarded(handler(visit, *given.values(), *more)):
                yield self._by_element(updates)

        def plain(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
            yield from call(request, values)

        def picking(request: gr.Request, event: gr.SelectData, *values: Any) -> Iterator[dict[Any, Any]]:
            if not isinstance(event, gr.SelectData):
                raise OptionError("This request does not say which picture was picked.")
            yield from call(request, values, event.index)

        def telling(
            request: gr.Request, progress: gr.Progress = PROGRESS, *values: Any
        ) -> Iterator[dict[Any, Any]]:
            yield from call(request, values, progress)

        called = picking if picks else telling if tells else plain
        called.__name__ = handler.__name__  # by which programs, and tests, find it
        return called

    def _by_element(self, updates: Updates) -> dict[Any, Any]:
        if ids.FOLLOWED in updates:
            updates = followed(self._parts, updates[ids.FOLLOWED]) | updates
        if ids.CONTROLS in updates:
            updates = settings(self._parts, updates[ids.CONTROLS]) | updates
        return {self[name]: update for name, update in updates.items() if name not in self._named}
