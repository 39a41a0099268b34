"""The recipe as one line of words and numbers: its grammar, both ways.

    line      = part, part; part          parted by commas, semicolons or line breaks
    part      = name [strength] [(details)]
    name      = an attribute | component K | mask strength | masks RULE | words | "words"
    strength  = [: or =] [x] [sign] digits [. digits]     1 where it is left out

An attribute goes by its name or its label ("yaw" or "turn"), with spaces, underscores or hyphens and in any
case; every other name is words to see, and quotes make words of any name. Also read as meant:

- every dash, minus or plus sign, full-width letters and digits, "minus 2", "by 2", "to 2", "x2", "×2", "2x"
- a strength before its name: "+2 smile"; one without a space: "smile+2", "smile2"
- no comma after a strength where an attribute follows, or "and": "age +2 smile -1", "age +2 and curls"
- attributes in a row: "smile and beard", "smile beard"
- denials: "no glasses" is "glasses -1" (`editing.recipe.negation`), also "less smile", "smile down"
- ages: "20 years old", "aged 60", "10 years younger" (`editing.recipe.ages`)

What else could be read in two ways is refused, with its position and a remedy: a decimal comma ("smile 1,5"),
a percent sign, two signs or two strengths, a strength amid words, a sign without a number, a denial at a
negative strength, and other signs within words that are not in quotes.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from editing.recipe.ages import find_age, read_age
from editing.recipe.attributes import TABLES, canonical, find, spelling
from editing.recipe.negation import plain_words
from editing.recipe.recipe import (
    MASKS,
    METHODS,
    ComponentEdit,
    Recipe,
    TextEdit,
    neutral_of,
)
from editing.recipe.spelling import NUMBER, QUOTED, read_number, refuse, respell, segments
from samm.crop.domains import FACES
from samm.errors import OptionError

__all__ = [
    "describe",
    "parse",
    "signed",
    "slug",
]

_MAX_LINE = 16 * 1024  # the longest recipe takes half of it, and time grows with the square for some signs
_MAX_SLUG = 60
_NOTHING = "no changes"
_ATTRIBUTES = frozenset(name for table in TABLES.values() for name in table)
_COMPONENT = re.compile(r"component[ _]?(\d{1,9})(?![\d.])", re.IGNORECASE)
_DETAILS = re.compile(rf'\s*\(((?:{QUOTED}|[^"()])*)\)')
_DETAIL = re.compile(rf'(?:{QUOTED}|[^",])+')
_AND = re.compile(r"\s*(?:\band\b|&)\s*", re.IGNORECASE)
_PERCENT = re.compile(r"(?<![\d.])\d[\d.]*\s*(?:%|percent\b)", re.IGNORECASE)
_COUNT = re.compile(r"\d|\b(?:zero|half|one|two|three|four)\b", re.IGNORECASE)
_GLUED = re.compile(r"(?P<name>[^\d]*[^\W\d_])(?P<number>\d+(?:\.\d+)?)")  # "smile2"
_TURNED = re.compile(
    r"(?:more|add|with|increase|raise) (?P<more>.+)|(?P<upward>.+) (?:more|up)|(?P<downward>.+) down",
    re.IGNORECASE,
)
_STRANGE = re.compile(r"[^\w\s'’&-]|_|(?<![^\W_])-|-(?![^\W_])|(?<=\d)-(?=\d)|\d+(?=-)")


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

    Raises:
        OptionError: what the grammar above does not read, with its position; an attribute given twice or of
            another domain, or values a `Recipe` refuses.
    """
    if len(text) > _MAX_LINE:
        raise OptionError("This recipe is longer than 16 KB; shorten it.")
    line = respell(text)
    for at, letter in enumerate(line):
        if not letter.isprintable() and not letter.isspace():
            raise refuse(line, at, "a character cannot be shown", "type it again as plain text")
    found = _Found(domain)
    for at, piece in [] if " ".join(line.split()) == _NOTHING else segments(line):
        _read_piece(found, line, at, at + len(piece))
    return Recipe(found.attributes, tuple(found.texts), tuple(found.components), **found.masks, domain=domain)


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


@dataclass
class _Found:
    """What a line has said so far."""

    domain: str
    attributes: dict[str, float] = field(default_factory=dict)
    texts: list[TextEdit] = field(default_factory=list)
    components: list[ComponentEdit] = field(default_factory=list)
    masks: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Part:
    """One name with what belongs to it, and where it begins and ends in the line."""

    name: str
    strength: float | None
    details: str
    at: int
    end: int


