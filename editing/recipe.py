"""The recipe: one plain, immutable value that says all edits of one picture.

A recipe is made by the page, the command line or `from_json`, checked once when it is made, and stays as it
is. It travels as JSON, as a line that people can read and type (`describe`, `parse`), and inside our PNGs, so
that a saved picture can be taken up again.

Equal edits are equal recipes: what changes nothing is dropped, attributes are put in the table's order, and
numbers are rounded to `DECIMALS`, far finer than a picture shows, which also removes the noise of sliders.

A recipe is for one domain, faces where nothing is said, and names attributes of its table.

Row ranges are StyleGAN2's 18 rows, end exclusive; shorter generators use the rows they have.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import reprlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar
from xml.sax.saxutils import escape

from editing.attributes import TABLES, find
from samm.domains import FACES
from samm.errors import OptionError
from samm.photo import read_png_text

__all__ = [
    "COMPONENTS",
    "COMPONENT_RANGE",
    "DECIMALS",
    "FOCUS_RANGE",
    "MASKS",
    "MASK_RANGE",
    "MAX_COMPONENTS",
    "MAX_PHRASE",
    "MAX_TEXTS",
    "METHODS",
    "NEUTRAL",
    "ROWS",
    "TEXT_RANGE",
    "ComponentEdit",
    "Recipe",
    "TextEdit",
    "describe",
    "from_json",
    "load_recipe",
    "neutral_of",
    "parse",
    "provenance",
    "signed",
    "slug",
    "to_json",
]

METHODS = ("global", "optimize", "mapper")  # of StyleCLIP, Patashnik et al. 2021
MASKS = ("reuse", "recompute", "adaptive")
COMPONENTS = 80  # as GANSpace (harskish/ganspace) keeps for FFHQ
ROWS = 18
TEXT_RANGE = (-5.0, 5.0)
FOCUS_RANGE = (0.0, 1.0)
COMPONENT_RANGE = (-20.0, 20.0)  # GANSpace's own edits reach 20 σ
MASK_RANGE = (0.0, 2.0)
MAX_TEXTS = 8
MAX_COMPONENTS = 20
MAX_PHRASE = 200  # characters
NEUTRAL = f"a {FACES.name}"
DECIMALS = 4

_VERSION = 1
_MAX_CHARACTERS = 64 * 1024
_MAX_SLUG = 60
_NOTHING = "no changes"
_TOOL = "SAMM face editor"
_PNG_FIELD = "samm:recipe"

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

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class TextEdit:
    """One edit by words.

    Attributes:
        target: what to see, 1…200 characters; runs of white space become one space.
        neutral: what the photo shows now, as plain as the target.
        strength: how far to go, -5…5; negative goes the opposite way.
        focus: β of StyleCLIP, 0…1: how relevant a style channel must be to be moved; None chooses by itself.
        method: one of `METHODS`.

    Raises:
        OptionError: a value outside its range, or words that cannot be used.
    """

    target: str
    neutral: str = NEUTRAL
    strength: float = 1.0
    focus: float | None = None
    method: str = "global"

    def __post_init__(self):
        """Check and normalize."""
        target = _phrase(self.target, "Type what you want to see, for example 'blonde hair'.")
        neutral = _phrase(self.neutral, f"Type what the photo shows now, for example '{NEUTRAL}'.")
        if target.casefold() == neutral.casefold():
            raise OptionError(
                f"The wanted and the neutral words are both {_show(target)}; change one of them."
            )
        _set(self, "target", target)
        _set(self, "neutral", neutral)
        _set(self, "strength", _number(self.strength, f"strength of {_show(target)}", TEXT_RANGE))
        if self.focus is not None:
            _set(self, "focus", _number(self.focus, f"focus of {_show(target)}", FOCUS_RANGE))
        _check_choice(self.method, "text method", METHODS)


@dataclass(frozen=True)
class ComponentEdit:
    """One move along a principal component of W (GANSpace, Härkönen et al. 2020).

    Attributes:
        index: 0…79, the strongest first.
        strength: in standard deviations σ of the component, -20…20.
        rows: the style rows that are moved, 0 ≤ first < end ≤ 18, end exclusive.
        absolute: move to this coordinate, as GANSpace does, instead of by this distance.

    Raises:
        OptionError: a value outside its range.
    """

    index: int
    strength: float
    rows: tuple[int, int] = (0, ROWS)
    absolute: bool = False

    def __post_init__(self):
        """Check and normalize."""
        if not _is_whole(self.index) or not 0 <= self.index < COMPONENTS:
            raise OptionError(
                f"The component index is {_show(self.index)}; "
                f"choose a whole number from 0 to {COMPONENTS - 1}."
            )
        _set(self, "index", int(self.index))
        _set(self, "strength", _number(self.strength, f"strength of component {self.index}", COMPONENT_RANGE))
        rows = self.rows
        is_pair = isinstance(rows, (tuple, list)) and len(rows) == 2 and all(map(_is_whole, rows))
        if not is_pair or not 0 <= rows[0] < rows[1] <= ROWS:
            raise OptionError(
                f"The rows of component {self.index} are {_show(rows)}; "
                f"choose two whole numbers with 0 ≤ first < end ≤ {ROWS}."
            )
        _set(self, "rows", (int(rows[0]), int(rows[1])))
        if not isinstance(self.absolute, bool):
            raise OptionError(
                f"The choice absolute of component {self.index} is {_show(self.absolute)}; "
                "choose true or false."
            )


class _Strengths(Mapping[str, float]):
    """Strengths by name, read-only; unlike a mapping proxy it can be hashed and pickled."""

    def __init__(self, strengths: Mapping[str, float] | None = None):
        self._strengths = dict(strengths or {})

    def __getitem__(self, name: str) -> float:
        return self._strengths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._strengths)

    def __len__(self) -> int:
        return len(self._strengths)

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return repr(self._strengths)


@dataclass(frozen=True)
class Recipe:
    """All edits of one picture.

    Attributes:
        attributes: strengths by the names of the domain's table, each within its limits; zeros are dropped.
        texts: edits by words in the order they are applied, at most 8; zero strengths are dropped.
        components: moves along components, at most 20; moves by zero are dropped.
        mask_strength: 0 = generator only, 1 = as predicted, up to 2 = keep more of the photo.
        masks: how the edit meets the inversion's masks, one of `MASKS`.
        domain: name of what is edited, a key of `editing.attributes.TABLES`.

    Raises:
        OptionError: an unknown name, a value outside its range, or too many edits.
    """

    attributes: Mapping[str, float] = _Strengths()
    texts: tuple[TextEdit, ...] = ()
    components: tuple[ComponentEdit, ...] = ()
    mask_strength: float = 1.0
    masks: str = "adaptive"
    domain: str = FACES.name

    def __post_init__(self):
        """Check and normalize."""
        _check_choice(self.domain, "domain", tuple(TABLES))
        for name in self.attributes:
            _check_attribute(name, self.domain)
        strengths = {
            name: _number(self.attributes[name], f"strength of {name}", (attribute.low, attribute.high))
            for name, attribute in TABLES[self.domain].items()
            if name in self.attributes
        }
        _set(self, "attributes", _Strengths({name: value for name, value in strengths.items() if value}))
        _set(self, "texts", tuple(edit for edit in self.texts if edit.strength))
        _set(self, "components", tuple(edit for edit in self.components if edit.strength or edit.absolute))
        for name, most in (("texts", MAX_TEXTS), ("components", MAX_COMPONENTS)):
            if len(getattr(self, name)) > most:
                raise OptionError(
                    f"The recipe has {len(getattr(self, name))} {name}; keep the {most} that matter most."
                )
        _set(self, "mask_strength", _number(self.mask_strength, "mask strength", MASK_RANGE))
        _check_choice(self.masks, "choice of masks", MASKS)

    @property
    def is_empty(self) -> bool:
        """Whether the latent code stays as it is; masks and their strength do not touch it."""
        return not (self.attributes or self.texts or self.components)

    @property
    def only_blends(self) -> bool:
        """Whether nothing has to be drawn: the code stays, and so do the inversion's masks."""
        return self.is_empty and self.masks != "recompute"

    def with_attribute(self, name: str, strength: float) -> Recipe:
        """Derive a recipe with one attribute set, or removed by strength 0."""
        return replace(self, attributes={**self.attributes, name: strength})

    def with_text(self, edit: TextEdit) -> Recipe:
        """Derive a recipe with one more edit by words."""
        return replace(self, texts=(*self.texts, edit))

    def with_component(self, edit: ComponentEdit) -> Recipe:
        """Derive a recipe with one more move along a component."""
        return replace(self, components=(*self.components, edit))


