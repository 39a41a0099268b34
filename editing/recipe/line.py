"""The recipe as one line of words and numbers: its grammar, both ways."""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from typing import Any

from editing.recipe.attributes import TABLES, find
from editing.recipe.recipe import (
    MASKS,
    MAX_CHARACTERS,
    METHODS,
    ComponentEdit,
    Recipe,
    TextEdit,
    neutral_of,
    show,
)
from samm.crop.domains import FACES
from samm.errors import OptionError

__all__ = [
    "describe",
    "parse",
    "signed",
    "slug",
]

_MAX_SLUG = 60
_NOTHING = "no changes"
# "name number (details)" up to a comma. A number stands after a space, a colon or its sign, so that the
# name may hold digits; a name in quotes may hold anything.
_NUMBER = r"[+\-−]?\s?(?:\d+(?:\.\d+)?|\.\d+)"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ITEM = re.compile(
    rf'\s*(?P<name>{_QUOTED}|[^",()]+?)'
    rf'\s*:?\s*(?:(?:(?<=[\s:"])|(?=[+\-−]))(?P<number>{_NUMBER}))?'
    rf'\s*(?:\((?P<details>(?:{_QUOTED}|[^"()])*)\))?\s*(?:,|$)'
)
_DETAIL = re.compile(rf'(?:{_QUOTED}|[^",])+')


def describe(recipe: Recipe) -> str:
    """Say a recipe in one line, such as "age +2.0, blonde hair 1.2, component 3 +1.5 (rows 0–8)".

    `parse` reads it back, if told the domain. Defaults are left out; words that would be read as something
    else are quoted.
    """
    items = [f"{name.replace('_', ' ')} {signed(value)}" for name, value in recipe.attributes.items()]
    items += [_describe_text(edit, recipe.domain) for edit in recipe.texts]
    items += map(_describe_component, recipe.components)
    if recipe.mask_strength != Recipe.mask_strength:
        items.append(f"mask strength {recipe.mask_strength}")
    if recipe.masks != Recipe.masks:
        items.append(f"masks {recipe.masks}")
    return ", ".join(items) or _NOTHING


def parse(text: str, domain: str = FACES.name) -> Recipe:
    """Read the line that `describe` writes, or that a person types, as a recipe for a domain.

    Items are parted by commas. The number of an item may follow a colon and defaults to 1; its sign may be
    "-" or "−". Attributes may be written with spaces or underscores, and every other name is words to see;
    quotes make words of any name.

    Raises:
        OptionError: an item that cannot be read, an attribute given twice or of another domain, or values a
            `Recipe` refuses.
    """
    text = " ".join(text.split())
    if len(text) > MAX_CHARACTERS:
        raise OptionError("This recipe is longer than 64 KB; shorten it.")
    attributes: dict[str, float] = {}
    texts: list[TextEdit] = []
    components: list[ComponentEdit] = []
    masks: dict[str, Any] = {}
    start = len(text) if text == _NOTHING else 0
    while start < len(text):
        item = _ITEM.match(text, start)
        if item is None:
            raise _unreadable(text[start:])
        start = item.end()
        name, number, details = item["name"].strip(), item["number"], item["details"] or ""
        strength = _read_number(number or "1")
        key = name.casefold().replace(" ", "_")
        if component := re.fullmatch(r"component_(\d{1,9})", key):
            components.append(_read_component(int(component[1]), strength, details))
        elif any(key in table for table in TABLES.values()) and not details:
            find(key, domain)  # or refuse
            _put_once(attributes, key, strength)
        elif key == "mask_strength" and number and not details:
            _put_once(masks, key, strength)
        elif key in {f"masks_{choice}" for choice in MASKS} and not number and not details:
            _put_once(masks, "masks", key.removeprefix("masks_"))
        elif key in ("component", "mask_strength"):
            raise _unreadable(item[0])
        else:
            texts.append(_read_text(name, strength, details, neutral_of(domain)))
    return Recipe(attributes, tuple(texts), tuple(components), **masks, domain=domain)


