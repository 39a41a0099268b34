"""Parts of the page: each tab and each region is one file that lays itself out, connects itself, and is set.

Another tab is one more file with a `Tab` in it, and an entry in `editing.page.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from editing.page.session import Inverted, Visit
from editing.recipe.recipe import Recipe

if TYPE_CHECKING:
    from editing.page.wiring import Wiring

__all__ = ["Part", "Tab", "Updates", "followed", "read_recipe", "row_of_pictures", "settings"]

Updates = dict[str, Any]  # of elements, by their ids


def _nothing(visit: Visit) -> Updates:
    return {}


def _unchanged(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    return recipe


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the page.

    Attributes:
        lay_out: makes its elements where it is called.
        wire: says which of its events call which handlers.
        settings: sets its controls to a visit, and switches them on if there is an inversion.
        follow: shows what follows from a visit's picture, after each change of it.
        follows: elements that it updates.
        inputs: elements whose values are part of a recipe; moving a slider or a switch draws anew.
        read: derives from the recipe before the one that all values of `inputs`, by id, ask for.
    """

    lay_out: Callable[[], None]
    wire: Callable[[Wiring], None]
    settings: Callable[[Visit], Updates] = _nothing
    follow: Callable[[Inverted], Updates] = _nothing
    follows: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    read: Callable[[Recipe, Mapping[str, Any]], Recipe] = _unchanged


@dataclass(frozen=True, kw_only=True)
class Tab(Part):
    """A part that is a tab, with its label."""

    label: str

    @property
    def slug(self) -> str:
        """Its label as part of an id."""
        return re.sub(r"\W+", "_", self.label.lower())


def row_of_pictures(
    pictures: Sequence[tuple[str, str]] | None,
    label: str,
    name: str,
    columns: int,
    *,
    show_label: bool = True,
    visible: bool = True,
) -> gr.Gallery:
    """Lay out pictures to pick from or to look at, each a file with its caption.

    Args:
        pictures: files and captions; None for none yet.
        label: of all.
        name: id of the element.
        columns: how many lie beside each other.
        show_label: whether the label can be seen.
        visible: whether any of it can.
    """
    return gr.Gallery(
        pictures,
        label=label,
        show_label=show_label,
        columns=columns,
        height="auto",
        elem_id=name,
        visible=visible,
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="contain",
    )


def settings(parts: Sequence[Part], visit: Visit) -> Updates:
    """Set every control of the page to a visit."""
    return {name: update for part in parts for name, update in part.settings(visit).items()}


def followed(parts: Sequence[Part], visit: Inverted) -> Updates:
    """Show everything on the page that follows from a visit's picture."""
    return {name: update for part in parts for name, update in part.follow(visit).items()}


def read_recipe(parts: Sequence[Part], visit: Inverted, values: Mapping[str, Any]) -> Recipe:
    """Make the recipe that the controls show, by the values of all parts' `inputs`.

    What no control can show (components beyond the twentieth, strengths beyond a slider's end, words) is
    taken over from the visit's recipe until its slider is moved.
    """
    recipe = visit.recipe
    for part in parts:
        recipe = part.read(recipe, values)
    return recipe