_Kind = TypeVar("_Kind", TextEdit, ComponentEdit, Recipe)


def to_json(recipe: Recipe) -> str:
    """Write a recipe as one line of JSON: the version and what differs from the defaults, in fixed order."""
    # Pure ASCII, which also survives tools that turn the PNG's text into Latin-1.
    return json.dumps({"recipe": _VERSION, **_differences(recipe)}, default=_plain)


def from_json(text: str, domain: str = FACES.name) -> Recipe:
    """Read what `to_json` wrote of a recipe for this domain.

    Raises:
        OptionError: larger than 64 KB, not JSON, another version or domain, unknown or missing fields, wrong
            types, or values that a `Recipe` refuses.
    """
    if len(text) > _MAX_CHARACTERS:
        raise OptionError("This recipe is larger than 64 KB; choose one that was saved by this program.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # nested too deeply
        raise OptionError(
            "This recipe is not JSON, or is cut off; choose one that was saved by this program."
        ) from error
    if not isinstance(content, dict) or "recipe" not in content:
        raise OptionError(
            'This JSON has no version in a field "recipe"; choose a recipe that was saved by this program.'
        )
    version = content.pop("recipe")
    if not _is_whole(version) or version != _VERSION:
        raise OptionError(
            f"This recipe has version {_show(version)}, and this program reads version {_VERSION}; "
            "save it again with the same version of the program."
        )
    for name, kind in (("texts", TextEdit), ("components", ComponentEdit)):
        edits = content.get(name, [])
        if not isinstance(edits, list):
            raise OptionError(f"The recipe's {name} are {_show(edits)}; write them as a list.")
        content[name] = [_build(kind, edit, f"the recipe's {name}") for edit in edits]
    if not isinstance(content.get("attributes", {}), dict):
        raise OptionError(
            f"The recipe's attributes are {_show(content['attributes'])}; write them as names with strengths."
        )
    recipe = _build(Recipe, content, "the recipe")
    if recipe.domain != domain:
        raise OptionError(
            f"This recipe is for {recipe.domain}s, and these are {domain}s; choose another recipe or a "
            f"preset for {recipe.domain}s."
        )
    return recipe


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
    if len(text) > _MAX_CHARACTERS:
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


def neutral_of(domain: str) -> str:
    """Give the words that edits by words start from where nobody says others, as `NEUTRAL` for faces."""
    return f"a {domain}"


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


def provenance(recipe: Recipe) -> dict[str, str]:
    """Give the text fields for `samm.photo.save_png`: the recipe, the program, and how the picture was made.

    The XMP packet states IPTC's digital source type "composite with trained algorithmic media", by which
    other programs recognize an edited picture (IPTC Photo Metadata Standard, NewsCodes).
    """
    packet = _XMP.format(tool=_TOOL, source=_SOURCE_TYPE, text=escape(describe(recipe)))
    return {_PNG_FIELD: to_json(recipe), "Software": _TOOL, "XML:com.adobe.xmp": packet}


def load_recipe(path: str | Path, domain: str = FACES.name) -> Recipe:
    """Read a recipe from JSON or from a PNG that was saved with `provenance`, told apart by content.

    Raises:
        OptionError: the file is missing, unreadable, no recipe or one for another domain.
        PhotoError: the PNG is damaged.
    """
    path = Path(path)
    if not os.path.isfile(path):  # unlike `Path.is_file`, says no to what it may not look at
        raise OptionError(f"There is no recipe file {path.name}; check its name and folder.")
    try:
        with path.open("rb") as stream:
            data = stream.read(4 * _MAX_CHARACTERS + 1)  # UTF-8 takes up to 4 bytes for a character
    except OSError as error:
        raise OptionError(
            f"The recipe {path.name} cannot be opened ({(error.strerror or 'unknown reason').lower()}); "
            "change its permissions or choose another file."
        ) from error
    if data.startswith(b"\x89PNG"):
        text = read_png_text(path).get(_PNG_FIELD)
        if text is None:
            raise OptionError(
                f"The picture {path.name} holds no recipe; choose a PNG as it was saved by this program."
            )
        return from_json(text, domain)
    text = data.decode("utf-8-sig", errors="replace")
    if not text.lstrip().startswith("{"):
        raise OptionError(f"{path.name} is no recipe; choose a JSON or PNG file saved by this program.")
    return from_json(text, domain)


def _set(edit: TextEdit | ComponentEdit | Recipe, name: str, value: object) -> None:
    """Store a normalized value while a frozen edit is being made."""
    object.__setattr__(edit, name, value)


def _show(value: object) -> str:
    """Show any value within a sentence, shortened."""
    return reprlib.repr(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any, label: str, limits: tuple[float, float]) -> float:
    """Check a number against its limits, both included, and round it; True and NaN are no numbers."""
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise OptionError(f"The {label} is {_show(value)}; choose a number from {low:g} to {high:g}.")
    return round(float(value), DECIMALS) + 0.0  # adding zero makes -0.0 positive


def _phrase(words: Any, if_empty: str) -> str:
    """Check words and put single spaces between them."""
    if not isinstance(words, str):
        raise OptionError(f"The words are {_show(words)}; write them as text.")
    phrase = " ".join(words.split())
    if not phrase:
        raise OptionError(if_empty)
    if len(phrase) > MAX_PHRASE:
        raise OptionError(
            f"The words {_show(phrase)} have {len(phrase)} characters; use at most {MAX_PHRASE}."
        )
    if not phrase.isprintable():  # control characters and halves of characters, which XML cannot hold
        raise OptionError(
            f"The words {_show(phrase)} hold characters that cannot be shown; type them again as plain text."
        )
    return phrase


def _check_choice(value: object, label: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"The {label} is {_show(value)}; choose one of {', '.join(choices)}.")


def _check_attribute(name: Any, domain: str) -> None:
    if any(name in table for table in TABLES.values()):
        find(name, domain)  # or refuse what is for another domain
    else:
        table = TABLES[domain]
        close = difflib.get_close_matches(str(name)[:MAX_PHRASE], table)
        hint = f" (closest: {', '.join(close)})" if close else ""
        raise OptionError(
            f"There is no attribute called {_show(name)}{hint}; choose one of {', '.join(table)}."
        )


def _differences(edit: TextEdit | ComponentEdit | Recipe) -> dict[str, Any]:
    """List the values of an edit that are not the defaults."""
    values = {field.name: getattr(edit, field.name) for field in fields(edit)}
    return {field.name: values[field.name] for field in fields(edit) if values[field.name] != field.default}


def _plain(value: _Strengths | TextEdit | ComponentEdit) -> dict[str, Any]:
    """Turn what JSON does not know into a dictionary."""
    return dict(value) if isinstance(value, _Strengths) else _differences(value)


def _build(kind: type[_Kind], content: Any, where: str) -> _Kind:
    """Make an edit from a JSON object that has all the fields it needs and no others."""
    known = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        raise OptionError(f"An entry of {where} is {_show(content)}; write it as fields in braces.")
    for name in content:
        if name not in known:
            raise OptionError(f"There is no field {_show(name)} in {where}; allowed are {', '.join(known)}.")
    for field in fields(kind):
        if field.default is MISSING and field.name not in content:
            raise OptionError(f"An entry of {where} lacks its field {field.name}; add it.")
    return kind(**content)


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
        f"{_show(part.strip())} cannot be read; write it like age +2, blonde hair 1.2, component 3 +1.5."
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