def slug(recipe: Recipe) -> str:
    """Name a recipe for files, such as "age+2_blonde-hair": at most 60 of a-z, 0-9, "+", ".", "_" and "-".

    What no longer fits is left out, whole items at a time.
    """
    items = [f"{name.replace('_', '-')}{value:+g}" for name, value in recipe.attributes.items()]
    items += [
        _ascii_words(edit.target) + (f"{edit.strength:+g}" if edit.strength != 1 else "")
        for edit in recipe.texts
    ]
    items += [f"component{edit.index}{edit.strength:+g}" for edit in recipe.components]
    if recipe.mask_strength != Recipe.mask_strength:
        items.append(f"mask{recipe.mask_strength:g}")
    if recipe.masks != Recipe.masks:
        items.append(f"masks-{recipe.masks}")
    while len("_".join(items)) > _MAX_SLUG:
        items.pop()
    return "_".join(items) or "original"


def signed(value: float) -> str:
    """Write a strength as people read it, with its sign and a true minus: "+2.0", "−0.5"."""
    return f"{value:+}".replace("-", "−")


def _quote(phrase: str) -> str:
    return json.dumps(phrase, ensure_ascii=False)


def _parenthesize(details: list[str]) -> str:
    return f" ({', '.join(details)})" if details else ""


def _describe_text(edit: TextEdit, domain: str) -> str:
    """Say an edit by words, quoted only where `parse` would take them for something else."""
    number = f" {edit.strength}".replace("-", "−") if edit.strength != TextEdit.strength else ""
    details = [f"from {_quote(edit.neutral)}"] if edit.neutral != neutral_of(domain) else []
    details += [f"focus {edit.focus}"] if edit.focus is not None else []
    details += [edit.method] if edit.method != TextEdit.method else []
    ending = number + _parenthesize(details)
    with contextlib.suppress(OptionError):
        if parse(edit.target + ending, domain) == Recipe(texts=(edit,), domain=domain):
            return edit.target + ending
    return _quote(edit.target) + ending


def _describe_component(edit: ComponentEdit) -> str:
    details = [f"rows {edit.rows[0]}–{edit.rows[1]}"] if edit.rows != ComponentEdit.rows else []
    details += ["absolute"] if edit.absolute else []
    return f"component {edit.index} {signed(edit.strength)}{_parenthesize(details)}"


def _unreadable(part: str) -> OptionError:
    return OptionError(
        f"{show(part.strip())} cannot be read; write it like age +2, blonde hair 1.2, component 3 +1.5."
    )


def _put_once(values: dict[str, Any], name: str, value: Any) -> None:
    if name in values:
        raise OptionError(f"The {name.replace('_', ' ')} is given twice; keep one of them.")
    values[name] = value


def _read_number(text: str) -> float:
    return float(text.replace("−", "-").replace(" ", ""))


def _read_words(text: str) -> str:
    """Take off quotes, if there are any."""
    if not text.startswith('"'):
        return text
    try:
        return json.loads(text)
    except ValueError as error:  # a backslash before another character than those of JSON
        raise _unreadable(text) from error


def _read_text(name: str, strength: float, details: str, neutral: str) -> TextEdit:
    values: dict[str, Any] = {}
    for detail in map(str.strip, _DETAIL.findall(details)):
        if words := re.fullmatch(rf"from ({_QUOTED})", detail):
            _put_once(values, "neutral", _read_words(words[1]))
        elif focus := re.fullmatch(rf"focus ({_NUMBER})", detail):
            _put_once(values, "focus", _read_number(focus[1]))
        elif detail in METHODS:
            _put_once(values, "method", detail)
        else:
            raise _unreadable(detail)
    return TextEdit(_read_words(name), strength=strength, **{"neutral": neutral, **values})


def _read_component(index: int, strength: float, details: str) -> ComponentEdit:
    values: dict[str, Any] = {}
    for detail in map(str.strip, _DETAIL.findall(details)):
        if rows := re.fullmatch(r"rows (\d{1,9}) ?[-–] ?(\d{1,9})", detail):
            _put_once(values, "rows", (int(rows[1]), int(rows[2])))
        elif detail == "absolute":
            _put_once(values, "absolute", True)
        else:
            raise _unreadable(detail)
    return ComponentEdit(index, strength, **values)


def _ascii_words(phrase: str) -> str:
    """Turn words into at most 40 of a-z, 0-9 and "-"."""
    plain = unicodedata.normalize("NFKD", phrase).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "words"