def _read_piece(found: _Found, line: str, at: int, end: int) -> None:
    """Read the parts between two separators."""
    if percent := _PERCENT.search(line, at, end):
        raise refuse(line, percent.start(), "strengths are no percentages", "write a number, as in smile 0.5")
    follows = False  # another part, without a separator
    while at < end:
        part = _read_part(line, at, end)
        if follows and not _is_known(part.name) and not part.name.startswith('"'):
            raise refuse(line, at, "it follows a strength", "put a comma before it or all in quotes")
        _put(found, line, part)
        at = part.end
        joint = _AND.match(line, at, end)
        follows = joint is None
        at = joint.end() if joint else at + len(line[at:end]) - len(line[at:end].lstrip())
        if joint and at == end:
            raise refuse(line, joint.start())


def _read_part(line: str, at: int, end: int) -> _Part:
    """Find the name at a position, and the strength and details that belong to it."""
    piece = line[at:end]
    name_end = _fixed_name(piece)
    if name_end is None:
        head = piece.partition("(")[0]
        if (number := NUMBER.match(head)) and (name := head[number.end() :].strip()):
            if piece != head or NUMBER.search(f" {name}") or not (number["sign"] or _is_known(name)):
                raise refuse(line, at, "a strength stands before words", "write it after them, as in smile 2")
            return _Part(name, read_number(number), "", at, end)
        number = NUMBER.search(head)
        name_end = number.start() if number else len(head.rstrip())
    else:
        number = NUMBER.match(piece, name_end)
    name, after = piece[:name_end].strip(), number.end() if number else name_end
    if not name:
        raise refuse(line, at, "there is no name")
    details = _DETAILS.match(piece, after)
    return _Part(
        name,
        read_number(number) if number else None,
        details[1] if details else "",
        at,
        at + (details.end() if details else after),
    )


def _fixed_name(piece: str) -> int | None:
    """Give the end of a name that may hold numbers: in quotes, a component or an age; None for others."""
    if found := re.match(QUOTED, piece) or _COMPONENT.match(piece):
        return found.end()
    ends = [len(piece), *(number.start() for number in NUMBER.finditer(piece) if number.end() == len(piece))]
    for end in ends:
        plain = piece[:end].strip()
        with contextlib.suppress(OptionError):
            plain = plain_words(plain)[0]
        if find_age(plain):
            return end
    read_age(piece)  # or refuse
    return None


def _put(found: _Found, line: str, part: _Part) -> None:
    """Add a part to what the line has said."""
    key, strength = _key(part.name), 1.0 if part.strength is None else part.strength
    if component := _COMPONENT.fullmatch(part.name):
        if part.strength is None:
            raise refuse(line, part.at, "its strength is missing", "write it like component 3 +1.5")
        found.components.append(_read_component(line, part, int(component[1])))
    elif key in _ATTRIBUTES and not part.details:
        _put_attribute(found, key, strength)
    elif key == "mask_strength" and part.strength is not None and not part.details:
        _put_once(found.masks, key, strength)
    elif key.removeprefix("masks_") in MASKS and key.startswith("masks_") and part.end - part.at == len(key):
        _put_once(found.masks, "masks", key.removeprefix("masks_"))
    elif key in ("component", "mask_strength", *_ATTRIBUTES):
        raise refuse(line, part.at)
    elif part.name.startswith('"'):
        found.texts.append(_read_text(found, line, part, _read_words(line, part), strength))
    elif glued := _GLUED.fullmatch(part.name) if part.strength is None else None:
        _put_glued(found, line, part, glued)
    else:
        _put_words(found, line, part, strength)


def _put_glued(found: _Found, line: str, part: _Part, glued: re.Match[str]) -> None:
    """Read "smile2" as the attribute, and what is no attribute as words."""
    if _key(glued["name"]) in _ATTRIBUTES and not part.details:
        _put_attribute(found, _key(glued["name"]), float(glued["number"]))
    else:
        _put_words(found, line, part, 1.0)


