"""What of a handler's updates is new to the page: only that is made ready and sent.

Gradio builds every output of a handler anew at each yield, also those that the yield leaves alone, and
describes them for programs. For the eighty parts that follow from a picture this was more than half of what a
step back takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.blocks import Block

__all__ = ["OURS", "given", "news"]

# What of a part only handlers change: the visitor's browser never does.
OURS = {"interactive", "visible", "minimum", "maximum", "label", "info", "variant", "alt_text"}


def news(updates: Mapping[Block, Any], session: Any) -> dict[Block, Any]:
    """Leave out what a session's page shows already.

    Args:
        updates: plain values, or what changes more than the value, by the parts of the page.
        session: Gradio's record of the parts as this session's page has them, by their numbers.

    Returns:
        The parts that change. Where it is the value alone, the plain value.
    """
    changed = {}
    for part, update in updates.items():
        properties = given(update)
        if properties is None:
            changed[part] = update
            continue
        shown = session[part._id] if session is not None and part._id in session else part
        new = {name: value for name, value in properties.items() if not _is(shown, name, value)}
        if new.keys() == {"value"}:
            changed[part] = new["value"]
        elif new:
            changed[part] = {**new, "__type__": "update"}
    return changed


def given(update: Any) -> dict[str, Any] | None:
    """Give the properties that an update sets, by name; None where it is a plain value."""
    if isinstance(update, Block):
        return update.constructor_args
    if isinstance(update, dict) and update.get("__type__") == "update":
        return {name: value for name, value in update.items() if name != "__type__"}
    return None


def _is(shown: Block, name: str, value: Any) -> bool:
    """Whether a part has a property already that only we change."""
    return name in OURS and hasattr(shown, name) and getattr(shown, name) == value
