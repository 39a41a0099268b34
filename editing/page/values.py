"""What a call's values must be, by the control or argument that they are for; the page sends no others.

Handlers may then take a number for a number. What is refused here is told in one sentence with the name of
the control or argument, and is no error of ours.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

import gradio as gr

from samm.errors import OptionError

__all__ = ["check_pick", "check_value", "picked"]


def check_value(part: Any, value: Any) -> None:
    """Check a value's type against the component that it is for.

    Raises:
        OptionError: it is of another type, not finite, or no choice of those that there are.
    """
    if getattr(part, "stateful", False):
        return  # the server's own value is taken, whatever came
    wanted = _wanted(part, value)
    if wanted:
        name = part.label or getattr(part, "value", None) or "this control"
        raise OptionError(f"{name} must be {wanted}, not {_shown(value)}.")


def check_pick(data: Any) -> dict[str, Any]:
    """Give of what comes with a click on one picture of several no more than its index.

    Raises:
        OptionError: it does not say which.
    """
    index = data.get("index") if isinstance(data, dict) else None
    if not isinstance(index, int) or isinstance(index, bool):
        raise OptionError("This request does not say which picture was picked; index must be a whole number.")
    return {"index": index, "value": None}


def picked(items: Any, index: int) -> Any:
    """Give the item that was picked.

    Raises:
        OptionError: there is none with this index, for example because another photo has come meanwhile.
    """
    if not 0 <= index < len(items):
        raise OptionError("There is no such picture any more; pick one that is shown.")
    return items[index]


def _wanted(part: Any, value: Any) -> str:
    """Say what a value should have been; "" where it fits."""
    if isinstance(part, gr.Number) and value is None and part.value is None:
        return ""  # a number that may be left empty
    if isinstance(part, gr.Number | gr.Slider):
        if not _is_number(value):
            return "a number"
        is_fitting = isinstance(part, gr.Slider) or part.precision != 0 or not value % 1
        return "" if is_fitting else "a whole number"
    if isinstance(part, gr.Checkbox):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(part, gr.Dropdown) and part.allow_custom_value:
        return "" if isinstance(value, str) or _is_number(value) else "text or a number"
    if isinstance(part, gr.Radio | gr.Dropdown):
        choices = [choice for _, choice in part.choices]
        return "" if isinstance(value, str) and value in choices else f"one of {', '.join(map(str, choices))}"
    if isinstance(part, gr.Textbox | gr.Button):
        return "" if isinstance(value, str | None) else "text"
    return ""


def _is_number(value: Any) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max  # `math.isfinite` fails at whole numbers beyond


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):  # may hold the path of a file that was admitted
        return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