def _put_words(found: _Found, line: str, part: _Part, strength: float) -> None:
    """Read what is no name: denied, turned or joined attributes, an age, or words to see."""
    plain, sign = plain_words(part.name)
    turned = _TURNED.fullmatch(plain)
    if turned and _key(turned[turned.lastindex or 0]) in _ATTRIBUTES and not part.details:
        plain, sign = turned[turned.lastindex or 0], -sign if turned["downward"] else sign
    if _key(plain) in _ATTRIBUTES and not part.details:
        if sign < 0 and strength < 0 or turned and part.strength is not None and strength < 0:
            raise refuse(line, part.at, "this denies twice", f"write {plain} and a number with its sign")
        _put_attribute(found, _key(plain), sign * strength)
        return
    names = _names(plain)
    if sign > 0 and len(names) > 1 and not part.details:
        if part.strength is not None:
            raise refuse(line, part.at, "one strength follows several names", "give each name its own")
        for name in names:
            _put(found, line, _Part(name, None, "", part.at, part.at + len(name)))
        return
    if find_age(plain) is None:
        if strange := _STRANGE.search(part.name):
            raise refuse(line, part.at + strange.start(), remedy="leave it out, or put the words in quotes")
        if fraction := next((c for c in part.name if unicodedata.category(c) in ("No", "Nl")), None):
            raise refuse(line, line.index(fraction, part.at), "it is no plain number", "write it like 0.5")
        if _COUNT.search(plain) and any(_key(word) in _ATTRIBUTES for word in plain.split()):
            raise refuse(line, part.at, "a number stands amid words", "put the words in quotes")
    found.texts.append(_read_text(found, line, part, part.name, strength))


def _names(words: str) -> list[str]:
    """Part words into names: at "and" where it joins an attribute, and where attributes follow each other."""
    sides = [side for side in re.split(r"\s+and\s+|\s*&\s*", words, flags=re.IGNORECASE) if side]
    if len(sides) > 1:
        return sides if any(_key(side) in _ATTRIBUTES for side in sides) else [words]
    names, rest = [], words.split()
    while rest:
        most = next((n for n in (3, 2, 1) if _key(" ".join(rest[:n])) in _ATTRIBUTES), 0)
        if not most:
            return [words]
        names.append(" ".join(rest[:most]))
        rest = rest[most:]
    return names


def _put_attribute(found: _Found, key: str, strength: float) -> None:
    attribute = find(key, found.domain)  # or refuse
    if key == "age" and strength >= 10:
        raise OptionError(
            f"The strength of age is {strength:g}; choose a number from {attribute.low:g} to "
            f"{attribute.high:g}, or write an age like “{strength:.0f} years old”."
        )
    _put_once(found.attributes, key, strength)


def _put_once(values: dict[str, Any], name: str, value: Any) -> None:
    if name in values:
        raise OptionError(f"The {name.replace('_', ' ')} is given twice; keep one of them.")
    values[name] = value


def _key(name: str) -> str:
    """Give the name of an attribute for its label, too; of what is no attribute, its spelling."""
    return canonical(name) or spelling(name)


def _is_known(name: str) -> bool:
    key = _key(name)
    return key in _ATTRIBUTES or key == "mask_strength" or bool(_COMPONENT.fullmatch(name))


def _read_words(line: str, part: _Part) -> str:
    """Take off quotes."""
    try:
        return json.loads(part.name)
    except ValueError as error:  # a backslash before another character than those of JSON
        raise refuse(line, part.at) from error


def _read_text(found: _Found, line: str, part: _Part, words: str, strength: float) -> TextEdit:
    values: dict[str, Any] = {}
    for detail in map(str.strip, _DETAIL.findall(part.details)):
        if neutral := re.fullmatch(rf"from ({QUOTED})", detail):
            _put_once(values, "neutral", json.loads(neutral[1]))
        elif focus := re.fullmatch(r"focus (\d+(?:\.\d+)?|\.\d+)", detail):
            _put_once(values, "focus", float(focus[1]))
        elif detail in METHODS:
            _put_once(values, "method", detail)
        else:
            raise refuse(line, line.index(detail, part.at))
    return TextEdit(words, strength=strength, **{"neutral": neutral_of(found.domain), **values})


def _read_component(line: str, part: _Part, index: int) -> ComponentEdit:
    values: dict[str, Any] = {}
    for detail in map(str.strip, _DETAIL.findall(part.details)):
        if rows := re.fullmatch(r"rows (\d{1,9}) ?- ?(\d{1,9})", detail):
            _put_once(values, "rows", (int(rows[1]), int(rows[2])))
        elif detail == "absolute":
            _put_once(values, "absolute", True)
        else:
            raise refuse(line, line.index(detail, part.at))
    return ComponentEdit(index, part.strength or 0.0, **values)


def _ascii_words(phrase: str) -> str:
    """Turn words into at most 40 of a-z, 0-9 and "-"."""
    plain = unicodedata.normalize("NFKD", phrase).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "words"
